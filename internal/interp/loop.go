package interp

import (
	"math/bits"

	"github.com/gbpf/gbpf/helpers"
	"github.com/gbpf/gbpf/internal/trap"
	"github.com/gbpf/gbpf/isa"
)

// loop runs p from pc with the registers r until the function it started in returns.
// It is one switch over the rows of isa's table; what takes more than a line
// stands beside it, in a file for each class of instruction. It returns false, with
// st.trap set, when the run must end.
//
// Register numbers are masked with 15 so that no bounds check is needed; decoding
// has refused those above 10.
func (st *State) loop(p *Program, pc int, r *[16]uint64) bool {
	var (
		code    = p.run
		base    = st.base
		mask    = st.mask
		checked = st.mode.Checked
		start   = pc // where the current straight run of instructions began
		in      *insn
		f       *frame
		q       *Program
		h       *helpers.Helper
		a       uint64
	)
	st.cur = p
	for {
		in = &code[pc]
		pc++
	again:
		switch in.op {
		case isa.OpAdd64Imm:
			r[in.dst&15] += in.imm
		case isa.OpAdd64Reg:
			r[in.dst&15] += r[in.src&15]
		case isa.OpSub64Imm:
			r[in.dst&15] -= in.imm
		case isa.OpSub64Reg:
			r[in.dst&15] -= r[in.src&15]
		case isa.OpMul64Imm:
			r[in.dst&15] *= in.imm
		case isa.OpMul64Reg:
			r[in.dst&15] *= r[in.src&15]
		case isa.OpDiv64Imm:
			r[in.dst&15] = div64(r[in.dst&15], in.imm)
		case isa.OpDiv64Reg:
			r[in.dst&15] = div64(r[in.dst&15], r[in.src&15])
		case isa.OpOr64Imm:
			r[in.dst&15] |= in.imm
		case isa.OpOr64Reg:
			r[in.dst&15] |= r[in.src&15]
		case isa.OpAnd64Imm:
			r[in.dst&15] &= in.imm
		case isa.OpAnd64Reg:
			r[in.dst&15] &= r[in.src&15]
		case isa.OpLsh64Imm:
			r[in.dst&15] <<= in.imm & 63
		case isa.OpLsh64Reg:
			r[in.dst&15] <<= r[in.src&15] & 63
		case isa.OpRsh64Imm:
			r[in.dst&15] >>= in.imm & 63
		case isa.OpRsh64Reg:
			r[in.dst&15] >>= r[in.src&15] & 63
		case isa.OpMod64Imm:
			r[in.dst&15] = mod64(r[in.dst&15], in.imm)
		case isa.OpMod64Reg:
			r[in.dst&15] = mod64(r[in.dst&15], r[in.src&15])
		case isa.OpXor64Imm:
			r[in.dst&15] ^= in.imm
		case isa.OpXor64Reg:
			r[in.dst&15] ^= r[in.src&15]
		case isa.OpMov64Imm:
			r[in.dst&15] = in.imm
		case isa.OpMov64Reg:
			r[in.dst&15] = r[in.src&15]
		case isa.OpArsh64Imm:
			r[in.dst&15] = uint64(int64(r[in.dst&15]) >> (in.imm & 63))
		case isa.OpArsh64Reg:
			r[in.dst&15] = uint64(int64(r[in.dst&15]) >> (r[in.src&15] & 63))
		case isa.OpSdiv64Imm:
			r[in.dst&15] = sdiv64(r[in.dst&15], in.imm)
		case isa.OpSdiv64Reg:
			r[in.dst&15] = sdiv64(r[in.dst&15], r[in.src&15])
		case isa.OpSmod64Imm:
			r[in.dst&15] = smod64(r[in.dst&15], in.imm)
		case isa.OpSmod64Reg:
			r[in.dst&15] = smod64(r[in.dst&15], r[in.src&15])
		case isa.OpAdd32Imm:
			r[in.dst&15] = uint64(uint32(r[in.dst&15]) + uint32(in.imm))
		case isa.OpAdd32Reg:
			r[in.dst&15] = uint64(uint32(r[in.dst&15]) + uint32(r[in.src&15]))
		case isa.OpSub32Imm:
			r[in.dst&15] = uint64(uint32(r[in.dst&15]) - uint32(in.imm))
		case isa.OpSub32Reg:
			r[in.dst&15] = uint64(uint32(r[in.dst&15]) - uint32(r[in.src&15]))
		case isa.OpMul32Imm:
			r[in.dst&15] = uint64(uint32(r[in.dst&15]) * uint32(in.imm))
		case isa.OpMul32Reg:
			r[in.dst&15] = uint64(uint32(r[in.dst&15]) * uint32(r[in.src&15]))
		case isa.OpDiv32Imm:
			r[in.dst&15] = div32(r[in.dst&15], in.imm)
		case isa.OpDiv32Reg:
			r[in.dst&15] = div32(r[in.dst&15], r[in.src&15])
		case isa.OpOr32Imm:
			r[in.dst&15] = uint64(uint32(r[in.dst&15]) | uint32(in.imm))
		case isa.OpOr32Reg:
			r[in.dst&15] = uint64(uint32(r[in.dst&15]) | uint32(r[in.src&15]))
		case isa.OpAnd32Imm:
			r[in.dst&15] = uint64(uint32(r[in.dst&15]) & uint32(in.imm))
		case isa.OpAnd32Reg:
			r[in.dst&15] = uint64(uint32(r[in.dst&15]) & uint32(r[in.src&15]))
		case isa.OpLsh32Imm:
			r[in.dst&15] = uint64(uint32(r[in.dst&15]) << (in.imm & 31))
		case isa.OpLsh32Reg:
			r[in.dst&15] = uint64(uint32(r[in.dst&15]) << (r[in.src&15] & 31))
		case isa.OpRsh32Imm:
			r[in.dst&15] = uint64(uint32(r[in.dst&15]) >> (in.imm & 31))
		case isa.OpRsh32Reg:
			r[in.dst&15] = uint64(uint32(r[in.dst&15]) >> (r[in.src&15] & 31))
		case isa.OpMod32Imm:
			r[in.dst&15] = mod32(r[in.dst&15], in.imm)
		case isa.OpMod32Reg:
			r[in.dst&15] = mod32(r[in.dst&15], r[in.src&15])
		case isa.OpXor32Imm:
			r[in.dst&15] = uint64(uint32(r[in.dst&15]) ^ uint32(in.imm))
		case isa.OpXor32Reg:
			r[in.dst&15] = uint64(uint32(r[in.dst&15]) ^ uint32(r[in.src&15]))
		case isa.OpMov32Imm:
			r[in.dst&15] = uint64(uint32(in.imm))
		case isa.OpMov32Reg:
			r[in.dst&15] = uint64(uint32(r[in.src&15]))
		case isa.OpArsh32Imm:
			r[in.dst&15] = uint64(uint32(int32(r[in.dst&15]) >> (in.imm & 31)))
		case isa.OpArsh32Reg:
			r[in.dst&15] = uint64(uint32(int32(r[in.dst&15]) >> (r[in.src&15] & 31)))
		case isa.OpSdiv32Imm:
			r[in.dst&15] = sdiv32(r[in.dst&15], in.imm)
		case isa.OpSdiv32Reg:
			r[in.dst&15] = sdiv32(r[in.dst&15], r[in.src&15])
		case isa.OpSmod32Imm:
			r[in.dst&15] = smod32(r[in.dst&15], in.imm)
		case isa.OpSmod32Reg:
			r[in.dst&15] = smod32(r[in.dst&15], r[in.src&15])
		case isa.OpNeg64:
			r[in.dst&15] = -r[in.dst&15]
		case isa.OpNeg32:
			r[in.dst&15] = uint64(-uint32(r[in.dst&15]))
		case isa.OpMovsx8To64:
			r[in.dst&15] = uint64(int64(int8(r[in.src&15])))
		case isa.OpMovsx16To64:
			r[in.dst&15] = uint64(int64(int16(r[in.src&15])))
		case isa.OpMovsx32To64:
			r[in.dst&15] = uint64(int64(int32(r[in.src&15])))
		case isa.OpMovsx8To32:
			r[in.dst&15] = uint64(uint32(int32(int8(r[in.src&15]))))
		case isa.OpMovsx16To32:
			r[in.dst&15] = uint64(uint32(int32(int16(r[in.src&15]))))
		case isa.OpAddrSpaceCast:
			// An arena pointer is its 32-bit offset in either address space.
			r[in.dst&15] = uint64(uint32(r[in.src&15]))

		case isa.OpLe16:
			r[in.dst&15] = uint64(uint16(r[in.dst&15]))
		case isa.OpLe32:
			r[in.dst&15] = uint64(uint32(r[in.dst&15]))
		case isa.OpLe64:
			// Guest memory is little-endian: nothing to do.
		case isa.OpBe16:
			r[in.dst&15] = uint64(bits.ReverseBytes16(uint16(r[in.dst&15])))
		case isa.OpBe32:
			r[in.dst&15] = uint64(bits.ReverseBytes32(uint32(r[in.dst&15])))
		case isa.OpBe64:
			r[in.dst&15] = bits.ReverseBytes64(r[in.dst&15])
		case isa.OpBswap16:
			r[in.dst&15] = uint64(bits.ReverseBytes16(uint16(r[in.dst&15])))
		case isa.OpBswap32:
			r[in.dst&15] = uint64(bits.ReverseBytes32(uint32(r[in.dst&15])))
		case isa.OpBswap64:
			r[in.dst&15] = bits.ReverseBytes64(r[in.dst&15])

		case isa.OpJa, isa.OpJa32:
			goto take
		case isa.OpMayGoto:
			if st.mayGoto() {
				goto take
			}
		case isa.OpJeqImm:
			if r[in.dst&15] == uint64(int64(int32(in.imm))) {
				goto take
			}
		case isa.OpJeqReg:
			if r[in.dst&15] == r[in.src&15] {
				goto take
			}
		case isa.OpJgtImm:
			if r[in.dst&15] > uint64(int64(int32(in.imm))) {
				goto take
			}
		case isa.OpJgtReg:
			if r[in.dst&15] > r[in.src&15] {
				goto take
			}
		case isa.OpJgeImm:
			if r[in.dst&15] >= uint64(int64(int32(in.imm))) {
				goto take
			}
		case isa.OpJgeReg:
			if r[in.dst&15] >= r[in.src&15] {
				goto take
			}
		case isa.OpJsetImm:
			if r[in.dst&15]&uint64(int64(int32(in.imm))) != 0 {
				goto take
			}
		case isa.OpJsetReg:
			if r[in.dst&15]&r[in.src&15] != 0 {
				goto take
			}
		case isa.OpJneImm:
			if r[in.dst&15] != uint64(int64(int32(in.imm))) {
				goto take
			}
		case isa.OpJneReg:
			if r[in.dst&15] != r[in.src&15] {
				goto take
			}
		case isa.OpJsgtImm:
			if int64(r[in.dst&15]) > int64(int32(in.imm)) {
				goto take
			}
		case isa.OpJsgtReg:
			if int64(r[in.dst&15]) > int64(r[in.src&15]) {
				goto take
			}
		case isa.OpJsgeImm:
			if int64(r[in.dst&15]) >= int64(int32(in.imm)) {
				goto take
			}
		case isa.OpJsgeReg:
			if int64(r[in.dst&15]) >= int64(r[in.src&15]) {
				goto take
			}
		case isa.OpJltImm:
			if r[in.dst&15] < uint64(int64(int32(in.imm))) {
				goto take
			}
		case isa.OpJltReg:
			if r[in.dst&15] < r[in.src&15] {
				goto take
			}
		case isa.OpJleImm:
			if r[in.dst&15] <= uint64(int64(int32(in.imm))) {
				goto take
			}
		case isa.OpJleReg:
			if r[in.dst&15] <= r[in.src&15] {
				goto take
			}
		case isa.OpJsltImm:
			if int64(r[in.dst&15]) < int64(int32(in.imm)) {
				goto take
			}
		case isa.OpJsltReg:
			if int64(r[in.dst&15]) < int64(r[in.src&15]) {
				goto take
			}
		case isa.OpJsleImm:
			if int64(r[in.dst&15]) <= int64(int32(in.imm)) {
				goto take
			}
		case isa.OpJsleReg:
			if int64(r[in.dst&15]) <= int64(r[in.src&15]) {
				goto take
			}
		case isa.OpJeq32Imm:
			if uint32(r[in.dst&15]) == uint32(in.imm) {
				goto take
			}
		case isa.OpJeq32Reg:
			if uint32(r[in.dst&15]) == uint32(r[in.src&15]) {
				goto take
			}
		case isa.OpJgt32Imm:
			if uint32(r[in.dst&15]) > uint32(in.imm) {
				goto take
			}
		case isa.OpJgt32Reg:
			if uint32(r[in.dst&15]) > uint32(r[in.src&15]) {
				goto take
			}
		case isa.OpJge32Imm:
			if uint32(r[in.dst&15]) >= uint32(in.imm) {
				goto take
			}
		case isa.OpJge32Reg:
			if uint32(r[in.dst&15]) >= uint32(r[in.src&15]) {
				goto take
			}
		case isa.OpJset32Imm:
			if uint32(r[in.dst&15])&uint32(in.imm) != 0 {
				goto take
			}
		case isa.OpJset32Reg:
			if uint32(r[in.dst&15])&uint32(r[in.src&15]) != 0 {
				goto take
			}
		case isa.OpJne32Imm:
			if uint32(r[in.dst&15]) != uint32(in.imm) {
				goto take
			}
		case isa.OpJne32Reg:
			if uint32(r[in.dst&15]) != uint32(r[in.src&15]) {
				goto take
			}
		case isa.OpJsgt32Imm:
			if int32(r[in.dst&15]) > int32(in.imm) {
				goto take
			}
		case isa.OpJsgt32Reg:
			if int32(r[in.dst&15]) > int32(r[in.src&15]) {
				goto take
			}
		case isa.OpJsge32Imm:
			if int32(r[in.dst&15]) >= int32(in.imm) {
				goto take
			}
		case isa.OpJsge32Reg:
			if int32(r[in.dst&15]) >= int32(r[in.src&15]) {
				goto take
			}
		case isa.OpJlt32Imm:
			if uint32(r[in.dst&15]) < uint32(in.imm) {
				goto take
			}
		case isa.OpJlt32Reg:
			if uint32(r[in.dst&15]) < uint32(r[in.src&15]) {
				goto take
			}
		case isa.OpJle32Imm:
			if uint32(r[in.dst&15]) <= uint32(in.imm) {
				goto take
			}
		case isa.OpJle32Reg:
			if uint32(r[in.dst&15]) <= uint32(r[in.src&15]) {
				goto take
			}
		case isa.OpJslt32Imm:
			if int32(r[in.dst&15]) < int32(in.imm) {
				goto take
			}
		case isa.OpJslt32Reg:
			if int32(r[in.dst&15]) < int32(r[in.src&15]) {
				goto take
			}
		case isa.OpJsle32Imm:
			if int32(r[in.dst&15]) <= int32(in.imm) {
				goto take
			}
		case isa.OpJsle32Reg:
			if int32(r[in.dst&15]) <= int32(r[in.src&15]) {
				goto take
			}

		case isa.OpLdxB:
			a = r[in.src&15] + uint64(in.off)
			if checked && !st.canRead(p, pc-1, a, 1) {
				goto stop
			}
			r[in.dst&15] = load8(base, a, mask)
		case isa.OpLdxH:
			a = r[in.src&15] + uint64(in.off)
			if checked && !st.canRead(p, pc-1, a, 2) {
				goto stop
			}
			r[in.dst&15] = load16(base, a, mask)
		case isa.OpLdxW:
			a = r[in.src&15] + uint64(in.off)
			if checked && !st.canRead(p, pc-1, a, 4) {
				goto stop
			}
			r[in.dst&15] = load32(base, a, mask)
		case isa.OpLdxDW:
			a = r[in.src&15] + uint64(in.off)
			if checked && !st.canRead(p, pc-1, a, 8) {
				goto stop
			}
			r[in.dst&15] = load64(base, a, mask)
		case isa.OpLdxsB:
			a = r[in.src&15] + uint64(in.off)
			if checked && !st.canRead(p, pc-1, a, 1) {
				goto stop
			}
			r[in.dst&15] = uint64(int8(load8(base, a, mask)))
		case isa.OpLdxsH:
			a = r[in.src&15] + uint64(in.off)
			if checked && !st.canRead(p, pc-1, a, 2) {
				goto stop
			}
			r[in.dst&15] = uint64(int16(load16(base, a, mask)))
		case isa.OpLdxsW:
			a = r[in.src&15] + uint64(in.off)
			if checked && !st.canRead(p, pc-1, a, 4) {
				goto stop
			}
			r[in.dst&15] = uint64(int32(load32(base, a, mask)))
		case isa.OpStB:
			a = r[in.dst&15] + uint64(in.off)
			if checked && !st.canWrite(p, pc-1, a, 1) {
				goto stop
			}
			store8(base, a, mask, in.imm)
		case isa.OpStxB:
			a = r[in.dst&15] + uint64(in.off)
			if checked && !st.canWrite(p, pc-1, a, 1) {
				goto stop
			}
			store8(base, a, mask, r[in.src&15])
		case isa.OpStH:
			a = r[in.dst&15] + uint64(in.off)
			if checked && !st.canWrite(p, pc-1, a, 2) {
				goto stop
			}
			store16(base, a, mask, in.imm)
		case isa.OpStxH:
			a = r[in.dst&15] + uint64(in.off)
			if checked && !st.canWrite(p, pc-1, a, 2) {
				goto stop
			}
			store16(base, a, mask, r[in.src&15])
		case isa.OpStW:
			a = r[in.dst&15] + uint64(in.off)
			if checked && !st.canWrite(p, pc-1, a, 4) {
				goto stop
			}
			store32(base, a, mask, in.imm)
		case isa.OpStxW:
			a = r[in.dst&15] + uint64(in.off)
			if checked && !st.canWrite(p, pc-1, a, 4) {
				goto stop
			}
			store32(base, a, mask, r[in.src&15])
		case isa.OpStDW:
			a = r[in.dst&15] + uint64(in.off)
			if checked && !st.canWrite(p, pc-1, a, 8) {
				goto stop
			}
			store64(base, a, mask, in.imm)
		case isa.OpStxDW:
			a = r[in.dst&15] + uint64(in.off)
			if checked && !st.canWrite(p, pc-1, a, 8) {
				goto stop
			}
			store64(base, a, mask, r[in.src&15])
		case opConst:
			r[in.dst&15] = in.imm
			pc++
			start++ // two slots, one instruction
		case isa.OpLdAbsB, isa.OpLdAbsH, isa.OpLdAbsW, isa.OpLdIndB, isa.OpLdIndH, isa.OpLdIndW:
			if !st.packetLoad(in, r) {
				r[0] = 0 // a load beyond the packet ends the program: RFC 9669 section 5.5
				goto exit
			}

		case isa.OpCallHelper:
			if !st.callHelper(p, pc-1, p.helpers[in.imm], r) {
				goto stop
			}
		case isa.OpCallReg:
			a = r[in.dst&15]
			if a>>32 == 1 {
				if !p.isFunc(a & (1<<32 - 1)) {
					st.fail(p, pc-1, &trap.Trap{Code: trap.BadJump, Addr: a, Detail: "callx of what is no function"})
					goto stop
				}
				st.slice -= int64(p.cost.Func(int(uint32(a))))
				if !st.push(p, pc, r) {
					goto stop
				}
				st.insns += uint64(pc - start)
				pc = int(uint32(a))
				start = pc
				continue
			}
			if h = st.helperByID(p, pc-1, a); h == nil || !st.callHelper(p, pc-1, h, r) {
				goto stop
			}
		case isa.OpCallLocal:
			st.slice -= int64(in.imm >> 32)
			if !st.push(p, pc, r) {
				goto stop
			}
			st.insns += uint64(pc - start)
			pc = int(in.off)
			start = pc
		case opTailCall:
			q = st.tailCall(p, pc-1, r)
			if st.trap != nil {
				goto stop
			}
			if q == nil {
				continue
			}
			st.insns += uint64(pc - start)
			p, pc, start = q, 0, 0
			st.cur, code, checked = p, p.run, st.mode.Checked
		case isa.OpExit:
			goto exit
		case opHead:
			if st.slice -= int64(in.imm); st.slice < 0 && !st.yield() {
				st.fail(p, pc-1, st.trap)
				goto stop
			}
			in = &p.code[pc-1]
			goto again
		case opWatch:
			pc--
			st.show(p, pc, r)

		default:
			if !st.rare(p, pc-1, in, r) {
				goto stop
			}
		}
		continue

	take:
		st.insns += uint64(pc - start)
		pc = int(in.off)
		start = pc
		// The high half of imm is 0 for jumps that begin no turn of a loop.
		if in.imm>>32 != 0 {
			st.slice -= int64(in.imm >> 32)
			if st.slice < 0 && !st.yield() {
				st.fail(p, pc, st.trap)
				goto stop
			}
		}
		continue

	exit:
		st.insns += uint64(pc - start)
		f = &st.frames[st.depth]
		if f.prog == nil {
			return true
		}
		st.depth--
		copy(r[6:10], f.saved[:])
		r[10] = uint64(st.slot.FrameTop(st.depth))
		p, pc = f.prog, f.ret
		start = pc
		st.cur, code = p, p.run
		continue

	stop:
		st.insns += uint64(pc - start)
		return false
	}
}
