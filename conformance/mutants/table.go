package main

// Where faults are looked for: those of machine code in the engines that run it.
var (
	everywhere  = []string{"interp", "jit", "checked", "sandbox"}
	interpreted = []string{"interp", "checked"}
	compiled    = []string{"jit", "sandbox"}
)

// mutants are all faults.
var mutants = concat(interpreterFaults, sharedFaults, loweringFaults, amd64Faults, arm64Faults)

func concat(lists ...[]mutant) []mutant {
	var all []mutant
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

const (
	loop   = "internal/interp/loop.go"
	alu    = "internal/interp/alu.go"
	rmw    = "internal/interp/atomic.go"
	calls  = "internal/interp/call.go"
	memory = "internal/interp/memory.go"
)

var interpreterFaults = []mutant{
	{name: "interp: movsx8 does not extend the sign", engines: interpreted, file: loop,
		old: "r[in.dst&15] = uint64(int64(int8(r[in.src&15])))", new: "r[in.dst&15] = uint64(uint8(r[in.src&15]))"},
	{name: "interp: movsx to 32 bits extends to 64", engines: interpreted, file: loop,
		old: "r[in.dst&15] = uint64(uint32(int32(int16(r[in.src&15]))))", new: "r[in.dst&15] = uint64(int64(int16(r[in.src&15])))"},
	{name: "interp: add32 keeps the upper half", engines: interpreted, file: loop,
		old: "r[in.dst&15] = uint64(uint32(r[in.dst&15]) + uint32(in.imm))", new: "r[in.dst&15] += uint64(uint32(in.imm))"},
	{name: "interp: a shift count is not masked", engines: interpreted, file: loop,
		old: "r[in.dst&15] <<= r[in.src&15] & 63", new: "r[in.dst&15] <<= r[in.src&15]"},
	{name: "interp: the count of a 32-bit shift is masked to 64", engines: interpreted, file: loop,
		old: "r[in.dst&15] = uint64(uint32(int32(r[in.dst&15]) >> (r[in.src&15] & 31)))", new: "r[in.dst&15] = uint64(uint32(int32(r[in.dst&15]) >> (r[in.src&15] & 63)))"},
	{name: "interp: sub swaps its operands", engines: interpreted, file: loop,
		old: "r[in.dst&15] -= r[in.src&15]", new: "r[in.dst&15] = r[in.src&15] - r[in.dst&15]"},
	{name: "interp: division by zero gives all ones", engines: interpreted, file: alu,
		old: "func div64(a, b uint64) uint64 {\n\tif b == 0 {\n\t\treturn 0", new: "func div64(a, b uint64) uint64 {\n\tif b == 0 {\n\t\treturn math.MaxUint64"},
	{name: "interp: 32-bit remainder by zero keeps the upper half", engines: interpreted, file: alu,
		old: "func mod32(a, b uint64) uint64 {\n\tif uint32(b) == 0 {\n\t\treturn a & math.MaxUint32", new: "func mod32(a, b uint64) uint64 {\n\tif uint32(b) == 0 {\n\t\treturn a"},
	{name: "interp: MIN / -1 is not MIN", engines: interpreted, file: alu,
		old: "\t\treturn -a\n", new: "\t\treturn a - 1\n"},
	{name: "interp: smod has no sign", engines: interpreted, file: alu,
		old: "return uint64(int64(a) % int64(b))", new: "return a % b"},
	{name: "interp: be16 keeps what is above", engines: interpreted, file: loop,
		old: "case isa.OpBe16:\n\t\t\tr[in.dst&15] = uint64(", new: "case isa.OpBe16:\n\t\t\tr[in.dst&15] = r[in.dst&15]>>16<<16 | uint64("},
	{name: "interp: bswap32 does not swap", engines: interpreted, file: loop,
		old: "case isa.OpBswap32:\n\t\t\tr[in.dst&15] = uint64(bits.ReverseBytes32(uint32(r[in.dst&15])))", new: "case isa.OpBswap32:\n\t\t\tr[in.dst&15] = uint64(uint32(r[in.dst&15]))"},
	{name: "interp: jsgt compares without sign", engines: interpreted, file: loop,
		old: "if int64(r[in.dst&15]) > int64(r[in.src&15]) {", new: "if r[in.dst&15] > r[in.src&15] {"},
	{name: "interp: the constant of jset is zero-extended", engines: interpreted, file: loop,
		old: "r[in.dst&15]&uint64(int64(int32(in.imm))) != 0", new: "r[in.dst&15]&uint64(uint32(in.imm)) != 0"},
	{name: "interp: jumps go one too far", engines: interpreted, file: "internal/interp/program.go",
		old: "\treturn int32(t)\n", new: "\treturn int32(t) + 1\n"},
	{name: "interp: ldxsh does not extend the sign", engines: interpreted, file: loop,
		old: "r[in.dst&15] = uint64(int16(load16(base, a, mask)))", new: "r[in.dst&15] = load16(base, a, mask)"},
	{name: "interp: ldxh loads a byte", engines: interpreted, file: loop,
		old: "\t\t\tr[in.dst&15] = load16(base, a, mask)\n", new: "\t\t\tr[in.dst&15] = load8(base, a, mask)\n"},
	{name: "interp: stw stores eight bytes", engines: interpreted, file: loop,
		old: "store32(base, a, mask, in.imm)", new: "store64(base, a, mask, in.imm)"},
	{name: "interp: a 64-bit fetch is dropped", engines: interpreted, file: rmw,
		old: "case info.Fetch:", new: "case info.Fetch && info.Size == 4:"},
	{name: "interp: cmpxchg leaves the old value in src", engines: interpreted, file: rmw,
		old: "\t\tr[0] = old\n", new: "\t\tr[in.src&15] = old\n"},
	{name: "interp: store-release of a byte stores a half word", engines: interpreted, file: rmw,
		old: "bits := uint32(1<<(size*8) - 1)", new: "bits := uint32(1<<(size*16) - 1)"},
	{name: "interp: a call does not keep R9", engines: interpreted, file: loop,
		old: "copy(r[6:10], f.saved[:])", new: "copy(r[6:9], f.saved[:])"},
	{name: "interp: only seven functions nest", engines: interpreted, file: calls,
		old: "if st.depth+1 >= guest.MaxFrames {", new: "if st.depth+2 >= guest.MaxFrames {"},
	{name: "interp: 32 tail calls", engines: interpreted, file: calls,
		old: "st.block.Tails >= maxTailCalls", new: "st.block.Tails >= maxTailCalls-1"},
	{name: "interp: a legacy packet load is little-endian", engines: interpreted, file: memory,
		old: "binary.BigEndian.Uint16(p)", new: "binary.LittleEndian.Uint16(p)"},
	{name: "interp: a legacy packet load misses the last byte", engines: interpreted, file: memory,
		old: "if at+n > int64(b.DataEnd) {", new: "if at+n >= int64(b.DataEnd) {"},
	{name: "interp: a legacy packet load out of bounds keeps R0", engines: interpreted, file: loop,
		old: "\t\t\t\tr[0] = 0 // a load", new: "\t\t\t\tr[0] |= 1 // a load"},
	{name: "interp: a frame is not cleared", engines: interpreted, file: "internal/interp/state.go",
		old: "top)), guest.StackSize))", new: "top)), guest.StackSize/2))"},
	{name: "checked: an access may run past the packet", engines: []string{"checked"}, file: "internal/interp/check.go",
		old: "case n > b.DataEnd-addr:", new: "case n > b.DataEnd-addr+1:"},
	{name: "checked: misaligned atomics pass", engines: []string{"checked"}, file: rmw,
		old: "if a&uint64(size-1) != 0 {", new: "if a&uint64(size/4) != 0 {"},
	{name: "checked: the upper half of an address is ignored", engines: []string{"checked"}, file: "internal/interp/check.go",
		old: "if a>>32 != 0 {", new: "if a>>63 != 0 {"},
}

// sharedFaults are in what all engines use.
var sharedFaults = []mutant{
	{name: "fuel: a helper weighs one unit less", file: "internal/fuel/fuel.go", old: "Helper = 8", new: "Helper = 7"},
	{name: "fuel: a turn costs one unit less", file: "internal/fuel/turn.go",
		old: "if *cost = b.sum; b.left", new: "if *cost = b.sum - 1; b.left"},
	{name: "maps: an array has one element more", file: "maps/array.go",
		old: "\treturn a.base, a.stride, a.n, true\n}", new: "\treturn a.base, a.stride, a.n + 1, true\n}", engines: compiled},
	{name: "maps: NOEXIST is ignored", file: "maps/htab.go",
		old: "case flags&^Lock == NoExist && found:", new: "case flags&^Lock == NoExist && !found:"},
}
