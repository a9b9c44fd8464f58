package conformance

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/internal/interp"
	"github.com/gbpf/gbpf/internal/trap"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/verifier"
)

// Claims are what a verification says of every run of a program: what the soundness
// check tests.
type Claims struct {
	// At returns the register files recorded for an instruction, and whether there are no
	// others; nil for no such claims.
	At func(pc int) (files [][11]verifier.Reg, complete bool)
	// Facts are the facts of one or several proofs, each by instruction.
	Facts [][]verifier.Fact
	// Ends says that the program is known to end without help: it has no loop that only a
	// contract bounds. A run out of fuel is a violation then.
	Ends bool
	// MaxCtx is how many bytes of context a run must have, where the host says how many
	// there are.
	MaxCtx int
	// Bound is how many instructions a run takes at most, 0 for no such claim.
	Bound int
}

// Violation is a run that did what a verification says no run does.
type Violation struct {
	Kind     string // what was broken, the same for like violations: "register", "safe", "trap bad memory access"
	Insn     int
	Text     string // what was claimed and what was seen, in one line
	Claimed  []string
	Input    int // number of the input
	Program  string
	Seed     uint64
	Disasm   []string
	Concrete string // the registers
}

// Error is one line.
func (v *Violation) Error() string {
	return fmt.Sprintf("soundness: %s: insn %d: %s: %s", v.Program, v.Insn, v.Kind, v.Text)
}

// Report is all that a person needs: the program, the claims, and what was seen.
func (v *Violation) Report() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v\nseed %d, input %d\n", v, v.Seed, v.Input)
	for pc, line := range v.Disasm {
		if line == "" {
			continue
		}
		mark := "   "
		if pc == v.Insn {
			mark = "=> "
		}
		fmt.Fprintf(&b, "%s%4d: %s\n", mark, pc, line)
	}
	if v.Concrete != "" {
		fmt.Fprintf(&b, "seen:    %s\n", v.Concrete)
	}
	for _, c := range v.Claimed {
		fmt.Fprintf(&b, "claimed: %s\n", c)
	}
	return b.String()
}

// SoundnessStats count what a soundness check really did.
type SoundnessStats struct {
	Programs   int    // given
	Accepted   int    // accepted, so run
	Traced     int    // of those, with register files too
	Pairs      uint64 // runs: of a program on an input
	Insns      uint64 // instructions executed and checked
	Registers  uint64 // registers held against a register file that says something of them
	Facts      uint64 // facts tested
	Misaligned uint64 // runs that ended in an atomic operation at a misaligned address, which is no fault of the verifier
	TooDeep    uint64 // runs that nested more frames through tail calls than an engine has
	OutOfFuel  uint64 // runs cut short, of programs whose loops end by contract
	Incomplete uint64 // instructions executed with more states than are recorded: no register tested
	Unknown    uint64 // registers whose object the check cannot tell
	Differ     int    // programs accepted with a trace and refused without, or the other way round
}

// Soundness runs accepted programs on random inputs and holds every step against what the
// verifier said. It reuses guest memory and maps; it is for one goroutine.
type Soundness struct {
	Stats SoundnessStats
	// Options are those of the verification.
	Options verifier.Options
	// MaxStates bounds the register files of an instruction, 0 for 1024.
	MaxStates int

	rig *soundRig
}

// NewSoundness makes an empty check. Close gives its memory back.
func NewSoundness() (*Soundness, error) {
	rig, err := newSoundRig()
	if err != nil {
		return nil, err
	}
	return &Soundness{rig: rig}, nil
}

// Close gives the memory back.
func (s *Soundness) Close() error { return s.rig.close() }

// Verdict is what Check found of a program.
type Verdict struct {
	Accepted  bool
	Reject    error // of the verifier
	Violation *Violation
}

// Check verifies a program, and if it is accepted runs it on that many inputs made from the
// seed. The error says that the program cannot be run for reasons of its own, such as
// a map that cannot be made.
func (s *Soundness) Check(spec *verifier.Spec, seed uint64, inputs int) (Verdict, error) {
	s.Stats.Programs++
	claims, v, err := s.claims(spec)
	if claims == nil {
		if v != nil {
			v.Seed = seed
		}
		return Verdict{Reject: err, Violation: v}, nil
	}
	s.Stats.Accepted++
	v, err = s.Run(spec, claims, seed, inputs)
	return Verdict{Accepted: true, Violation: v}, err
}

