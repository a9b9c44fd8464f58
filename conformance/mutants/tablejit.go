package main

// loweringFaults are in what both kinds of machine code come from: lowering and the optimiser.
var loweringFaults = []mutant{
	{name: "lower: le32 does nothing", engines: compiled, file: "jit/lower_alu.go",
		old: "case info.Width == 64:\n\t\t\treturn nil", new: "case info.Width >= 32:\n\t\t\treturn nil"},
	{name: "lower: jumps that are never taken are", engines: compiled, file: "jit/lower_alu.go",
		old: "if !w.decided(pc, verifier.NotTaken) {", new: "if !w.decided(pc, verifier.Taken) {"},
	{name: "lower: a load always extends the sign", engines: compiled, file: "jit/lower_memory.go",
		old: "info.Kind == isa.KindLoadSX\n", new: "info.Kind != isa.KindLoadAcquire\n"},
	{name: "lower: an offset loses its sign", engines: compiled, file: "jit/lower_memory.go",
		old: "op.Off, op.Src = info.Size, at, int32(in.Off), src", new: "op.Off, op.Src = info.Size, at, int32(in.Off)&0x7fff, src"},
	{name: "lower: a fetch is dropped", engines: compiled, file: "jit/lower_memory.go",
		old: "info.AtomicOp, info.Fetch\n", new: "info.AtomicOp, info.Fetch && info.Size == 8\n"},
	{name: "lower: unread stack is not cleared", engines: compiled, file: "jit/lower_stack.go",
		old: "return int64(s.most+15) &^ 15", new: "return int64(s.most) * 0"},
	{name: "optimise: shifts that do not add up rotate", engines: compiled, file: "jit/rotate.go",
		old: "d.count+s.count != w", new: "d.count+s.count < w"},
	{name: "optimise: rotations go the other way", engines: compiled, file: "jit/rotate.go",
		old: "\tif x.Kind == ir.Rsh {\n", new: "\tif x.Kind == ir.Lsh {\n"},
	{name: "optimise: a shift that was read becomes a rotation", engines: compiled, file: "jit/rotate.go",
		old: "s.op < 0 || d.read ||", new: "s.op < 0 ||"},
	{name: "optimise: a byte is extended as a word", engines: compiled, file: "jit/optimise.go",
		old: "case from == 32 && mov != nil:\n", new: "case mov != nil:\n"},
	{name: "optimise: shifts by other counts are an extension", engines: compiled, file: "jit/optimise.go",
		old: "!down.UseImm || up.Imm != down.Imm ||", new: "!down.UseImm ||"},
	{name: "optimise: lea adds what was to be subtracted", engines: compiled, file: "jit/optimise.go",
		old: "\t\t\timm = -imm\n", new: "\t\t\timm = +imm\n"},
	{name: "optimise: a swap of another width joins a load", engines: compiled, file: "jit/optimise.go",
		old: "s.From == m.Size*8", new: "s.From >= m.Size*8"},
	{name: "optimise: a load with sign counts as zero-extended", engines: compiled, file: "jit/optimise.go",
		old: "return op.Size <= 4 && !op.Signed", new: "return op.Size <= 4"},
	{name: "optimise: all arithmetic counts as zero-extended", engines: compiled, file: "jit/optimise.go",
		old: "\t\t\treturn op.W == 32\n", new: "\t\t\treturn op.W >= 32\n"},
	{name: "optimise: parts that are no neighbours become one load", engines: compiled, file: "jit/wide.go",
		old: "high != low+int32(size)", new: "high < low"},
	{name: "optimise: parts with a store between become one load", engines: compiled, file: "jit/wide.go",
		old: "op.Kind != ir.Nop && !simple(op.Kind) ||", new: "op.Kind != ir.Store && op.Kind != ir.Nop && !simple(op.Kind) ||"},
	{name: "optimise: a part with a sign becomes a part of one load", engines: compiled, file: "jit/wide.go",
		old: "ir.Load && !op.Signed &&", new: "ir.Load &&"},
	{name: "optimise: an offset is not folded but lost", engines: compiled, file: "jit/fold.go",
		old: "\t\top.Off = int32(sum)\n\t\treturn true", new: "\t\treturn true"},
	{name: "optimise: all addresses count as near", engines: compiled, file: "jit/near.go",
		old: "now[op.Base] <= 2*math.MaxUint32 && int64(now[op.Base])+int64(op.Off) <= math.MaxUint32+pad-8", new: "now[op.Base] <= unknown"},
	{name: "optimise: what a store reads counts as dead", engines: compiled, file: "jit/effects.go",
		old: "ir.Store: isStraight | readsB | readsAddress", new: "ir.Store: isStraight | readsAddress"},
	{name: "optimise: what cmpxchg compares counts as dead", engines: compiled, file: "jit/effects.go",
		old: "bit(op.Base) | bit(op.Src) | bit(0)", new: "bit(op.Base) | bit(op.Src)"},
}

