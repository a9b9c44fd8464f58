package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"

	"github.com/gbpf/gbpf/internal/kernel"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/loader"
	"github.com/gbpf/gbpf/verifier"
)

// A btfRig asks gbpf and the live kernel about programs that deal with kernel structures.
type btfRig struct {
	t     testing.TB
	types *btf.Spec
	known verifier.TypeSource

	asked, passed int // programs; of those accepted by both
	errors        int
}

func newBTFRig(t testing.TB) *btfRig {
	t.Helper()
	types, err := kernel.Types()
	if err != nil {
		t.Skip(err)
	}
	return &btfRig{t: t, types: types}
}

// A btfPoint is something that programs attach to.
type btfPoint struct {
	rig    *btfRig
	name   string
	ours   verifier.Spec
	theirs kernel.Prog
	km     *kernel.Map // of the program's loads of maps
}

// point describes programs of a type that attach to what p says.
func (r *btfRig) point(name string, p *ebpf.ProgramSpec) *btfPoint {
	r.t.Helper()
	p.Name, p.License = "p", "GPL"
	p.Instructions = asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}
	specs, err := loader.VerifierSpecs(&ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{"p": p}}, &loader.Options{KernelBTF: r.types})
	if err != nil {
		r.t.Fatalf("%s: %v", name, err)
	}
	pt := &btfPoint{rig: r, name: name, ours: *specs["p"]}
	if r.known == nil {
		r.known = pt.ours.Types
	}
	pt.ours.Types, pt.ours.Funcs, pt.ours.Lines = r.known, nil, nil
	pt.theirs = kernel.Prog{Type: uint32(p.Type), AttachType: uint32(p.AttachType), Flags: p.Flags, LogLevel: 1}
	if p.Type == ebpf.StructOps {
		pt.theirs.AttachBTFID, pt.theirs.AttachType = r.operation(p.AttachTo)
	} else if pt.theirs.AttachBTFID, err = attachID(p); err != nil {
		r.t.Fatalf("%s: %v", name, err)
	}
	return pt
}

// operation finds a member of a structure of operations: the structure's number and the member's index.
func (r *btfRig) operation(name string) (id, index uint32) {
	r.t.Helper()
	ops, member, _ := strings.Cut(name, ":")
	var s *btf.Struct
	if err := r.types.TypeByName(ops, &s); err != nil {
		r.t.Fatal(err)
	}
	n, err := r.types.TypeID(s)
	if err != nil {
		r.t.Fatal(err)
	}
	for i, m := range s.Members {
		if m.Name == member {
			return uint32(n), uint32(i)
		}
	}
	r.t.Fatalf("no %s", name)
	return 0, 0
}

func (r *btfRig) tracepoint(name string) *btfPoint {
	return r.point("tp_btf/"+name, &ebpf.ProgramSpec{Type: ebpf.Tracing, AttachType: ebpf.AttachTraceRawTp, AttachTo: name, SectionName: "tp_btf/" + name})
}

func (r *btfRig) iterator(name string) *btfPoint {
	return r.point("iter/"+name, &ebpf.ProgramSpec{Type: ebpf.Tracing, AttachType: ebpf.AttachTraceIter, AttachTo: name, SectionName: "iter/" + name})
}

func (r *btfRig) sleepableIterator(name string) *btfPoint {
	return r.point("iter.s/"+name, &ebpf.ProgramSpec{Type: ebpf.Tracing, AttachType: ebpf.AttachTraceIter, AttachTo: name, SectionName: "iter.s/" + name, Flags: 1 << 4})
}

func (r *btfRig) ops(name string) *btfPoint {
	return r.point("struct_ops/"+name, &ebpf.ProgramSpec{Type: ebpf.StructOps, AttachTo: name, SectionName: "struct_ops/" + name})
}

// An answer is what one side says of a program.
type answer struct {
	accepted bool
	state    string // what R2 holds at the end, in the words of the kernel's log
	why      string
}

func (a answer) String() string {
	if a.accepted {
		return "accepted, R2 is " + a.state
	}
	return "refused: " + a.why
}

var (
	kernelR2 = regexp.MustCompile(`\bR2(?:_w|_r)*=([a-z_A-Z0-9]+)`)
	oursR2   = regexp.MustCompile(` R2=([a-z_A-Z0-9]+)`)
)

