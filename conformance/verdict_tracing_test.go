package conformance

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"

	"github.com/gbpf/gbpf/internal/kernel"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/loader"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

// tracingSpec describes a program of type tp_btf to the verifier, with the live kernel's types.
func tracingSpec(t *testing.T, types *btf.Spec, tracepoint string, insns []isa.Insn) *verifier.Spec {
	t.Helper()
	raw, err := isa.Encode(insns)
	if err != nil {
		t.Fatal(err)
	}
	code, err := asm.AppendInstructions(nil, bytes.NewReader(raw), binary.LittleEndian, "linux")
	if err != nil {
		t.Fatal(err)
	}
	specs, err := loader.VerifierSpecs(&ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{"p": {
		Name: "p", Type: ebpf.Tracing, AttachType: ebpf.AttachTraceRawTp, AttachTo: tracepoint, License: "GPL", Instructions: code,
	}}}, &loader.Options{KernelBTF: types})
	if err != nil {
		t.Fatal(err)
	}
	return specs["p"]
}

// tracepoints lists the tracepoints that the live kernel has types of.
func tracepoints(types *btf.Spec) []string {
	var names []string
	for typ, err := range types.All() {
		if err != nil {
			return nil
		}
		if td, ok := typ.(*btf.Typedef); ok && strings.HasPrefix(td.Name, "btf_trace_") {
			names = append(names, strings.TrimPrefix(td.Name, "btf_trace_"))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// A tracer makes programs that load arguments of a tracepoint and walk the structures they point to.
type tracer struct {
	r     *rand.Rand
	types verifier.TypeSource
}

func (g *tracer) load(dst, src isa.Reg, off, size int) isa.Insn {
	op := map[int]isa.Op{1: isa.OpLdxB, 2: isa.OpLdxH, 4: isa.OpLdxW, 8: isa.OpLdxDW}[size]
	return isa.New(op, dst, src, int16(off), 0)
}

func (g *tracer) size() int { return 1 << g.r.IntN(4) }

// place picks an offset into a structure, mostly that of a member, and a size that often fits it.
func (g *tracer) place(name string) (off, size int, next string) {
	size = g.size()
	s := g.types.Struct(name)
	if s == nil || len(s.Members) == 0 {
		return g.r.IntN(64), size, ""
	}
	for range 8 { // into structures inside the structure
		m := s.Members[g.r.IntN(len(s.Members))]
		if g.r.IntN(3) == 0 { // a pointer, if there is one
			for _, o := range s.Members {
				if o.Kind == verifier.MemberPtr && g.r.IntN(3) == 0 {
					m = o
					break
				}
			}
		}
		off += int(m.Off)
		if m.ElemSize > 0 && m.Size > m.ElemSize && g.r.IntN(2) == 0 {
			off += int(m.ElemSize) * g.r.IntN(int(m.Size/m.ElemSize)+1)
		}
		if m.Kind == verifier.MemberStruct && g.r.IntN(4) > 0 {
			if in := g.types.Struct(m.Type); in != nil && len(in.Members) > 0 {
				s = in
				continue
			}
		}
		if m.Size > 0 && m.Size <= 8 && g.r.IntN(8) > 0 {
			size = int(m.Size)
			if size&(size-1) != 0 {
				size = 1
			}
		}
		if m.Kind == verifier.MemberPtr {
			next = m.Type
		}
		break
	}
	if g.r.IntN(12) == 0 {
		off += g.r.IntN(17) - 8
		next = ""
	}
	return off, size, next
}

// program loads argument n, which may point to a structure, and goes on from there.
func (g *tracer) program(n int, target string) []isa.Insn {
	code := []isa.Insn{isa.New(isa.OpMov64Imm, 0, 0, 0, 0)}
	size := 8
	if g.r.IntN(10) == 0 {
		size = g.size()
	}
	off := 8 * n
	if g.r.IntN(20) == 0 {
		off += g.r.IntN(8)
	}
	code = append(code, g.load(6, 1, off, size))
	exit := isa.New(isa.OpExit, 0, 0, 0, 0)
	for hop := 0; hop < 3 && target != ""; hop++ {
		if g.r.IntN(3) == 0 {
			code = append(code, isa.New(isa.OpJneImm, 6, 0, 1, 0), exit)
		}
		var at, width int
		at, width, target = g.place(target)
		if at > 32000 || at < -32000 {
			break
		}
		if g.r.IntN(6) == 0 {
			code = append(code, isa.New(isa.OpAdd64Imm, 6, 0, 0, int64(at)))
			at = 0
		}
		code = append(code, g.load(6, 6, at, width))
	}
	return append(code, isa.New(isa.OpMov64Imm, 0, 0, 0, 0), exit)
}

// TestTracingAgainstKernel compares verdicts about programs that walk the structures that the
// live kernel's tracepoints hand out.
func TestTracingAgainstKernel(t *testing.T) {
	if err := kernel.Available(); err != nil {
		t.Skip(err)
	}
	types, err := kernel.Types()
	if err != nil {
		t.Skip(err)
	}
	names := tracepoints(types)
	programs := 3000
	if testing.Short() {
		programs = 600
	}
	r := rand.New(rand.NewPCG(1, 3))
	specs := map[string]*verifier.Spec{}
	var v verdicts
	shown := 0
	for i := range programs {
		name := names[r.IntN(len(names))]
		s := specs[name]
		if s == nil {
			s = tracingSpec(t, types, name, []isa.Insn{isa.New(isa.OpMov64Imm, 0, 0, 0, 0), isa.New(isa.OpExit, 0, 0, 0, 0)})
			specs[name] = s
		}
		if s.AttachBTF == nil {
			t.Errorf("%s: the loader has no type of it", name)
			continue
		}
		g := &tracer{r, s.Types}
		n := r.IntN(len(s.AttachBTF.Args) + 1)
		target := ""
		if n < len(s.AttachBTF.Args) {
			target = s.AttachBTF.Args[n].Type
		}
		s.Insns = g.program(n, target)
		raw, err := isa.Encode(s.Insns)
		if err != nil {
			t.Fatal(err)
		}
		id, err := kernel.TypedefID("btf_trace_" + name)
		if err != nil {
			t.Fatal(err)
		}
		p, live, err := kernel.Load(&kernel.Prog{Type: progtype.Tracing.Kernel, AttachType: progtype.AttachTraceRawTP, AttachBTFID: id, Insns: raw})
		if err != nil {
			t.Fatal(err)
		}
		if p != nil {
			p.Close()
		}
		if live.Processed == 0 {
			v.leaveOut("the kernel does not have the tracepoint: " + live.ErrnoName)
			continue
		}
		if text := v.add(fmt.Sprint(i), live.Accepted, live.LastLine, live.Processed, judge(t, s), nil); text != "" {
			if shown++; shown <= 15 {
				differs(t)("%s: %s\n%s", name, text, listing(s))
			}
		}
	}
	t.Logf("%d tracepoints: %v", len(specs), v.String())
}
