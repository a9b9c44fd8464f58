package progtype_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"

	"github.com/gbpf/gbpf/internal/kernel"
	"github.com/gbpf/gbpf/isa"
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

// TestAccess asks the live kernel about every load and store of every size at every offset of a context, and compares
// its verdict with the layout's.
func TestAccess(t *testing.T) {
	if err := kernel.Available(); err != nil {
		t.Skipf("left out: %v", err)
	}
	loads := []isa.Op{isa.OpLdxB, isa.OpLdxH, isa.OpLdxW, isa.OpLdxDW}
	stores := []isa.Op{isa.OpStxB, isa.OpStxH, isa.OpStxW, isa.OpStxDW}
	for _, c := range []struct {
		name   string
		attach uint32
	}{
		{"xdp", 0}, {"sched_cls", 0}, {"socket_filter", 0}, {"cgroup_skb", 0}, {"kprobe", 0}, {"tracepoint", 0},
		{"raw_tracepoint", 0}, {"perf_event", 0}, {"sk_lookup", progtype.AttachSkLookup}, {"sock_ops", progtype.AttachCgroupSockOps},
	} {
		typ := progtype.ByName(c.name)
		l := typ.Layout(c.attach)
		step := 1
		if testing.Short() {
			step = 4
		}
		compared, differ := 0, 0
		for off := 0; off < int(min(l.Size, 256)); off += step {
			for i, size := range []uint32{1, 2, 4, 8} {
				for _, access := range []progtype.Access{progtype.Read, progtype.Write} {
					access := access
					body := []isa.Insn{isa.New(loads[i], 0, 1, int16(off), 0), isa.New(isa.OpMov64Imm, 0, 0, 0, 0), isa.New(isa.OpExit, 0, 0, 0, 0)}
					if access == progtype.Write {
						body = []isa.Insn{isa.New(isa.OpMov64Imm, 0, 0, 0, 0), isa.New(stores[i], 1, 0, int16(off), 0), isa.New(isa.OpExit, 0, 0, 0, 0)}
					}
					raw, err := isa.Encode(body)
					if err != nil {
						t.Fatal(err)
					}
					p, v, err := kernel.Load(&kernel.Prog{Type: typ.Kernel, AttachType: c.attach, Insns: raw, License: "GPL"})
					if err != nil && v == nil {
						t.Fatal(err)
					}
					if p != nil {
						p.Close()
					}
					compared++
					if _, ok := l.At(uint32(off), size, access); ok != v.Accepted {
						if differ++; differ <= 8 {
							t.Errorf("%s: access %d of %d bytes at %d: ours %v, the kernel's %v: %s", c.name, access, size, off, ok, v.Accepted, v.LastLine)
						}
					}
				}
			}
		}
		t.Logf("%s: %d accesses compared with the live kernel, %d differ", c.name, compared, differ)
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
