package progtype_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"

	"github.com/gbpf/gbpf/progtype"
)

// TestOffsets holds the context layouts against the types of the running kernel.
func TestOffsets(t *testing.T) {
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		t.Skipf("no BTF of a kernel here: %v", err)
	}
	compared := 0
	for _, typ := range progtype.All() {
		if strings.Contains(typ.Name, "tracepoint") {
			continue // as long as the event's arguments, which the structure does not say
		}
		var st *btf.Struct
		if spec.TypeByName(typ.Ctx.Name, &st) != nil {
			continue
		}
		offsets := map[string]uint32{}
		flatten(st.Members, 0, offsets)
		for i := range typ.Ctx.Fields {
			f := &typ.Ctx.Fields[i]
			off, ok := offsets[f.Name]
			if !ok {
				continue
			}
			compared++
			if off != f.Off {
				t.Errorf("%s: struct %s: field %s at %d, the kernel has it at %d", typ, typ.Ctx.Name, f.Name, f.Off, off)
			}
		}
		if typ.Ctx.Size > st.Size {
			t.Errorf("%s: struct %s has %d bytes, the kernel's %d", typ, typ.Ctx.Name, typ.Ctx.Size, st.Size)
		}
	}
	t.Logf("%d field offsets compared with the kernel's types", compared)
	if compared < 80 {
		t.Errorf("only %d fields compared", compared)
	}
}

// flatten collects members by name, those of anonymous structures and unions too.
func flatten(members []btf.Member, base uint32, into map[string]uint32) {
	for _, m := range members {
		off := base + m.Offset.Bytes()
		if m.Name != "" {
			into[m.Name] = off
			continue
		}
		switch t := btf.UnderlyingType(m.Type).(type) {
		case *btf.Struct:
			flatten(t.Members, off, into)
		case *btf.Union:
			flatten(t.Members, off, into)
		}
	}
}

// TestRegistry checks that names and numbers find their types.
func TestRegistry(t *testing.T) {
	for _, typ := range progtype.All() {
		if progtype.ByName(typ.Name) != typ {
			t.Errorf("%s is not found by name", typ)
		}
		if typ.Kernel != 0 && progtype.ByKernel(typ.Kernel) != typ {
			t.Errorf("%s is not found by number %d", typ, typ.Kernel)
		}
	}
	if progtype.ByName("nothing") != nil || progtype.ByKernel(9999) != nil {
		t.Error("a type that there is not was found")
	}
	for section, want := range map[string]string{
		"xdp": "xdp", "tc": "sched_cls", "classifier": "sched_cls", "socket": "socket_filter", "kprobe/do_exit": "kprobe",
		"tracepoint/syscalls/sys_enter_open": "tracepoint", "raw_tp/sched_switch": "raw_tracepoint", "cgroup_skb/egress": "cgroup_skb",
		"perf_event": "perf_event", "syscall": "syscall", "uprobe/x": "kprobe",
	} {
		typ, _, ok := progtype.BySection(section)
		if !ok || typ.Name != want {
			t.Errorf("section %s: %v, want %s", section, typ, want)
		}
	}
}

func TestReadFields(t *testing.T) {
	l := &progtype.ByName("sched_cls").Ctx
	ctx := make([]byte, l.Size)
	f, off, err := l.Resolve("cb[3]")
	if err != nil || f.Name != "cb" {
		t.Fatal(f, err)
	}
	binary.LittleEndian.PutUint32(ctx[off:], 77)
	fields := map[string]uint64{}
	l.ReadFields(ctx, fields)
	if fields["cb[3]"] != 77 || fields["mark"] != 0 {
		t.Error(fields)
	}
	for _, bad := range []string{"cb[5]", "cb[x]", "cb[1", "nothing"} {
		if _, _, err := l.Resolve(bad); err == nil {
			t.Errorf("%s was found", bad)
		}
	}
}

func TestLSMReturns(t *testing.T) {
	for _, c := range []struct {
		attach uint32
		hook   string
		void   bool
		want   string
	}{
		{progtype.AttachLSMMac, "file_open", false, "[-4095, 0]"},
		{progtype.AttachLSMMac, "bpf_lsm_inode_xattr_skipcap", false, "[0, 1]"},
		{progtype.AttachLSMMac, "inode_free_security", true, "any value"},
		{progtype.AttachLSMCgroup, "socket_bind", false, "[0, 1]"},
		{progtype.AttachLSMCgroup, "sk_clone_security", true, "[1, 1]"},
	} {
		if got := progtype.LSMReturns(c.attach, c.hook, c.void).String(); got != c.want {
			t.Errorf("%s with %s: %s, want %s", c.hook, progtype.AttachName(c.attach), got, c.want)
		}
	}
}
