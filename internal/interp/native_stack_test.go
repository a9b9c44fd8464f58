package interp

import (
	"math/rand/v2"
	"testing"

	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/verifier"
)

// TestNativeStackReads runs verified programs that read and write their stack in all ways, in branches, loops and functions that are given
// each other's, on frames in which something lies: machine code clears what it may read before it wrote there, and no more.
func TestNativeStackReads(t *testing.T) {
	tw := newTwin(t)
	rng := rand.New(rand.NewPCG(21, 22))
	n := 30000
	if testing.Short() {
		n = 1000
	}
	ran := 0
	dirt := func(g *rig) {
		b, _ := g.mem.Slice(uint64(g.st.slot.Stack), guest.MaxFrames*guest.FrameStride)
		for i := range b {
			b[i] = byte(rng.Uint32()) | 1
		}
	}
	for range n {
		s := stackProgram{r: rng}
		insns := s.program()
		pa, err := tw.a.verified(insns, verifier.PolicyLinux)
		if err != nil {
			continue
		}
		pb, err := tw.b.verified(insns, verifier.PolicyLinux)
		if err != nil {
			t.Fatal(err)
		}
		if err := pb.Compile(tw.cfg); err != nil {
			t.Fatalf("%v\n%s", err, listing(insns))
		}
		for range 3 {
			dirt(tw.b)
			data := make([]byte, rng.IntN(256))
			ra, ta := tw.enter(tw.a, pa, Mode{}, 10000, data)
			rb, tb := tw.enter(tw.b, pb, Mode{Native: true}, 10000, data)
			if ra.R0 != rb.R0 || ra.Fuel != rb.Fuel || (ta == nil) != (tb == nil) {
				t.Fatalf("%d bytes: %#x, %d units, %v in the interpreter, %#x, %d units, %v in machine code\n%s", len(data), ra.R0, ra.Fuel, ta, rb.R0, rb.Fuel, tb, listing(insns))
			}
		}
		ran++
	}
	t.Logf("%d of %d programs were accepted", ran, n)
	if ran < n/5 {
		t.Error("too few")
	}
}

// stackProgram makes programs: R6 is a number below 256 that they are given, R8 counts turns, R9 is what they read.
type stackProgram struct {
	r     *rand.Rand
	insns []isa.Insn
}

func (s *stackProgram) add(op isa.Op, dst, src isa.Reg, off int16, imm int64) {
	s.insns = append(s.insns, isa.New(op, dst, src, off, imm))
}

// mix puts R3 into R9.
func (s *stackProgram) mix() {
	s.add(isa.OpXor64Reg, 9, 3, 0, 0)
	s.add(isa.OpMul64Imm, 9, 0, 0, 0x10003)
}

const stackBytes = 48 // that programs use

// place is an offset from the frame's top for size bytes.
func (s *stackProgram) place(size int) int16 {
	return -int16(size * (1 + s.r.IntN(stackBytes/size)))
}

// point makes a pointer of R4 to size bytes of the stack, of which the place may be known at run time only.
func (s *stackProgram) point(size int) {
	s.add(isa.OpMov64Reg, 4, 10, 0, 0)
	if s.r.IntN(2) == 0 {
		s.add(isa.OpAdd64Imm, 4, 0, 0, int64(s.place(size)))
		return
	}
	s.add(isa.OpMov64Reg, 5, 6, 0, 0)
	s.add(isa.OpRsh64Imm, 5, 0, 0, s.r.Int64N(5))
	s.add(isa.OpAnd64Imm, 5, 0, 0, []int64{8, 16, 24}[s.r.IntN(3)])
	s.add(isa.OpAdd64Imm, 4, 0, 0, -32-8*s.r.Int64N(3))
	s.add(isa.OpAdd64Reg, 4, 5, 0, 0)
}

