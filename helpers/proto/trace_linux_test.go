package proto_test

import (
	"bytes"
	"encoding/binary"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"

	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/internal/kernel"
)

// tracer asks the live kernel about programs that trace one of its functions.
type tracer struct {
	t     *testing.T
	spec  *btf.Spec
	asked int
}

func newTracer(t *testing.T) *tracer {
	t.Helper()
	if err := kernel.Available(); err != nil {
		t.Skip(err)
	}
	needTables(t)
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		t.Skip(err)
	}
	return &tracer{t: t, spec: spec}
}

var r2State = regexp.MustCompile(`R2=([a-z_A-Z0-9]+)`)

// loads says what R2 holds behind body, in the words of the kernel's log, and "" when body is refused. Body may jump to
// "out".
func (tr *tracer) loads(attach ebpf.AttachType, id btf.TypeID, body ...asm.Instruction) string {
	tr.t.Helper()
	is := append(slices.Clone(body), asm.LoadMem(asm.R3, asm.RFP, 8, asm.DWord), asm.Mov.Imm(asm.R0, 0).WithSymbol("out"), asm.Return())
	var b bytes.Buffer
	if err := asm.Instructions(is).Marshal(&b, binary.LittleEndian); err != nil {
		tr.t.Fatal(err)
	}
	tr.asked++
	_, v, err := kernel.Load(&kernel.Prog{Type: uint32(ebpf.Tracing), AttachType: uint32(attach), Insns: b.Bytes(), AttachBTFID: uint32(id), LogLevel: 1})
	if err != nil {
		tr.t.Fatal(err)
	}
	all := r2State.FindAllStringSubmatch(v.Log, -1)
	if len(all) == 0 || !strings.HasPrefix(v.LastLine, "invalid read from stack") {
		return ""
	}
	return all[len(all)-1][1]
}

// point is a tracepoint or iterator.
type point struct {
	name   string
	attach ebpf.AttachType
	id     btf.TypeID
	params []btf.FuncParam
}

// points finds the tracepoints and iterators of the live kernel.
func (tr *tracer) points() (list []point) {
	tr.t.Helper()
	for typ, err := range tr.spec.All() {
		if err != nil {
			tr.t.Fatal(err)
		}
		p := point{}
		switch v := typ.(type) {
		case *btf.Typedef:
			name, ok := strings.CutPrefix(v.Name, "btf_trace_")
			if !ok {
				continue
			}
			p.name, p.attach, p.params = name, ebpf.AttachTraceRawTp, v.Type.(*btf.Pointer).Target.(*btf.FuncProto).Params[1:]
		case *btf.Func:
			name, ok := strings.CutPrefix(v.Name, "bpf_iter_")
			params := v.Type.(*btf.FuncProto).Params
			if !ok || len(params) == 0 || params[0].Name != "meta" || name == "get_info" {
				continue
			}
			p.name, p.attach, p.params = name, ebpf.AttachTraceIter, params
		default:
			continue
		}
		if p.id, err = tr.spec.TypeID(typ); err != nil {
			tr.t.Fatal(err)
		}
		list = append(list, p)
	}
	return list
}

// pointer is how the log names a pointer to a kernel structure.
func pointer(flags proto.Flag, name string) string {
	s := "ptr_"
	if flags&proto.MaybeNull != 0 {
		s += "or_null_"
	}
	for _, f := range []struct {
		flag proto.Flag
		name string
	}{{proto.Trusted, "trusted_"}, {proto.RCU, "rcu_"}} {
		if flags&f.flag != 0 {
			s = f.name + s
		}
	}
	return s + name
}

// TestTracepointArgs compares which arguments of tracepoints may be NULL with what the live kernel says of each that it
// has.
func TestTracepointArgs(t *testing.T) {
	tr := newTracer(t)
	compared, nulls := 0, 0
	for _, p := range tr.points() {
		if p.attach != ebpf.AttachTraceRawTp {
			continue
		}
		for i := range p.params {
			to, _, ok := pointed(p.params[i].Type)
			if !ok {
				continue
			}
			name, _, ok := composite(to)
			if !ok {
				continue
			}
			var flags proto.Flag
			if proto.TracepointNullable(p.name, i) {
				flags, nulls = proto.MaybeNull, nulls+1
			}
			got := tr.loads(p.attach, p.id, asm.LoadMem(asm.R2, asm.R1, int16(8*i), asm.DWord))
			compared++
			if want := pointer(flags|proto.Trusted, name); got != want {
				t.Errorf("argument %d of %s is %s, the kernel says %s", i, p.name, want, got)
			}
		}
	}
	t.Logf("%d arguments compared with the live kernel, %d of them may be NULL", compared, nulls)
}

