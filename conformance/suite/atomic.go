package suite

import (
	"fmt"

	"github.com/gbpf/gbpf/isa"
)

// atomics tries every atomic operation: what memory, the source and R0 hold afterwards, on numbers at the edges and on every
// pair of registers.
func atomics(yield func(*Case) bool) bool {
	for k, op := range ops(isa.KindAtomic) {
		for i, p := range pairs(k, 8) {
			r0 := edges[(i*5+k)%len(edges)]
			if i%2 == 1 {
				r0 = p[0] // what a compare and exchange hopes for
			}
			if !yield(atomic(op, fmt.Sprintf("%d: %#x, %#x", i, p[0], p[1]), 2, 3, p[0], p[1], r0)) {
				return false
			}
		}
		for base := range isa.R10 {
			for src := range isa.R10 {
				cmpxchg := op.Info().AtomicOp == isa.AtomicCmpxchg
				if base == src || base == 0 && cmpxchg {
					continue
				}
				n := k + int(base)*7 + int(src)*3
				old := edges[n%len(edges)] ^ 0x0102030405060708
				r0 := edges[(n*3+1)%len(edges)]
				if n%2 == 0 {
					r0 = old
				}
				v := edges[(n*5+2)%len(edges)] ^ 0x1020304050607080
				if src == 0 {
					v = r0
				}
				if !yield(atomic(op, fmt.Sprintf("r%d, r%d", base, src), base, src, old, v, r0)) {
					return false
				}
			}
		}
	}
	return true
}

// atomic is one operation at [base], which is the stack at -8; memory, src and R0 are put together in the end.
func atomic(op isa.Op, name string, base, src isa.Reg, old, v, r0 uint64) *Case {
	info := op.Info()
	w := info.Size * 8
	mem := bytes64(old)
	next := atomicModel(info.AtomicOp, w, old, v, r0)
	copy(mem[:info.Size], bytes64(next))
	after, r0After := v, r0
	if info.Fetch {
		was := cut(unsigned(old, w), w)
		if info.AtomicOp == isa.AtomicCmpxchg {
			r0After = was
			if src == 0 {
				after = was
			}
		} else {
			after = was
			if src == 0 {
				r0After = was
			}
		}
	}
	want := little(mem, 8) + 3*after
	body := seq(set(0, r0), set(src, v))
	tail := seq(one(isa.OpStxDW, 10, src, -16, 0))
	if base != 0 {
		want += 7 * r0After
		tail = seq(tail, one(isa.OpStxDW, 10, 0, -24, 0), one(isa.OpLdxDW, 1, 10, -24, 0), one(isa.OpMul64Imm, 1, 0, 0, 7))
	} else {
		tail = seq(tail, one(isa.OpMov64Imm, 1, 0, 0, 0))
	}
	other := isa.R5 // holds the old value until it is stored
	return &Case{
		Group: group(op), Name: info.Name + " " + name, RFC: info.RFC, Type: "syscall", Want: want,
		Insns: seq(set(other, old), one(isa.OpStxDW, 10, other, -8, 0), body, one(isa.OpMov64Reg, base, 10, 0, 0), one(isa.OpAdd64Imm, base, 0, 0, -8),
			one(op, base, src, 0, 0), tail, one(isa.OpLdxDW, 0, 10, -8, 0), one(isa.OpAdd64Reg, 0, 1, 0, 0),
			one(isa.OpLdxDW, 1, 10, -16, 0), one(isa.OpMul64Imm, 1, 0, 0, 3), one(isa.OpAdd64Reg, 0, 1, 0, 0), exit),
	}
}

// ordered tries load-acquire and store-release of every size.
func ordered(yield func(*Case) bool) bool {
	for _, op := range ops(isa.KindLoadAcquire, isa.KindStoreRelease) {
		info := op.Info()
		for reg := range isa.R10 {
			old, v := uint64(0x8182838485868788)+uint64(reg), uint64(0xa1b2c3d4e5f60718)-uint64(reg)
			c := &Case{Group: Linux, Name: fmt.Sprintf("%s r%d", info.Name, reg), RFC: info.RFC, Type: "syscall"}
			if info.Kind == isa.KindLoadAcquire {
				c.Want = cut(unsigned(old, info.Size*8), info.Size*8)
				c.Insns = seq(set(5, old), one(isa.OpStxDW, 10, 5, -8, 0), one(op, reg, 10, -8, 0), ret(reg))
			} else {
				b := bytes64(old)
				copy(b[:info.Size], bytes64(v))
				c.Want = little(b, 8)
				c.Insns = seq(set(5, old), one(isa.OpStxDW, 10, 5, -8, 0), set(reg, v), one(op, 10, reg, -8, 0), one(isa.OpLdxDW, 0, 10, -8, 0), exit)
			}
			if !yield(c) {
				return false
			}
		}
	}
	return true
}
