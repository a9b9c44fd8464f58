package scalar

import (
	"math"
	"testing"

	"github.com/gbpf/gbpf/isa"
)

// Classes of unsoundness that verifiers have had, each with the numbers that a wrong
// result would lose, and some facts that programs rely on, which a lazy one would.

func refine(t *testing.T, op isa.CondOp, width uint8, taken bool, a, b Scalar) (Scalar, Scalar) {
	t.Helper()
	ra, rb, ok := Refine(op, width, taken, a, b)
	if !ok {
		t.Fatalf("%v%d of %v and %v, taken %v, is taken to be impossible", op, width, a, b, taken)
	}
	return ra, rb
}

func holds(t *testing.T, s Scalar, want ...uint64) {
	t.Helper()
	for _, v := range want {
		if !s.Contains(v) {
			t.Errorf("%v lacks %#x", s, v)
		}
	}
}

func TestCompare32DoesNotConfine64(t *testing.T) {
	s, _ := refine(t, isa.CondLt, 32, true, Unknown(), Const(10))
	holds(t, s, 9, 1<<32, 1<<63|9)
	s, _ = refine(t, isa.CondSlt, 32, true, Unknown(), Const(0))
	holds(t, s, math.MaxUint64, 1<<31, 1<<32|1<<31)
	s, _ = refine(t, isa.CondEq, 32, true, Unknown(), Const(5))
	holds(t, s, 5, 5<<32|5)
	if s.Contains(6) {
		t.Errorf("%v does not know its low half", s)
	}
	// A 64-bit operand whose low half is in range is not in range.
	if d := Branch(isa.CondLt, 64, s, Const(6)); d != Undecided {
		t.Errorf("decided %v", d)
	}
	// With an upper half that is known to be 0 it does.
	s, _ = refine(t, isa.CondLt, 32, true, ZeroExtend(4), Const(10))
	if s != URange(0, 9) {
		t.Errorf("got %v", s)
	}
}

func TestCompare64DoesNotConfine32(t *testing.T) {
	s, _ := refine(t, isa.CondLt, 64, true, Unknown(), Const(1<<32+10))
	holds(t, s, 0, 0xffffffff, 1<<32+9)
	// The low half does not follow the order of the whole.
	s, _ = refine(t, isa.CondGe, 64, true, s, Const(0xfffffff0))
	holds(t, s, 0xfffffff0, 1<<32, 1<<32+9)
	if s.U32Max != math.MaxUint32 || s.S32Min != -16 || s.S32Max != 9 {
		t.Errorf("the low half of %v is from -16 to 9", s)
	}
}

func TestMovsxZeroExtends(t *testing.T) {
	if s := Movsx(8, 32, Const(0x80)); s != Const(0xffffff80) {
		t.Errorf("to 32 bits: %v", s)
	}
	if s := Movsx(8, 64, Const(0x80)); s != Const(0xffffffffffffff80) {
		t.Errorf("to 64 bits: %v", s)
	}
	s := Movsx(8, 32, Unknown())
	holds(t, s, 0, 0x7f, 0xffffff80, 0xffffffff)
	if s.Contains(math.MaxUint64) || s.UMax != math.MaxUint32 {
		t.Errorf("%v has an upper half", s)
	}
	if s := Movsx(16, 64, Unknown()); s != SRange(-1<<15, 1<<15-1) {
		t.Errorf("16 to 64 bits: %v", s)
	}
	// The low bits cross the sign of the narrow type.
	holds(t, Movsx(8, 64, URange(0x7e, 0x81)), 0x7e, 0x7f, math.MaxUint64-0x7f, math.MaxUint64-0x7e)
	// Bits above the narrow type do not matter.
	holds(t, Movsx(8, 64, URange(0xff, 0x101)), math.MaxUint64, 0, 1)
}

