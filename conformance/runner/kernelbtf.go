package runner

import (
	"encoding/binary"
	"slices"

	"github.com/gbpf/gbpf/internal/kernel"
	"github.com/gbpf/gbpf/isa"
)

// Kinds of BTF types (the kernel's documentation, BPF Type Format, section 2.2).
const (
	btfInt       = 1 << 24
	btfFunc      = 12 << 24
	btfFuncProto = 13 << 24
)

// functionType is the number of the type that loadFunctionType describes.
const functionType = 3

// loadFunctionType gives the kernel the type of a static function: it takes callbacks, and tail calls from functions,
// only of programs that say what their functions are.
func loadFunctionType() (*kernel.BTF, error) {
	var types []byte
	for _, v := range []uint32{
		1, btfInt, 4, 1<<24 | 32, // 1: int, signed, of 32 bits
		0, btfFuncProto, 1, // 2: returns it
		5, btfFunc, 2, // 3: a function of that type
	} {
		types = binary.LittleEndian.AppendUint32(types, v)
	}
	return kernel.LoadBTF(types, []byte("\x00int\x00f\x00"))
}

// tailCall is the number of the helper bpf_tail_call.
const tailCall = 12

// functions are bpf_func_info records for every function of a program, nil if it needs none.
func functions(insns []isa.Insn) []byte {
	starts := []int{0}
	needed := false
	for pc, in := range insns {
		switch in.Op {
		case isa.OpLddwFunc:
			needed = true
			starts = append(starts, pc+1+int(int32(in.Imm)))
		case isa.OpCallHelper:
			needed = needed || in.Imm == tailCall
		case isa.OpCallLocal:
			starts = append(starts, pc+1+int(in.Imm))
		}
	}
	if !needed {
		return nil
	}
	slices.Sort(starts)
	var b []byte
	for _, s := range slices.Compact(starts) {
		b = binary.LittleEndian.AppendUint32(b, uint32(s))
		b = binary.LittleEndian.AppendUint32(b, functionType)
	}
	return b
}