const (
	amd64Expand  = "jit/internal/amd64/expand.go"
	amd64Divide  = "jit/internal/amd64/divide.go"
	amd64Memory  = "jit/internal/amd64/memory.go"
	amd64Control = "jit/internal/amd64/control.go"
	amd64Encode  = "jit/internal/amd64/encode.go"
	amd64Lookup  = "jit/internal/amd64/lookup.go"
	amd64Tail    = "jit/internal/amd64/helper_tail.go"
)

var amd64Faults = on("amd64",
	mutant{name: "amd64: times 31 is times 33", file: amd64Expand, old: "x.aluRR(w, aluSub, dst, from)", new: "x.aluRR(w, aluAdd, dst, from)"},
	mutant{name: "amd64: mul squares", file: amd64Expand, old: "x.imulRR(w, dst, src)", new: "x.imulRR(w, dst, dst)"},
	mutant{name: "amd64: a logical shift is arithmetic", file: amd64Expand, old: "\t\t\tx.shrx(w, dst, dst, src)\n", new: "\t\t\tx.sarx(w, dst, dst, src)\n"},
	mutant{name: "amd64: a shift by zero keeps the upper half", file: amd64Expand, old: "\t\tif count == 0 {\n\t\t\tif w == 32 {", new: "\t\tif count == 0 {\n\t\t\tif w == 16 {"},
	mutant{name: "amd64: sdiv has no sign", file: amd64Divide, old: "x.idiv(w, scratch)", new: "x.div(w, scratch)"},
	mutant{name: "amd64: 32-bit remainder by zero keeps the upper half", file: amd64Divide, old: "\t\tx.aluRR(32, aluXor, dst, dst)\n\tcase w == 32:\n", new: "\t\tx.aluRR(32, aluXor, dst, dst)\n\tcase w == 16:\n"},
	mutant{name: "amd64: MIN / -1 of 64 bits has 32", file: amd64Divide, old: "\t\treturn\n\t}\n\tx.neg(w, dst)\n}", new: "\t\treturn\n\t}\n\tx.neg(32, dst)\n}"},
	mutant{name: "amd64: division loses R0", file: amd64Divide, old: "\tcase mod:\n\t\tx.movRR(64, RAX, dst)\n", new: "\tcase mod:\n\t\tx.movRR(32, RAX, dst)\n"},
	mutant{name: "amd64: swap16 keeps what is above", file: amd64Expand, old: "\t\tx.rol16(dst)\n\t\tx.movzx16RR(dst, dst)\n", new: "\t\tx.rol16(dst)\n"},
	mutant{name: "amd64: accesses are not confined", file: amd64Memory, old: "\t\tx.movRR(32, scratch, base)\n", new: "\t\tx.movRR(64, scratch, base)\n"},
	mutant{name: "amd64: atomics are not confined", file: amd64Memory, old: "x.lea(32, scratch, at(regs[op.Base], op.Off))", new: "x.lea(64, scratch, at(regs[op.Base], op.Off))"},
	mutant{name: "amd64: atomics are aligned to half their size", file: amd64Memory, old: "x.l.Mask &^ uint32(op.Size-1)", new: "x.l.Mask &^ uint32(op.Size/2-1)"},
	mutant{name: "amd64: an address is kept though its register changed", file: amd64Expand, old: "\tif r == x.held {\n\t\tx.held = ir.None", new: "\tif r == x.held && r > 9 {\n\t\tx.held = ir.None"},
	mutant{name: "amd64: a scale is one too small", file: "jit/internal/amd64/scale.go", old: "uint8(shift.Imm)\n", new: "uint8(shift.Imm) - 1\n"},
	mutant{name: "amd64: what is read before the load loses its shift", file: "jit/internal/amd64/scale.go", old: "if op.Dst == r || op.Src == r && !op.UseImm {", new: "if op.Dst == r {"},
	mutant{name: "amd64: jsgt jumps if equal", file: amd64Expand, old: "ir.SGt: CCG,", new: "ir.SGt: CCGE,"},
	mutant{name: "amd64: 32-bit conditions compare 64 bits", file: amd64Expand, old: "x.aluRR(w, aluCmp, dst, src)", new: "x.aluRR(64, aluCmp, dst, src)"},
	mutant{name: "amd64: jset of a negative constant sees half of it", file: amd64Expand, old: "if w == 64 && op.Imm >= 0 {", new: "if w == 64 {"},
	mutant{name: "amd64: a turn or a call costs one unit less", file: amd64Expand, old: "x.aluRI(64, aluSub, regFuel, int32(op.Imm))\n", new: "x.aluRI(64, aluSub, regFuel, int32(op.Imm)-1)\n"},
	mutant{name: "amd64: xadd drops what it fetched", file: amd64Memory, old: "\t\t\tx.lockXadd(w, m, src)\n", new: "\t\t\tx.lockAluMR(w, aluAdd, m, src)\n"},
	mutant{name: "amd64: cmpxchg32 keeps the upper half of R0", file: amd64Memory, old: "\t\tif w == 32 {\n\t\t\tx.movRR(32, RAX, RAX)", new: "\t\tif w == 16 {\n\t\t\tx.movRR(32, RAX, RAX)"},
	mutant{name: "amd64: or with fetch does xor", file: amd64Memory, old: "a = aluOr\n", new: "a = aluXor\n"},
	mutant{name: "amd64: R8 and R9 change places in a return", file: amd64Control, old: "\t\tx.pop(R15)\n\t\tx.pop(R14)\n", new: "\t\tx.pop(R14)\n\t\tx.pop(R15)\n"},
	mutant{name: "amd64: a stack slot's address is the host's", file: amd64Memory, old: "x.lea(32, dst, frame(off))", new: "x.lea(64, dst, frame(off))"},
	mutant{name: "amd64: a called function has its caller's frame", file: amd64Control, old: "\t\t\tx.aluRI(64, aluAdd, regFP, op.Off)\n\t\t}\n\t\tx.byte(0xe8)", new: "\t\t\tx.aluRI(64, aluAdd, regFP, 0)\n\t\t}\n\t\tx.byte(0xe8)"},
	mutant{name: "amd64: functions nest one deeper", file: amd64Control, old: "coldExit{x.jcc(CCAE), op.Exit}", new: "coldExit{x.jcc(CCA), op.Exit}"},
	mutant{name: "amd64: an array has one element less", file: amd64Lookup, old: "\tx.aluRI(32, aluCmp, scratch, int32(l.Entries))\n", new: "\tx.aluRI(32, aluCmp, scratch, int32(l.Entries)-1)\n"},
	mutant{name: "amd64: a key of three bytes has four", file: amd64Lookup, old: "x.shiftI(64, shShl, dst, uint8(64-8*n))", new: "x.shiftI(64, shShl, dst, uint8(56-8*n))"},
	mutant{name: "amd64: only the first word of a key is compared", file: amd64Lookup, old: "x.rm(64, op1(0x3b), hashWord, at(hashAt, int32(8*i)))", new: "x.rm(64, op1(0x3b), hashWord, at(hashAt, 0))"},
	mutant{name: "amd64: elements of 24 bytes lie closer", file: amd64Lookup, old: "x.imulRRI(32, RAX, n, int32(s))", new: "x.imulRRI(32, RAX, n, int32(s&^7/2))"},
	mutant{name: "amd64: 34 tail calls", file: amd64Tail, old: "int32(ir.OffTails)), ir.MaxTailCalls)", new: "int32(ir.OffTails)), ir.MaxTailCalls+1)"},
	mutant{name: "amd64: a tail call that is made costs nothing", file: amd64Tail, old: "\tx.aluRI(64, aluSub, regFuel, int32(op.From))\n", new: "\tx.aluRI(64, aluSub, regFuel, 0)\n"},
	mutant{name: "amd64: sign extension of a byte has no prefix", file: amd64Encode, old: "code{b: 0x0fbe, n: 2, rm8: true}", new: "code{b: 0x0fbe, n: 2}"},
)

