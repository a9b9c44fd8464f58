package arm64

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// asm collects instructions and resolves labels. A branch with a short reach is emitted
// short; if its label proves too far, [asm.link] marks the op it is of and the
// list is expanded once more with that op's branches long.
type asm struct {
	code   []uint32
	labels []int32 // word index of each label, -1 while it has none
	fixups []fixup
	far    []bool // by op: its conditional branches must reach further than 1 MiB, tests 32 KiB
	op     int    // being expanded
	err    error
}

type reach uint8

const (
	reach26 reach = iota // b, bl
	reach19              // b.cond, cbz, cbnz
	reach14              // tbz, tbnz
)

var reaches = [...]int64{reach26: reachB, reach19: reachCond, reach14: reachTest}

type fixup struct {
	at, label, op int32
	reach         reach
}

var errTooLong = errors.New("arm64: the program's code is too long for a branch")

func (a *asm) emit(words ...uint32) { a.code = append(a.code, words...) }

// newLabel makes a label of the expansion's own.
func (a *asm) newLabel() int32 {
	a.labels = append(a.labels, -1)
	return int32(len(a.labels) - 1)
}

// place puts label here.
func (a *asm) place(label int32) {
	if uint32(label) >= uint32(len(a.labels)) || a.labels[label] >= 0 {
		a.fail("label %d does not exist or stands in two places", label)
		return
	}
	a.labels[label] = int32(len(a.code))
}

func (a *asm) fail(format string, args ...any) {
	if a.err == nil {
		a.err = fmt.Errorf("arm64: macro op %d: %s", a.op, fmt.Sprintf(format, args...))
	}
}

// branch emits a branch whose offset is filled in later.
func (a *asm) branch(word uint32, r reach, label int32) {
	if uint32(label) >= uint32(len(a.labels)) {
		a.fail("branch to label %d, which does not exist", label)
		return
	}
	a.fixups = append(a.fixups, fixup{int32(len(a.code)), label, int32(a.op), r})
	a.emit(word)
}

func (a *asm) jump(label int32) { a.branch(B(0), reach26, label) }

// isFar reports whether the op being expanded needs long branches.
func (a *asm) isFar() bool { return a.op < len(a.far) && a.far[a.op] }

// branchIf goes to label if c holds.
func (a *asm) branchIf(c Cond, label int32) {
	if a.isFar() {
		a.emit(BCond(c.Not(), 8))
		a.jump(label)
		return
	}
	a.branch(BCond(c, 0), reach19, label)
}

// branchZero goes to label if t is zero, or if it is not.
func (a *asm) branchZero(w Width, t Reg, zero bool, label int32) {
	is, not := Cbz, Cbnz
	if !zero {
		is, not = not, is
	}
	if a.isFar() {
		a.emit(not(w, t, 8))
		a.jump(label)
		return
	}
	a.branch(is(w, t, 0), reach19, label)
}

// branchBit goes to label if the bit of t is clear, or if it is set.
func (a *asm) branchBit(t Reg, bit uint32, clear bool, label int32) {
	is, not := Tbz, Tbnz
	if !clear {
		is, not = not, is
	}
	if a.isFar() {
		a.emit(not(t, bit, 8))
		a.jump(label)
		return
	}
	a.branch(is(t, bit, 0), reach14, label)
}

// link fills in the offsets. It returns false, having marked ops as far, when a branch
// does not reach.
func (a *asm) link() (bool, error) {
	if a.err != nil {
		return false, a.err
	}
	again := false
	for _, f := range a.fixups {
		to := a.labels[f.label]
		if to < 0 {
			return false, fmt.Errorf("arm64: macro op %d: branch to label %d, which stands nowhere", f.op, f.label)
		}
		off := 4 * (int64(to) - int64(f.at))
		limit := reaches[f.reach]
		if off < -limit || off >= limit {
			if f.reach == reach26 || int(f.op) >= len(a.far) || a.far[f.op] {
				return false, errTooLong
			}
			a.far[f.op], again = true, true
			continue
		}
		switch f.reach {
		case reach26:
			a.code[f.at] |= uint32(off) >> 2 & 0x3ffffff
		case reach19:
			a.code[f.at] |= imm19(int32(off))
		case reach14:
			a.code[f.at] |= uint32(off) >> 2 & 0x3fff << 5
		}
	}
	return !again, nil
}

func (a *asm) bytes() []byte {
	b := make([]byte, 0, 4*len(a.code))
	for _, w := range a.code {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	return b
}
