package suite

import (
	"fmt"

	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
)

// mayGotos tries may_goto, which goes on until a budget is spent.
func mayGotos(yield func(*Case) bool) bool {
	for _, c := range []*Case{
		{Name: "may_goto in a loop that ends", Insns: text("r0 = 0; top: may_goto out; r0 += 1; if r0 < 100 goto top; out: exit"), Want: 100},
		{Name: "may_goto forwards", Insns: text("r0 = 1; may_goto out; r0 = 2; out: exit"), Want: 2},
		{Name: "may_goto in two functions", Insns: text("r6 = 0; r7 = 0; top: may_goto out; call f; r7 += r0; r6 += 1; if r6 < 10 goto top; out: r0 = r7; exit; f: r0 = 0; in: may_goto end; r0 += 1; if r0 < 7 goto in; end: exit"), Want: 70},
		{Name: "may_goto without end", Insns: text("r0 = 0; top: may_goto out; r0 += 1; goto top; out: exit"), Want: 8 << 20, Kernel: "it ends the loop by the clock"},
	} {
		c.Group, c.RFC, c.Type = Linux, isa.OpMayGoto.Info().RFC, "syscall"
		if !yield(c) {
			return false
		}
	}
	return true
}

// casts tries addr_space_cast: an arena's pointer is 32 bits of either address space.
func casts(yield func(*Case) bool) bool {
	for _, imm := range []int64{isa.CastToKernel, isa.CastToUser} {
		for dst := range isa.R10 {
			for _, src := range []isa.Reg{dst, (dst + 3) % 10} {
				v := edges[(int(dst)*3+int(imm&7))%len(edges)] ^ 0x0f0f0f0f0f0f0f0f
				if !yield(&Case{
					Group: Linux, Name: fmt.Sprintf("addr_space_cast r%d, r%d, %#x", dst, src, imm), RFC: isa.OpAddrSpaceCast.Info().RFC, Type: "raw",
					Insns: seq(set(src, v), one(isa.OpAddrSpaceCast, dst, src, 0, imm), ret(dst)), Want: v & 0xffffffff,
					Unproved: true, Kernel: "it wants an arena",
				}) {
					return false
				}
			}
		}
	}
	return true
}

// pseudoLoads tries 16-byte loads of every form into every register.
func pseudoLoads(yield func(*Case) bool) bool {
	array := maps.Spec{Name: "data", Type: maps.Array, KeySize: 4, ValueSize: 32, MaxEntries: 1}
	for reg := range isa.R10 {
		for i, op := range []isa.Op{isa.OpLddwMapFD, isa.OpLddwMapIdx} {
			in := isa.LoadImm64(op, reg, int64(i))
			if !yield(&Case{
				Group: Maps, Name: fmt.Sprintf("%s into r%d", op, reg), RFC: op.Info().RFC, Type: "syscall", Maps: []maps.Spec{array, array}, Want: 1,
				Insns: seq(in[:], one(isa.OpMov64Reg, 1, reg, 0, 0), text("*(u32 *)(r10 -4) = 0; r2 = r10; r2 += -4; call map_lookup_elem; if r0 == 0 goto out; r0 = 1; out: exit")),
			}) {
				return false
			}
		}
		for i, op := range []isa.Op{isa.OpLddwMapValue, isa.OpLddwMapIdxValue} {
			off := int(reg) * 2
			in := isa.LoadImm64(op, reg, int64(i)|int64(off)<<32)
			again := isa.LoadImm64(op, 4, int64(i))
			other := isa.LoadImm64(op, 5, int64(1-i))
			if !yield(&Case{
				Group: Maps, Name: fmt.Sprintf("%s +%d into r%d", op, off, reg), RFC: op.Info().RFC, Type: "syscall", Maps: []maps.Spec{array, array}, Want: 0xabcd,
				// What is stored there is read through another load of the same map; the other map has zeros.
				Insns: seq(in[:], one(isa.OpStH, reg, 0, 0, 0xabcd), again[:], other[:], one(isa.OpLdxH, 0, 4, int16(off), 0), one(isa.OpLdxH, 3, 5, int16(off), 0), one(isa.OpAdd64Reg, 0, 3, 0, 0), exit),
			}) {
				return false
			}
		}
		fn := isa.LoadImm64(isa.OpLddwFunc, reg, 0)
		body := seq(one(isa.OpMov64Reg, 2, reg, 0, 0), text("r1 = 3; r3 = 0; r4 = 0; call loop; exit"))
		fn[0].Imm = int64(len(body) + 1)
		if !yield(&Case{
			Group: Helpers, Name: fmt.Sprintf("a function's address in r%d", reg), RFC: isa.OpLddwFunc.Info().RFC, Type: "syscall",
			Insns: seq(fn[:], body, text("r0 = 0; exit")), Want: 3,
		}) {
			return false
		}
	}
	return true
}
