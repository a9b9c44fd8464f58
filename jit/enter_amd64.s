#include "textflag.h"

// func enter(code uintptr, st *ir.State)
//
// Generated code runs on the goroutine's stack, inside this function's frame: its pushes go down from
// the frame's top, 1024 bytes at most. It finds the state in CX, may change every register, and returns
// with the stack pointer as it was. The frame keeps BP.
TEXT ·enter(SB), 0, $1040-16
	MOVQ code+0(FP), AX
	MOVQ st+8(FP), CX
	LEAQ 1024(SP), DX
	MOVQ DX, 168(CX)       // State.SP: where the return address will lie
	LEAQ 1032(SP), SP
	CALL AX
	LEAQ -1032(SP), SP
	RET
