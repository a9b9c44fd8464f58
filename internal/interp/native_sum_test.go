package interp

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gbpf/gbpf/isa"
)

// TestNativeSums makes addresses of wild sums in every way that the passes look for: registers, constants of any size before and
// behind, products, the frame; and goes there. Whatever is folded into the access, it must stay confined.
func TestNativeSums(t *testing.T) {
	for _, masked := range []bool{false, true} {
		tw := newTwin(t)
		if masked {
			tw.cfg.Mask = uint32(tw.a.mem.Limit() - 1)
			tw.a.st.mask = uint64(tw.cfg.Mask)
		}
		rng := rand.New(rand.NewPCG(13, 14))
		wild := func() uint64 {
			switch rng.IntN(5) {
			case 0:
				return uint64(rng.IntN(1 << 17))
			case 1:
				return 1<<32 - uint64(rng.IntN(1<<17))
			case 2:
				return boundary[rng.IntN(len(boundary))]
			}
			return rng.Uint64() >> rng.IntN(64)
		}
		number := func() int64 {
			return []int64{0, 8, -8, 127, -128, 32767, -32768, 32768, 65536, -65536, 1 << 20, -1 << 20, 1 << 30, -1 << 30, 1<<31 - 1, -1 << 31, int64(int32(rng.Uint32()))}[rng.IntN(17)]
		}
		in := isa.New
		n := 20000
		if testing.Short() {
			n = 1500
		}
		for i := range n {
			var v [10]uint64
			for r := range v {
				v[r] = wild()
			}
			body := setAll(v)
			switch rng.IntN(4) {
			case 0:
				body = append(body, in(isa.OpMov64Reg, 2, isa.R10, 0, 0))
			case 1:
				body = append(body, in(isa.OpMov64Imm, 2, 0, 0, number()))
			case 2:
				body = append(body, in(isa.OpMov64Reg, 2, 4, 0, 0))
			}
			for range 1 + rng.IntN(4) {
				switch rng.IntN(6) {
				case 0, 1:
					body = append(body, in(isa.OpAdd64Imm, 2, 0, 0, number()))
				case 2:
					body = append(body, in(isa.OpAdd64Reg, 2, 3, 0, 0))
				case 3:
					body = append(body, in(isa.OpLsh64Imm, 3, 0, 0, int64(rng.IntN(5))), in(isa.OpAdd64Reg, 2, 3, 0, 0))
				case 4:
					body = append(body, in(isa.OpMov64Reg, 3, 5, 0, 0), in(isa.OpAdd64Reg, 2, 3, 0, 0))
				case 5:
					body = append(body, in(isa.OpSub64Imm, 2, 0, 0, number()))
				}
			}
			off := []int16{0, 1, -1, 8, -8, 32767, -32768, 255}[rng.IntN(8)]
			op := []isa.Op{isa.OpLdxB, isa.OpLdxW, isa.OpLdxDW, isa.OpStxB, isa.OpStxDW, isa.OpStW}[rng.IntN(6)]
			switch op.Info().Kind {
			case isa.KindLoad:
				body = append(body, in(op, 6, 2, off, 0), in(isa.OpMov64Imm, 2, 0, 0, 0), in(isa.OpMov64Imm, 3, 0, 0, 0))
			case isa.KindStore:
				body = append(body, in(op, 2, 7, off, 0), in(isa.OpMov64Imm, 2, 0, 0, 0), in(isa.OpMov64Imm, 3, 0, 0, 0))
			default:
				body = append(body, in(op, 2, 0, off, 99), in(isa.OpMov64Imm, 2, 0, 0, 0), in(isa.OpMov64Imm, 3, 0, 0, 0))
			}
			body = append(append(body, spill()...), exit...)
			if !tw.compare(fmt.Sprintf("program %d", i), body, nil, 1000) {
				t.Fatalf("program %d: not accepted", i)
			}
		}
		tw.wholeWindow("sums")
		t.Logf("compared %d programs", tw.ran)
	}
}