// last is the last match of what stands in parentheses.
func last(re *regexp.Regexp, s string) string {
	all := re.FindAllStringSubmatch(s, -1)
	if len(all) == 0 {
		return ""
	}
	return all[len(all)-1][1]
}

// probe ends a program so that it is refused at a place that is known: what a load says that is refused later has been accepted,
// and the kernel's log tells what registers hold.
var probe = []isa.Insn{isa.New(isa.OpLdxDW, isa.R3, isa.R10, 8, 0), isa.New(isa.OpMov64Imm, isa.R0, 0, 0, 0), isa.New(isa.OpExit, 0, 0, 0, 0)}

// out is a jump's target behind the probe, for a jump that is at pc of a body of n instructions.
func out(pc, n int) int16 { return int16(n - pc) }

func (p *btfPoint) ask(body ...isa.Insn) (ours, theirs answer) {
	r := p.rig
	r.t.Helper()
	insns := append(append([]isa.Insn(nil), body...), probe...)
	raw, err := isa.Encode(insns)
	if err != nil {
		r.t.Fatal(err)
	}
	r.asked++
	var log bytes.Buffer
	spec := p.ours
	spec.Insns = insns
	var ve *verifier.Error
	_, err = verifier.Verify(&spec, verifier.Options{Log: &log})
	switch {
	case !errors.As(err, &ve):
		ours.why = fmt.Sprintf("not a verifier's error: %v", err)
	case ve.Insn == len(body) && ve.Code == verifier.CodeBounds:
		ours.accepted, ours.state = true, last(oursR2, log.String())
	default:
		ours.why = ve.Error()
	}
	kp := p.theirs
	kp.Insns = raw
	for pc := range insns {
		if insns[pc].Op == isa.OpLddwMapFD {
			if kp.Maps == nil {
				kp.Maps = map[int]*kernel.Map{}
			}
			kp.Maps[pc] = p.km
		}
		if insns[pc].Op == isa.OpCallKfunc {
			if kp.Kfuncs == nil {
				kp.Kfuncs = map[int]string{}
			}
			kp.Kfuncs[pc] = p.ours.Kfuncs[insns[pc].Imm]
		}
	}
	_, v, err := kernel.Load(&kp)
	if err != nil {
		r.t.Fatal(err)
	}
	if strings.HasPrefix(v.LastLine, "invalid read from stack R10 off=8") {
		theirs.accepted, theirs.state = true, last(kernelR2, v.Log)
	} else {
		theirs.why = v.ErrnoName + " " + v.LastLine
	}
	return ours, theirs
}

// compare asks both and reports a difference. It reports whether both accept.
func (p *btfPoint) compare(what string, body ...isa.Insn) bool {
	r := p.rig
	r.t.Helper()
	ours, theirs := p.ask(body...)
	if ours.accepted != theirs.accepted || ours.state != theirs.state {
		if r.errors++; r.errors <= 50 {
			r.t.Errorf("%s: %s:\n\tgbpf: %v\n\tkernel: %v", p.name, what, ours, theirs)
		}
		return false
	}
	if ours.accepted {
		r.passed++
	}
	return ours.accepted
}

func (r *btfRig) report(what string) {
	r.t.Logf("%s: %d programs compared with the live kernel, %d accepted by both, %d differences", what, r.asked, r.passed, r.errors)
}

// loadInsn is dst = *(uN *)(src + off).
func loadInsn(dst, src isa.Reg, off, size int) isa.Insn {
	op := map[int]isa.Op{1: isa.OpLdxB, 2: isa.OpLdxH, 4: isa.OpLdxW, 8: isa.OpLdxDW}[size]
	return isa.New(op, dst, src, int16(off), 0)
}

// tracepoints are the names of the kernel's tracepoints.
func (r *btfRig) tracepoints() (names []string) {
	for t, err := range r.types.All() {
		if err != nil {
			r.t.Fatal(err)
		}
		if td, ok := t.(*btf.Typedef); ok {
			if name, ok := strings.CutPrefix(td.Name, "btf_trace_"); ok {
				names = append(names, name)
			}
		}
	}
	return names
}
