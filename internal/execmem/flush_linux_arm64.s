#include "textflag.h"

// func flushCache(p unsafe.Pointer, n uintptr)
// Lines are taken as 16 bytes, the smallest that the architecture allows.
TEXT ·flushCache(SB), NOSPLIT, $0-16
	MOVD p+0(FP), R0
	MOVD n+8(FP), R1
	ADD  R0, R1, R1
	MOVD R0, R2

clean:
	DC   CVAU, R2
	ADD  $16, R2
	CMP  R1, R2
	BLO  clean
	DSB  $0xB
	MOVD R0, R2

invalidate:
	WORD $0xd50b7522 // ic ivau, x2
	ADD  $16, R2
	CMP  R1, R2
	BLO  invalidate
	DSB  $0xB
	ISB  $0xF
	RET