func TestSignExtendedImmediates(t *testing.T) {
	imm := int32(-2)
	s := ALU(isa.AluAnd, 64, Unknown(), Const(uint64(imm)))
	holds(t, s, 1<<63, 1<<32)
	if s.Contains(1) {
		t.Errorf("%v may be odd", s)
	}
	if s := ALU(isa.AluAnd, 32, Unknown(), Const(uint64(imm))); s.UMax != 0xfffffffe {
		t.Errorf("32 bits: %v", s)
	}
	a, _ := refine(t, isa.CondGt, 64, true, Unknown(), Const(uint64(imm)))
	if a != Const(math.MaxUint64) {
		t.Errorf("above 0xfffffffffffffffe there is one number, not %v", a)
	}
	a, _ = refine(t, isa.CondEq, 64, true, Unknown(), Const(uint64(imm)))
	if a != Const(math.MaxUint64-1) {
		t.Errorf("got %v", a)
	}
	// A test of bits by a negative immediate is one of the upper half too.
	a, _ = refine(t, isa.CondSet, 64, true, Unknown(), Const(uint64(imm)))
	holds(t, a, 1<<40, 2)
}

func TestDivisor32(t *testing.T) {
	// Not zero as a whole says nothing of the low half.
	b, _ := refine(t, isa.CondNe, 64, true, Unknown(), Const(0))
	holds(t, ALU(isa.AluDiv, 32, Const(7), b), 0, 7)
	holds(t, ALU(isa.AluMod, 32, Const(1<<40|7), b), 7, 0)
	holds(t, ALU(isa.AluSdiv, 32, Const(7), Const(1<<32)), 0)
	holds(t, ALU(isa.AluMod, 32, Const(1<<40|7), Const(1<<32)), 7)
	holds(t, ALU(isa.AluSdiv, 32, Const(1<<31), Unknown()), 1<<31, 0, 1)
	holds(t, ALU(isa.AluSdiv, 64, Const(1<<63), SRange(-2, -1)), 1<<63, 1<<62)
	holds(t, ALU(isa.AluSmod, 64, Const(1<<63), SRange(-3, -1)), 0, math.MaxUint64-1)
	// A 32-bit dividend is signed by its own sign.
	holds(t, ALU(isa.AluSdiv, 32, URange(0xfffffff8, 0xfffffff9), Const(2)), 0xfffffffc, 0xfffffffd)
}

func TestShiftAmounts(t *testing.T) {
	for _, n := range []uint64{32, 33, 63, 64, 65, 1 << 32, math.MaxUint64} {
		holds(t, ALU(isa.AluLsh, 32, Const(3), Const(n)), concreteALU(isa.AluLsh, 32, 3, n))
		holds(t, ALU(isa.AluLsh, 64, URange(1, 3), Const(n)), 1<<(n%64), 2<<(n%64), 3<<(n%64))
		holds(t, ALU(isa.AluRsh, 64, URange(1<<62, 1<<63), Const(n)), 1<<62>>(n%64), 1<<63>>(n%64))
		holds(t, ALU(isa.AluArsh, 32, URange(1<<31, 1<<31+1), Const(n)), concreteALU(isa.AluArsh, 32, 1<<31, n))
	}
	// Amounts from below the width to above start again at 0.
	for _, op := range []isa.AluOp{isa.AluLsh, isa.AluRsh, isa.AluArsh} {
		for _, w := range []uint8{32, 64} {
			r := ALU(op, w, Const(0x81), URange(uint64(w)-1, uint64(w)))
			holds(t, r, concreteALU(op, w, 0x81, uint64(w)-1), 0x81)
		}
	}
	if r := ALU(isa.AluLsh, 32, Const(1), URange(31, 32)); r.Contains(2) {
		t.Errorf("by 31 and by 32 is by 31 and by 0: %v", r)
	}
	// The sign of the low half is shifted out by amounts beyond it.
	holds(t, ALU(isa.AluLsh, 64, Const(math.MaxUint64), FromTnum(Tnum{8, 32})), 1<<64-1<<8, 1<<64-1<<40)
	if s := ALU(isa.AluLsh, 64, Const(1), URange(0, 7)); s.UMax != 128 || s.Contains(0) {
		t.Errorf("1 << [0,7] is %v", s)
	}
}