func (s *stackProgram) body(n int, given bool) {
	start := len(s.insns)
	type jump struct{ at, to int }
	var jumps []jump
	loops := 0
	for k := range n {
		i := s.r.IntN(4)
		size := []int{1, 2, 4, 8}[i]
		load := []isa.Op{isa.OpLdxB, isa.OpLdxH, isa.OpLdxW, isa.OpLdxDW}[i]
		store := []isa.Op{isa.OpStB, isa.OpStH, isa.OpStW, isa.OpStDW}[i]
		switch s.r.IntN(14) {
		case 0, 1, 2:
			s.add(store, 10, 0, s.place(size), int64(s.r.IntN(100)))
		case 3:
			s.add(isa.OpStxDW, 10, []isa.Reg{6, 9}[s.r.IntN(2)], s.place(8), 0)
		case 4, 5:
			s.add(load, 3, 10, s.place(size), 0)
			s.mix()
		case 6:
			s.point(8)
			s.add(load, 3, 4, 0, 0)
			s.mix()
		case 7:
			s.point(8)
			s.add(store, 4, 0, 0, int64(s.r.IntN(100)))
		case 8:
			s.add(isa.OpMov64Imm, 3, 0, 0, 5)
			op := []isa.Op{isa.OpAtomicAdd64, isa.OpAtomicFetchAdd64, isa.OpAtomicXchg64}[s.r.IntN(3)]
			s.add(op, 10, 3, s.place(8), int64(op.Info().ImmVal))
			s.mix()
		case 9, 10:
			jumps = append(jumps, jump{len(s.insns), k + 1 + s.r.IntN(4)})
			s.add(isa.OpJsetImm, 6, 0, 0, 1<<s.r.IntN(8))
		case 11:
			if loops++; loops < 3 && k > 0 {
				s.add(isa.OpAdd64Imm, 8, 0, 0, 1)
				s.add(isa.OpJltImm, 8, 0, int16(start+s.r.IntN(len(s.insns)-start)-len(s.insns)-1), int64(2+s.r.IntN(4)))
			}
		case 12:
			if given { // what the caller has
				s.add(load, 3, 7, 0, 0)
				s.mix()
				s.add(store, 7, 0, 0, 7)
			}
		case 13:
			if !given && s.r.IntN(3) == 0 {
				s.add(isa.OpMov64Reg, 1, 10, 0, 0)
				s.add(isa.OpAdd64Imm, 1, 0, 0, int64(s.place(8)))
				s.add(isa.OpMov64Reg, 2, 6, 0, 0)
				s.add(isa.OpCallLocal, 0, 1, 0, -1)
				s.add(isa.OpMov64Reg, 3, 0, 0, 0)
				s.mix()
			}
		}
		for j := range jumps {
			if jumps[j].to == k {
				s.insns[jumps[j].at].Off = int16(len(s.insns) - jumps[j].at - 1)
			}
		}
	}
	for _, j := range jumps {
		if j.to >= n {
			s.insns[j.at].Off = int16(len(s.insns) - j.at - 1)
		}
	}
	s.add(isa.OpMov64Reg, 0, 9, 0, 0)
	s.add(isa.OpExit, 0, 0, 0, 0)
}

func (s *stackProgram) program() []isa.Insn {
	s.add(isa.OpMov64Reg, 6, 2, 0, 0)
	s.add(isa.OpAnd64Imm, 6, 0, 0, 255)
	s.add(isa.OpMov64Imm, 8, 0, 0, 0)
	s.add(isa.OpMov64Imm, 9, 0, 0, 1)
	s.body(3+s.r.IntN(16), false)
	f := len(s.insns)
	called := false
	for pc := range s.insns {
		if in := &s.insns[pc]; in.Op == isa.OpCallLocal {
			in.Imm, called = int64(f-pc-1), true
		}
	}
	if called {
		s.add(isa.OpMov64Reg, 7, 1, 0, 0)
		s.add(isa.OpMov64Reg, 6, 2, 0, 0)
		s.add(isa.OpMov64Imm, 8, 0, 0, 0)
		s.add(isa.OpMov64Imm, 9, 0, 0, 1)
		s.body(2+s.r.IntN(10), true)
	}
	return s.insns
}