// TestIterFields compares the contexts of iterator programs with what the live kernel says.
func TestIterFields(t *testing.T) {
	tr := newTracer(t)
	compared := 0
	for _, p := range tr.points() {
		if p.attach != ebpf.AttachTraceIter {
			continue
		}
		fields := proto.IterFields(p.name)
		if len(fields) != len(p.params) {
			t.Errorf("%s has %d fields, the kernel's %d", p.name, len(fields), len(p.params))
			continue
		}
		for i, f := range fields {
			want := "scalar"
			switch f.Kind {
			case proto.IterBTF:
				want = pointer(f.Flags, f.BTF)
			case proto.IterBuf:
				want = "buf"
				if f.Flags&proto.Rdonly != 0 {
					want = "rdonly_buf"
				}
				if f.Flags&proto.MaybeNull != 0 {
					want += "_or_null"
				}
			}
			got := tr.loads(p.attach, p.id, asm.LoadMem(asm.R2, asm.R1, int16(8*i), asm.DWord))
			compared++
			if got != want || f.Name != p.params[i].Name {
				t.Errorf("%s: field %s is %s, the kernel's %s is %s", p.name, f.Name, want, p.params[i].Name, got)
			}
		}
	}
	t.Logf("%d fields compared with the live kernel", compared)
}

// TestArgAccess compares the loads that contexts made of arguments allow with what the live kernel says.
func TestArgAccess(t *testing.T) {
	tr := newTracer(t)
	compared := 0
	for _, p := range tr.points() {
		if p.name != "sched_switch" && p.name != "task_file" && p.name != "udp" && p.name != "sys_enter" {
			continue
		}
		for off := range uint32(8 * len(p.params)) {
			_, _, isPtr := pointed(p.params[off/8].Type)
			for size, s := range map[uint32]asm.Size{1: asm.Byte, 2: asm.Half, 4: asm.Word, 8: asm.DWord} {
				got := tr.loads(p.attach, p.id, asm.LoadMem(asm.R2, asm.R1, int16(off), s)) != ""
				compared++
				if ours := proto.ArgAccess(isPtr, off, size); ours != got {
					t.Errorf("%s: load of %d bytes at %d: ours %v, the kernel's %v", p.name, size, off, ours, got)
				}
			}
		}
	}
	t.Logf("%d loads compared with the live kernel", compared)
}

// eachPointer calls f for the members of a structure that point to structures, also inside others.
func eachPointer(s btf.Type, base uint32, union bool, f func(off uint32, union bool, name string, to btf.Type)) {
	_, members, _ := composite(s)
	if _, ok := s.(*btf.Union); ok {
		union = true
	}
	for _, m := range members {
		off := base + m.Offset.Bytes()
		to, _, ok := pointed(m.Type)
		if !ok {
			if u := btf.UnderlyingType(m.Type); m.BitfieldSize == 0 {
				eachPointer(u, off, union, f)
			}
			continue
		}
		if _, _, ok := composite(to); ok {
			f(off, union, m.Name, to)
		}
	}
}

// TestFieldTrust compares what pointers out of kernel structures are worth with what the live kernel says: of all structures
// that tracepoints and iterators give, and those that trusted fields lead to.
func TestFieldTrust(t *testing.T) {
	tr := newTracer(t)
	seen, found := map[string]bool{}, map[[2]string]bool{}
	compared, left := 0, 0
	var visit func(s btf.Type, p point, get []asm.Instruction)
	visit = func(s btf.Type, p point, get []asm.Instruction) {
		parent, _, _ := composite(s)
		if seen[parent] {
			return
		}
		seen[parent] = true
		eachPointer(s, 0, false, func(off uint32, union bool, field string, to btf.Type) {
			target, _, _ := composite(to)
			trust := proto.FieldTrust(parent, field, target)
			if union && trust == proto.TrustNone || off > 32000 {
				return // the first member at the offset counts, and it may be stale
			}
			if left++; trust == proto.TrustNone && left%16 != 0 && !*update {
				return // a sixteenth of them, to save time
			}
			body := append(slices.Clone(get), asm.LoadMem(asm.R2, asm.R7, int16(off), asm.DWord))
			got := tr.loads(p.attach, p.id, body...)
			want := map[proto.Trust]string{
				proto.TrustNone: "ptr_", proto.TrustRCU: "rcu_ptr_", proto.TrustRCUOrNull: "rcu_ptr_or_null_",
				proto.TrustFull: "trusted_ptr_", proto.TrustFullOrNull: "trusted_ptr_or_null_",
			}[trust] + target
			compared++
			if got != want {
				t.Errorf("%s.%s at %d is %s, the kernel says %s", parent, field, off, want, got)
			}
			if trust != proto.TrustNone && got == want {
				found[[2]string{parent, field}] = true
				visit(to, p, append(body, asm.JEq.Imm(asm.R2, 0, "out"), asm.Mov.Reg(asm.R7, asm.R2)))
			}
		})
	}
	for _, p := range tr.points() {
		for i := range p.params {
			to, _, ok := pointed(p.params[i].Type)
			if !ok {
				continue
			}
			if name, _, ok := composite(to); !ok || seen[name] {
				continue
			}
			get := []asm.Instruction{asm.LoadMem(asm.R2, asm.R1, int16(8*i), asm.DWord)}
			if strings.HasPrefix(tr.loads(p.attach, p.id, get...), "trusted_") {
				visit(to, p, append(get, asm.JEq.Imm(asm.R2, 0, "out"), asm.Mov.Reg(asm.R7, asm.R2)))
			}
		}
	}
	t.Logf("%d fields of %d structures compared with the live kernel, of which %d are trusted", compared, len(seen), len(found))
}