func TestLowHalfAfter64(t *testing.T) {
	// [0, 2^32] plus 1: the low half wraps though the whole does not.
	holds(t, ALU(isa.AluAdd, 64, URange(0, 1<<32), Const(1)), 1, 1<<32, 1<<32+1)
	holds(t, ALU(isa.AluRsh, 64, URange(1<<31, 1<<33), Const(1)), 1<<30, 1<<31, 1<<32)
	holds(t, ALU(isa.AluMul, 64, URange(1, 1<<31), Const(2)), 2, 1<<32)
	// Low halves that are known stay so though the whole wraps.
	s := Unknown()
	s.U32Max = 9
	s, _ = s.Normalise()
	s = ALU(isa.AluAdd, 64, s, Const(1))
	if s.U32Min != 1 || s.U32Max != 10 {
		t.Errorf("the low half of %v is from 1 to 10", s)
	}
	// What is known of the low half as a signed number is not known of the whole.
	s = ZeroExtend(4)
	s.S32Min, s.S32Max = -128, 127
	s, _ = s.Normalise()
	if s = ALU(isa.AluAdd, 64, s, Const(0)); s.S32Min != -128 || s.S32Max != 127 {
		t.Errorf("the low half of %v is from -128 to 127", s)
	}
}

func TestViewsDisagree(t *testing.T) {
	s := URange(5, 7)
	s.Var = Tnum{0, ^uint64(7)} // multiples of 8
	if r, ok := s.Normalise(); ok {
		t.Errorf("%v is not empty", r)
	}
	s = unknown
	s.UMax, s.SMax = 1<<63-1, -1
	if r, ok := s.Normalise(); ok {
		t.Errorf("%v is not empty", r)
	}
	for _, s := range []Scalar{
		func(s Scalar) Scalar { s.UMax, s.SMax = 5, -1; return s }(unknown),
		func(s Scalar) Scalar { s.UMax, s.Var = 5, Tnum{1 << 40, 1}; return s }(unknown),
		func(s Scalar) Scalar { s.UMax, s.U32Min = 5, 6; return s }(unknown),
		func(s Scalar) Scalar { s.SMin, s.SMax, s.S32Min = -5, -1, 0; return s }(unknown),
	} {
		if r, ok := s.Normalise(); ok {
			t.Errorf("%v is not empty", r)
		}
	}
	// The range ends between members of the tnum.
	s = URange(0, 256)
	s.Var = Tnum{0, ^uint64(3)}
	s, _ = s.Normalise()
	if s, _ = refine(t, isa.CondNe, 64, true, s, Const(256)); s.UMax != 252 {
		t.Errorf("a multiple of 4 up to 256 but not 256 is at most 252: %v", s)
	}
	if _, ok := Intersect(FromTnum(Tnum{1, ^uint64(1)}), FromTnum(Tnum{0, ^uint64(1)})); ok {
		t.Error("odd and even numbers intersect")
	}
}

func TestSetRefinement(t *testing.T) {
	// One of two bits: neither is known.
	s, _ := refine(t, isa.CondSet, 64, true, Unknown(), Const(6))
	holds(t, s, 2, 4, 6, 2|1)
	if s.UMin != 2 {
		t.Errorf("%v is at least 2", s)
	}
	s, _ = refine(t, isa.CondSet, 64, true, Unknown(), Const(4))
	if s.Var.Value != 4 {
		t.Errorf("%v has bit 2", s)
	}
	s, _ = refine(t, isa.CondSet, 64, false, Unknown(), Const(6))
	if s.Var != (Tnum{0, ^uint64(6)}) {
		t.Errorf("%v has neither bit", s)
	}
	// Bits that may be set need not be.
	s, _ = refine(t, isa.CondSet, 64, false, Unknown(), FromTnum(Tnum{1, 6}))
	holds(t, s, 6, 2)
	// The upper half does not count.
	a, _ := refine(t, isa.CondSet, 32, true, Unknown(), Const(1<<32|8))
	holds(t, a, 8)
	if a.Var.Value != 8 {
		t.Errorf("%v has bit 3 only", a)
	}
	if _, _, ok := Refine(isa.CondSet, 32, true, Unknown(), Const(1<<32)); ok {
		t.Error("no bit in common, yet the edge is possible")
	}
	if d := Branch(isa.CondSet, 64, URange(1, 3), Const(3)); d != Always {
		t.Errorf("1 to 3 has one of two bits: %v", d)
	}
}

