package suite

import (
	"fmt"

	"github.com/gbpf/gbpf/internal/trap"
	"github.com/gbpf/gbpf/isa"
)

// wild tries accesses at addresses that are none: what only confines them uses the low half of the
// address, what checks them stops the run.
func wild(yield func(*Case) bool) bool {
	data := pattern(64)
	n := 0
	for _, op := range ops(isa.KindLoad, isa.KindLoadSX, isa.KindStore, isa.KindStoreImm, isa.KindAtomic, isa.KindLoadAcquire, isa.KindStoreRelease) {
		info := op.Info()
		for i, high := range []uint64{1, 0xffffffff, 0x80000000, 1, 0xffffffff, 0x7fffffff} {
			n++
			off := [...]int16{0, 16, -8}[i%3]
			base := isa.Reg(1 + n%9)
			reg := isa.Reg(1 + (n+4)%9)
			other := isa.Reg(1 + (n+2)%9)
			v := edges[n%len(edges)] ^ 0x1a2b3c4d5e6f7089
			in := isa.New(op, base, reg, off, 0)
			c := &Case{
				Name: fmt.Sprintf("%s r%d with %#x above its address, offset %d", info.Name, base, high, off), Data: data, Out: append([]byte(nil), data...),
				Checked: trap.BadAccess,
			}
			value := seq(set(reg, v))
			old := little(data[16:], info.Size)
			switch info.Kind {
			case isa.KindLoad, isa.KindLoadSX, isa.KindLoadAcquire:
				in = isa.New(op, 0, base, off, 0)
				c.Want = old
				if info.Kind == isa.KindLoadSX {
					c.Want = extendModel(info.Size*8, 64, old)
				}
			case isa.KindStoreImm:
				v = uint64(int64(int32(v)))
				in = isa.New(op, base, 0, off, int64(v))
				copy(c.Out[16:16+info.Size], bytes64(v))
			case isa.KindAtomic:
				copy(c.Out[16:16+info.Size], bytes64(atomicModel(info.AtomicOp, info.Size*8, old, v, 0)))
				if info.AtomicOp == isa.AtomicCmpxchg {
					c.Want = old
				}
			default:
				copy(c.Out[16:16+info.Size], bytes64(v))
			}
			move := seq(one(isa.OpMov64Reg, base, 1, 0, 0), one(isa.OpAdd64Imm, base, 0, 0, int64(16-off)))
			c.Insns = seq(move, set(other, high<<32), one(isa.OpAdd64Reg, base, other, 0, 0), value, one(isa.OpMov64Imm, 0, 0, 0, 0))
			if i >= 3 { // what is loaded is no sum that an optimiser could look into
				c.Name += ", from memory"
				c.Insns = seq(c.Insns, one(isa.OpStxDW, 10, base, -8, 0), one(isa.OpLdxDW, base, 10, -8, 0))
			}
			c.TrapInsn = len(c.Insns)
			c.Insns = seq(c.Insns, []isa.Insn{in}, exit)
			if !faulty(c, yield) {
				return false
			}
		}
		if info.Kind != isa.KindAtomic {
			continue
		}
		// A misaligned atomic takes the aligned word below its address.
		v := uint64(0x0102030405060708)
		for low := uint8(1); low < info.Size; low++ {
			old := little(data[16:], info.Size)
			c := &Case{
				Name: fmt.Sprintf("%s %d bytes off its alignment", info.Name, low), Data: data, Out: append([]byte(nil), data...),
				Checked: trap.Misaligned, TrapInsn: 3,
				Insns: seq(set(2, v), one(isa.OpMov64Imm, 0, 0, 0, 0), one(op, 1, 2, 16+int16(low), 0), exit),
			}
			copy(c.Out[16:16+info.Size], bytes64(atomicModel(info.AtomicOp, info.Size*8, old, v, 0)))
			if info.AtomicOp == isa.AtomicCmpxchg {
				c.Want = old
			}
			if !faulty(c, yield) {
				return false
			}
		}
	}
	return true
}

// beyond tries accesses that run past the memory of the program: others only confine them.
func beyond(yield func(*Case) bool) bool {
	data := pattern(24)
	for _, op := range ops(isa.KindLoad, isa.KindLoadSX, isa.KindStore, isa.KindStoreImm) {
		size := int(op.Info().Size)
		for past := range size {
			off := int16(len(data) - size + 1 + past)
			in := isa.New(op, 1, 0, off, 0)
			if k := op.Info().Kind; k == isa.KindLoad || k == isa.KindLoadSX {
				in = isa.New(op, 0, 1, off, 0)
			}
			if !faulty(&Case{
				Name: fmt.Sprintf("%s %d bytes past the memory", op.Info().Name, past+1), Data: data, Checked: trap.BadAccess, TrapInsn: 1, Want: 7,
				Insns: seq(one(isa.OpMov64Imm, 0, 0, 0, 0), []isa.Insn{in}, one(isa.OpMov64Imm, 0, 0, 0, 7), exit),
			}, yield) {
				return false
			}
		}
	}
	return true
}