const (
	arm64ALU     = "jit/internal/arm64/expand_alu.go"
	arm64Memory  = "jit/internal/arm64/expand_memory.go"
	arm64Control = "jit/internal/arm64/expand_control.go"
	arm64Tail    = "jit/internal/arm64/helper_tail.go"
	arm64Shift   = "jit/internal/arm64/shift.go"
)

var arm64Faults = on("arm64",
	mutant{name: "arm64: sign extension takes a bit less", file: arm64ALU, old: "e.emit(Sxt(w, d, s, uint32(op.From)))", new: "e.emit(Sxt(w, d, s, uint32(op.From)-1))"},
	mutant{name: "arm64: a remainder swaps its operands", file: arm64ALU, old: "Msub(w, d, rT0, s, n)", new: "Msub(w, d, rT0, n, n)"},
	mutant{name: "arm64: a logical shift is arithmetic", file: arm64ALU, old: "e.emit(LsrImm(w, d, n, k))", new: "e.emit(AsrImm(w, d, n, k))"},
	mutant{name: "arm64: swap16 keeps what is above", file: arm64ALU, old: "e.emit(Rev16(W, d, n), Uxt(d, d, 16))", new: "e.emit(Rev16(W, d, n))"},
	mutant{name: "arm64: accesses are not confined", file: arm64Memory, old: "e.window(op), UXTW, false)", new: "e.window(op), UXTX, false)"},
	mutant{name: "arm64: loads do not extend the sign", file: arm64Memory, old: "\t\tm = LDRSX\n", new: "\t\tm = LDR\n"},
	mutant{name: "arm64: an atomic and clears what it should keep", file: arm64Memory, old: "e.emit(Mvn(X, rT0, s))", new: "e.emit(Mov(X, rT0, s))"},
	mutant{name: "arm64: a fetch is dropped", file: arm64Memory, old: "t, order = s, AcqRel", new: "t, order = ZR, AcqRel"},
	mutant{name: "arm64: atomics are not aligned", file: arm64Memory, old: "\t\tmask &^= uint32(low)\n", new: "\t\tmask &^= 0\n"},
	mutant{name: "arm64: a jump over a jump keeps its condition", file: "jit/internal/arm64/tidy.go", old: "out[n-1].Cond.Not(), op.Target", new: "out[n-1].Cond, op.Target"},
	mutant{name: "arm64: a choice of 1 or 0 is the other way round", file: "jit/internal/arm64/choose.go", old: "\t\tif a == 0 {\n\t\t\tc = c.Not()", new: "\t\tif a != 0 {\n\t\t\tc = c.Not()"},
	mutant{name: "arm64: jsgt jumps if equal", file: arm64Control, old: "ir.SGt: GT,", new: "ir.SGt: GE,"},
	mutant{name: "arm64: above zero is zero", file: arm64Control, old: "op.Cond == ir.Le, to)", new: "op.Cond == ir.Gt, to)"},
	mutant{name: "arm64: a turn or a call costs one unit more", file: arm64Control, old: "\tv := uint64(op.Imm)\n\tif fitsAddSub(v) {\n\t\te.emit(SubsImm(X, rFuel", new: "\tv := uint64(op.Imm) + 1\n\tif fitsAddSub(v) {\n\t\te.emit(SubsImm(X, rFuel"},
	mutant{name: "arm64: R8 and R9 change places in a return", file: arm64Control, old: "Ldp(X, 9, 8, rStack, 8*ir.FrameR9)", new: "Ldp(X, 8, 9, rStack, 8*ir.FrameR9)"},
	mutant{name: "arm64: functions nest one deeper", file: arm64Control, old: "\t\te.branchIf(HS, e.cold(op.Exit))\n", new: "\t\te.branchIf(HI, e.cold(op.Exit))\n"},
	mutant{name: "arm64: 34 tail calls", file: arm64Tail, old: "SubsImm(W, ZR, rT0, ir.MaxTailCalls)", new: "SubsImm(W, ZR, rT0, ir.MaxTailCalls+1)"},
	mutant{name: "arm64: a key of three bytes has four", file: "jit/internal/arm64/lookup.go", old: "Ubfm(X, d, d, 0, 8*n-1)", new: "Ubfm(X, d, d, 0, 8*n+7)"},
	mutant{name: "arm64: the encoding of udiv is that of sdiv", file: arm64Shift, old: "return two(w, 2, d, n, m)", new: "return two(w, 3, d, n, m)"},
)

// on makes faults of machine code those of one architecture.
func on(arch string, list ...mutant) []mutant {
	for i := range list {
		list[i].arch, list[i].engines = arch, compiled
	}
	return list
}
