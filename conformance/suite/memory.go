package suite

import (
	"fmt"

	"github.com/gbpf/gbpf/isa"
)

// inPacket puts body behind the bounds check of an xdp program: R2 is the packet then, of which 64 bytes may be used, and R0 is
// 0 until the body changes it.
func inPacket(body []isa.Insn) []isa.Insn {
	return seq(one(isa.OpLdxW, 3, 1, 4, 0), one(isa.OpLdxW, 2, 1, 0, 0), one(isa.OpMov64Reg, 4, 2, 0, 0), one(isa.OpAdd64Imm, 4, 0, 0, 64),
		one(isa.OpMov64Imm, 0, 0, 0, 0), one(isa.OpJgtReg, 4, 3, int16(len(body)), 0), body, exit)
}

// memory tries every load and store on every alignment of the packet, and on the stack.
func memory(yield func(*Case) bool) bool {
	for _, op := range ops(isa.KindLoad, isa.KindLoadSX) {
		info := op.Info()
		for at := range 16 {
			data := pattern(64)
			v := little(data[at+8:], info.Size)
			if info.Kind == isa.KindLoadSX {
				v = extendModel(info.Size*8, 64, v)
			}
			base := int16(at % 3)
			if !yield(&Case{
				Group: group(op), Name: fmt.Sprintf("%s of the packet at %d", info.Name, at), RFC: info.RFC, Type: "xdp", Data: data,
				Insns: inPacket(seq(one(isa.OpAdd64Imm, 2, 0, 0, int64(base)), one(op, 0, 2, int16(at)+8-base, 0))), Want: v, Out: data,
			}) {
				return false
			}
		}
		for _, at := range []int16{8, 16, 256, 512} {
			x := edges[(int(at)/8+int(op))%len(edges)] ^ 0x8081828384858687
			v := cut(unsigned(x, info.Size*8), info.Size*8)
			if info.Kind == isa.KindLoadSX {
				v = extendModel(info.Size*8, 64, v)
			}
			if !yield(&Case{
				Group: group(op), Name: fmt.Sprintf("%s of the stack at -%d", info.Name, at), RFC: info.RFC, Type: "syscall",
				Insns: seq(set(3, x), one(isa.OpStxDW, 10, 3, -at, 0), one(op, 0, 10, -at, 0), exit), Want: v,
			}) {
				return false
			}
		}
	}
	for _, op := range ops(isa.KindStore, isa.KindStoreImm) {
		info := op.Info()
		for at := range 16 {
			data := pattern(64)
			v := edges[(at*7+int(op))%len(edges)] ^ 0xf1e2d3c4b5a69788
			if info.UsesImm {
				v = uint64(int64(int32(v)))
			}
			out := append([]byte(nil), data...)
			copy(out[at+8:at+8+int(info.Size)], bytes64(v))
			in := isa.New(op, 2, 3, int16(at)+8, 0)
			if info.UsesImm {
				in = isa.New(op, 2, 0, int16(at)+8, int64(v))
			}
			if !yield(&Case{
				Group: group(op), Name: fmt.Sprintf("%s to the packet at %d", info.Name, at), RFC: info.RFC, Type: "xdp", Data: data,
				Insns: inPacket(seq(set(3, v), []isa.Insn{in}, one(isa.OpMov64Imm, 0, 0, 0, 1))), Want: 1, Out: out,
			}) {
				return false
			}
		}
		for _, at := range []int16{8, 128, 512} {
			old, v := edges[(int(at)/8+int(op))%len(edges)], uint64(0x5555aaaa3333cccc)
			in := isa.New(op, 10, 3, -at, 0)
			if info.UsesImm {
				v = uint64(0xffffffff80000001)
				in = isa.New(op, 10, 0, -at, int64(v))
			}
			b := bytes64(old)
			copy(b[:info.Size], bytes64(v))
			if !yield(&Case{
				Group: group(op), Name: fmt.Sprintf("%s to the stack at -%d", info.Name, at), RFC: info.RFC, Type: "syscall",
				Insns: seq(set(4, old), one(isa.OpStxDW, 10, 4, -at, 0), set(3, v), []isa.Insn{in}, one(isa.OpLdxDW, 0, 10, -at, 0), exit), Want: little(b, 8),
			}) {
				return false
			}
		}
	}
	return true
}

// packetAccess tries what is special about packets: bounds, from both ends, and offsets known at run time only.
func packetAccess(yield func(*Case) bool) bool {
	for n := 14; n <= 130; n += 4 {
		data := pattern(n)
		var sum uint64
		for _, b := range data {
			sum += uint64(b)
		}
		// All bytes, one at a time, each checked against the end.
		all := text(`r3 = *(u32 *)(r1 +4); r2 = *(u32 *)(r1 +0); r0 = 0; r5 = 0
			next: r4 = r2; r4 += 1
			if r4 > r3 goto out
			r6 = *(u8 *)(r2 +0); r0 += r6; r2 = r4; r5 += 1
			if r5 < 200 goto next
			out: exit`)
		if !yield(&Case{Group: Access, Name: fmt.Sprintf("all of %d bytes", n), RFC: "the kernel's manual, direct packet access", Type: "xdp", Data: data, Insns: all, Want: sum, Out: data}) {
			return false
		}
		// An offset from the packet itself.
		at := int(data[1] & 15)
		want := uint64(0xff)
		if at+14 <= n {
			want = uint64(data[at+13])
		}
		if !yield(&Case{Group: Access, Name: fmt.Sprintf("offset from %d bytes", n), RFC: "the kernel's manual, direct packet access", Type: "xdp", Data: data, Insns: text(
			`r3 = *(u32 *)(r1 +4); r2 = *(u32 *)(r1 +0); r0 = 255; r4 = r2; r4 += 14
			if r4 > r3 goto out
			r5 = *(u8 *)(r2 +1); r5 &= 15; r2 += r5; r4 = r2; r4 += 14
			if r4 > r3 goto out
			r0 = *(u8 *)(r2 +13)
			out: exit`), Want: want, Out: data}) {
			return false
		}
	}
	return true
}

// packetLoads tries legacy packet loads, RFC 9669 section 5.5: big-endian, and the program ends with 0 when they are
// out of bounds.
func packetLoads(yield func(*Case) bool) bool {
	data := pattern(64)
	for _, op := range ops(isa.KindPacketLoad) {
		info := op.Info()
		for _, at := range []int{0, 1, 2, 3, 13, 14, 33, 59, 60, 61, 62, 63, 64, 100, 1 << 20} {
			want := uint64(0)
			if at+int(info.Size) <= len(data) {
				for _, b := range data[at : at+int(info.Size)] {
					want = want<<8 | uint64(b)
				}
				want += 1 << 32 // so that a load of zero is no end
			}
			in := isa.New(op, 0, 0, 0, int64(at))
			if info.SrcUse == isa.UseOperand {
				in = isa.New(op, 0, 7, 0, int64(at-at/2))
			}
			if !yield(&Case{
				Group: Packet, Name: fmt.Sprintf("%s at %d", info.Name, at), RFC: info.RFC, Type: "sched_cls", Data: data, Out: data,
				Insns: seq(one(isa.OpMov64Reg, 6, 1, 0, 0), one(isa.OpMov64Imm, 7, 0, 0, int64(at/2)), []isa.Insn{in}, set(8, 1<<32), one(isa.OpAdd64Reg, 0, 8, 0, 0), exit), Want: want,
			}) {
				return false
			}
		}
	}
	return true
}
