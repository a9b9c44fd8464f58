package isa_test

import (
	"fmt"
	"os"

	"github.com/gbpf/gbpf/isa"
)

func ExampleDecode() {
	// Bytes as an ELF object or the bpf system call has them.
	prog, err := isa.Decode([]byte{
		0x61, 0x10, 0x04, 0, 0, 0, 0, 0,
		0x95, 0, 0, 0, 0, 0, 0, 0,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for pc, insn := range prog {
		fmt.Println(pc, insn)
	}
	_, err = isa.Decode([]byte{0xff, 0, 0, 0, 0, 0, 0, 0})
	fmt.Println(err)
	// Output:
	// 0 r0 = *(u32 *)(r1 +4)
	// 1 exit
	// decode: insn 0: opcode 0xff is not an instruction
}

func ExampleDisasm() {
	load := isa.LoadImm64(isa.OpLddwMapFD, isa.R1, 5)
	prog := []isa.Insn{
		load[0], load[1],
		isa.New(isa.OpMov64Reg, isa.R2, isa.R10, 0, 0),
		isa.New(isa.OpAdd64Imm, isa.R2, 0, 0, -4),
		isa.New(isa.OpCallHelper, 0, 0, 0, 1),
		isa.New(isa.OpExit, 0, 0, 0, 0),
	}
	names := &isa.Names{
		Helper: func(id int32) string { return "bpf_map_lookup_elem" },
		Map:    func(isa.Insn) string { return "counters" },
	}
	if err := isa.Disasm(prog, os.Stdout, isa.DisasmOptions{Names: names}); err != nil {
		fmt.Println(err)
	}
	// Output:
	//    0: (18) r1 = map[counters]
	//    2: (bf) r2 = r10
	//    3: (07) r2 += -4
	//    4: (85) call bpf_map_lookup_elem#1
	//    5: (95) exit
}
