#include "textflag.h"

// func enter(code uintptr, st *ir.State)
// Generated code runs between BL and RET: it takes the state block in R22, returns by
// R30, and changes neither SP nor R18, R28 (g) and R29; the native stack of
// nested functions is in the state block. The assembler saves and restores R30
// and R29 around the call, since there is one.
TEXT ·enter(SB), NOSPLIT, $0-16
	MOVD code+0(FP), R16
	MOVD st+8(FP), R22
	BL   (R16)
	RET