func TestSignBoundary(t *testing.T) {
	// An unsigned range across 2^63 is no signed range, and the other way round.
	s := URange(1<<63-1, 1<<63)
	holds(t, s, 1<<63-1, 1<<63)
	if s.SMin != math.MinInt64 || s.SMax != math.MaxInt64 {
		t.Errorf("signed range of %v", s)
	}
	s = SRange(-1, 1)
	holds(t, s, math.MaxUint64, 0, 1)
	a, _ := refine(t, isa.CondGt, 64, true, s, Const(1))
	if a != Const(math.MaxUint64) {
		t.Errorf("-1 to 1 and above 1 is -1, not %v", a)
	}
	a, _ = refine(t, isa.CondLt, 64, true, s, Const(2))
	if a != URange(0, 1) {
		t.Errorf("-1 to 1 and below 2 is 0 or 1, not %v", a)
	}
	holds(t, ALU(isa.AluAdd, 64, SRange(0, math.MaxInt64), Const(1)), 1, 1<<63)
	holds(t, ALU(isa.AluNeg, 64, SRange(math.MinInt64, math.MinInt64+1), Scalar{}), 1<<63, math.MaxInt64)
	// 32-bit compare, signed, then used as 64-bit index: what clang makes of int i.
	i, _ := refine(t, isa.CondSge, 32, true, ZeroExtend(4), Const(0))
	i, _ = refine(t, isa.CondSlt, 32, true, i, Const(64))
	if i != URange(0, 63) {
		t.Errorf("index is %v", i)
	}
}

func TestLowHalfRefinementStaysLow(t *testing.T) {
	hi := FromTnum(Tnum{0, ^uint64(1<<32 - 1)}) // low half 0
	a, b := refine(t, isa.CondEq, 32, true, Unknown(), hi)
	holds(t, a, 0, 1<<32, high)
	holds(t, b, 0, 1<<32)
	// Equal in 32 bits is not equal.
	a, b = refine(t, isa.CondEq, 32, true, Const(1<<32|7), ZeroExtend(4))
	if a != Const(1<<32|7) || b != Const(7) {
		t.Errorf("got %v and %v", a, b)
	}
	// Different in 32 bits leaves equal numbers in the upper half.
	a, _ = refine(t, isa.CondNe, 32, true, URange(0, 1<<32), Const(0))
	holds(t, a, 1, 1<<32-1)
	if a.Contains(1 << 32) {
		t.Errorf("%v: 2^32 has a low half of 0", a)
	}
	a, _ = refine(t, isa.CondNe, 64, true, URange(0, 1<<32), Const(0))
	holds(t, a, 1, 1<<32)
}

func TestDegenerateOperands(t *testing.T) {
	// Empty and malformed operands must not panic, nor be taken for something.
	bad := []Scalar{
		{UMin: 1}, {SMin: 1, SMax: -1}, {Var: Tnum{1, 1}, UMax: 9}, {UMin: 5, UMax: 3, Var: Tnum{Mask: 7}},
		{Var: Tnum{Mask: math.MaxUint64}, UMin: math.MaxUint64, SMin: 5, U32Min: 9, S32Min: 3},
	}
	bad = append(bad, Unknown(), Const(0), Const(1<<63))
	for _, a := range bad {
		_ = a.String()
		for _, b := range bad {
			for _, w := range []uint8{0, 8, 32, 64, 255} {
				for op := range isa.AluOp(32) {
					ALU(op, w, a, b)
					End(op, w, a)
				}
				for op := range isa.CondOp(32) {
					Branch(op, w, a, b)
					Refine(op, w, true, a, b)
					Refine(op, w, false, a, b)
				}
				Movsx(w, 64, a)
				Truncate(a, w)
			}
			Join(a, b)
			Intersect(a, b)
			Widen(a, b, []uint64{1})
		}
	}
	if s := URange(2, 1); s != Unknown() {
		t.Errorf("an empty range is %v", s)
	}
}

// TestLoopStride is the loop that clang leaves with a byte offset and an exit by !=.
func TestLoopStride(t *testing.T) {
	head := Const(0)
	rounds := 0
	for ; rounds < 10; rounds++ {
		body, _ := refine(t, isa.CondNe, 64, true, head, Const(256))
		w := Widen(head, ALU(isa.AluAdd, 64, body, Const(4)), []uint64{256})
		if w == head {
			break
		}
		head = w
	}
	body, _ := refine(t, isa.CondNe, 64, true, head, Const(256))
	if body.UMax != 252 || !body.Var.IsAligned(4) {
		t.Errorf("the offset in the loop is %v", body)
	}
	if rounds > 4 {
		t.Errorf("%d rounds", rounds)
	}
}
