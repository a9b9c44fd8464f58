package suite

import (
	"fmt"

	"github.com/gbpf/gbpf/isa"
)

// jumps tries every condition, taken and not.
func jumps(yield func(*Case) bool) bool {
	for k, op := range ops(isa.KindCond) {
		info := op.Info()
		for i, p := range pairs(k, 8) {
			dst, src := p[0], p[1]
			if i%4 == 3 {
				src = dst
			}
			if info.UsesImm {
				src = uint64(int64(int32(src)))
				if i%4 == 3 {
					dst = src
				}
			}
			in := isa.New(op, 2, 3, 1, 0)
			if info.UsesImm {
				in = isa.New(op, 2, 0, 1, int64(src))
			}
			want := uint64(2)
			if conditionModel(info.CondOp, info.Width, dst, src) {
				want = 1
			}
			if !yield(&Case{
				Group: group(op), Name: fmt.Sprintf("%s %d: %#x, %#x", info.Name, i, dst, src), RFC: info.RFC, Type: "syscall",
				Insns: seq(one(isa.OpMov64Imm, 0, 0, 0, 1), set(2, dst), set(3, src), []isa.Insn{in}, one(isa.OpMov64Imm, 0, 0, 0, 2), exit), Want: want,
			}) {
				return false
			}
		}
	}
	return true
}

// far is a program that jumps over n instructions and back to the one behind the first jump, and then to the end.
func far(first isa.Insn, n int, back isa.Insn) []isa.Insn {
	body := []isa.Insn{isa.New(isa.OpMov64Imm, 0, 0, 0, 0), isa.New(isa.OpMov64Imm, 2, 0, 0, 0), first}
	for i := range n {
		body = append(body, isa.New(isa.OpAdd64Imm, 0, 0, 0, int64(i%7)))
	}
	return append(body, isa.New(isa.OpAdd64Imm, 2, 0, 0, 1), isa.New(isa.OpJneImm, 2, 0, 1, 1), back, isa.New(isa.OpExit, 0, 0, 0, 0))
}

// ranges tries jumps as far as they go.
func ranges(yield func(*Case) bool) bool {
	sum := func(n int) (s uint64) {
		for i := range n {
			s += uint64(i % 7)
		}
		return s
	}
	const long = "the live kernel is not asked to load long programs"
	for _, tt := range []struct {
		name string
		n    int
		op   isa.Op
	}{
		{"ja +10", 10, isa.OpJa}, {"ja +126, -129", 126, isa.OpJa}, {"ja +127", 127, isa.OpJa}, {"ja +128", 128, isa.OpJa},
		{"ja +32764, -32767", 32764, isa.OpJa}, {"gotol +10", 10, isa.OpJa32}, {"gotol +32767", 32767, isa.OpJa32}, {"gotol +40000", 40000, isa.OpJa32},
		{"gotol +100000", 100000, isa.OpJa32},
	} {
		jump := func(d int) isa.Insn {
			if tt.op == isa.OpJa {
				return isa.New(tt.op, 0, 0, int16(d), 0)
			}
			return isa.New(tt.op, 0, 0, 0, int64(d))
		}
		c := &Case{
			Group: Base32, Name: tt.name, RFC: tt.op.Info().RFC, Type: "syscall",
			Insns: far(jump(tt.n), tt.n, jump(-(tt.n + 3))), Want: sum(tt.n),
		}
		if tt.n > 4000 {
			c.Kernel = long
		}
		if !yield(c) {
			return false
		}
	}
	for _, n := range []int{126, 127, 128, 129, 32000} {
		first := isa.New(isa.OpJeqImm, 0, 0, int16(n), 0)
		c := &Case{
			Group: Base64, Name: fmt.Sprintf("jeq +%d and back", n), RFC: first.Info().RFC, Type: "syscall",
			Insns: far(first, n, isa.New(isa.OpJgtImm, 2, 0, int16(-(n+3)), 0)), Want: sum(n),
		}
		if n > 4000 {
			c.Kernel = long
		}
		if !yield(c) {
			return false
		}
	}
	return true
}