// claims verifies a program twice, without a trace and with one: they leave out different
// states. It returns nil for a program that is refused.
func (s *Soundness) claims(spec *verifier.Spec) (*Claims, *Violation, error) {
	o := s.Options
	o.Trace = nil
	proof, err := verifier.Verify(spec, o)
	if err != nil {
		return nil, nil, err
	}
	c := &Claims{Facts: [][]verifier.Fact{proofFacts(proof)}, Ends: endsAlone(spec.Insns), MaxCtx: proof.MaxCtx()}
	if n, ok := proof.MaxInsns(); ok {
		c.Bound = n
	}
	tr := &verifier.Trace{MaxStates: s.MaxStates}
	if tr.MaxStates == 0 {
		tr.MaxStates = 1024
	}
	o.Trace = tr
	traced, err := verifier.Verify(spec, o)
	if err != nil {
		// Without leaving anything out the walk may be too long, and nothing else.
		s.Stats.Differ++
		var e *verifier.Error
		if !errors.As(err, &e) || e.Code != verifier.CodeLimit {
			return nil, &Violation{
				Kind: "verdict", Insn: -1, Program: spec.Name, Disasm: disasm(spec.Insns),
				Text: "accepted, but refused when no state is left out: " + err.Error(),
			}, err
		}
		return c, nil, nil
	}
	s.Stats.Traced++
	c.At = tr.At
	c.Facts = append(c.Facts, proofFacts(traced))
	c.MaxCtx = max(c.MaxCtx, traced.MaxCtx())
	return c, nil, nil
}

func proofFacts(p *verifier.Proof) []verifier.Fact {
	facts := make([]verifier.Fact, len(p.Insns()))
	for pc := range facts {
		facts[pc] = *p.Fact(pc)
	}
	return facts
}

// endsAlone reports whether no instruction makes a loop whose end the verifier takes from a
// contract.
func endsAlone(insns []isa.Insn) bool {
	for _, in := range insns {
		switch in.Op {
		case isa.OpMayGoto, isa.OpCallKfunc, isa.OpCallReg:
			return false
		case isa.OpCallHelper:
			if p := proto.ByID(int32(in.Imm)); p == nil || p.Callback != nil || p.Engine {
				return false
			}
		}
	}
	return true
}

// Fuel of a run, in units: so much that no accepted program that ends by itself needs it, and
// little where only a contract ends a loop.
const (
	fuelAlone    = 1 << 22
	fuelContract = 1 << 14
)

// Run runs a program on inputs made from the seed and holds each run against the claims. It
// returns the first violation.
func (s *Soundness) Run(spec *verifier.Spec, claims *Claims, seed uint64, inputs int) (*Violation, error) {
	rng := rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))
	sub, err := s.rig.prepare(spec, rng)
	if err != nil {
		return nil, err
	}
	defer s.rig.release(sub)
	sub.minCtx = claims.MaxCtx
	w := newSoundWatch(s, sub, claims, rng)
	mode := interp.Mode{Checked: true, Uninit: s.Options.Policy == verifier.PolicyStrict, Watch: w.watch}
	sub.dictionary()
	fuel := uint64(fuelContract)
	if claims.Ends {
		fuel = fuelAlone
	}
	for i := range inputs {
		st := s.rig.state(rng)
		if !sub.setup(st, rng) {
			continue
		}
		mode.MayGoto = 1 + rng.Uint32N(24)
		w.begin(st)
		r1, r2 := st.Bctx.Entry()
		res, t := st.Run(context.Background(), sub.code, mode, fuel, r1, r2)
		s.Stats.Pairs++
		s.Stats.Insns += res.Insns
		if w.bad == nil {
			w.end(&res, t)
		}
		if b := claims.Bound; w.bad == nil && b > 0 && !w.foreign {
			s.Stats.Facts++
			if res.Insns > uint64(b) {
				w.violate("bound", w.lastPC, fmt.Sprintf("%d instructions, said to be %d at most", res.Insns, b))
			}
		}
		if w.bad != nil {
			w.bad.Input, w.bad.Seed, w.bad.Program, w.bad.Disasm = i, seed, spec.Name, disasm(spec.Insns)
			return w.bad, nil
		}
	}
	return nil, nil
}

// end judges how a run ended.
func (w *soundWatch) end(res *interp.Result, t *trap.Trap) {
	if t == nil {
		if r := w.sub.returns; !w.foreign && !r.Contains(int32(res.R0)) {
			w.violate("return", w.lastPC, fmt.Sprintf("r0 = %#x: the type returns %v", res.R0, r))
		}
		w.sub.leaks(w)
		return
	}
	switch {
	case t.Code == trap.Fuel && !w.claims.Ends:
		w.s.Stats.OutOfFuel++
		w.sub.reset()
		return
	case t.Code == trap.CallDepth && w.sub.tails:
		// Tail calls of functions leave their callers' frames, of which the kernel has more.
		w.s.Stats.TooDeep++
		w.sub.reset()
		return
	case t.Code == trap.Misaligned:
		// The kernel takes it where the machine does; gbpf stops it on all machines.
		w.s.Stats.Misaligned++
		w.sub.reset()
		return
	}
	w.violate("trap "+t.Code.String(), t.Insn, t.Error())
}

func disasm(insns []isa.Insn) []string {
	lines := make([]string, len(insns))
	names := &isa.Names{Helper: proto.Name}
	for pc := range insns {
		if insns[pc].Op != isa.OpLddwHi {
			lines[pc] = isa.Format(insns, pc, names)
		}
	}
	return lines
}
