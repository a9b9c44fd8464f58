package arm64

import "github.com/gbpf/gbpf/jit/internal/ir"

// held is what registers are known to hold at a place in the code, where every way to it leads past what made it so: addresses
// that later accesses can use again, and facts about the numbers in guest registers. The ops alone say so; nothing is
// believed of the program.
type held struct {
	slot [len(slotRegs)]slot
	via  [ir.Tmp + 1]via
	num  [ir.Tmp + 1]number
	next uint8 // slot to take next when none is free
}

// slotRegs hold addresses. The exit code uses the first as scratch.
var slotRegs = [...]Reg{rAddr, 17, 25, 26, 27}

// slot is what was put into one of slotRegs, beside what via says.
type slot struct {
	kind   slotKind
	base   ir.Reg
	access ir.Access
	off    int32
}

type slotKind uint8

const (
	slotFree   slotKind = iota
	slotOffset          // base + off, confined as access says: an offset into the window
	slotPage            // the host address of guest address off
)

// via is where the guest address in a register is for the host: off bytes behind the address in slotRegs[at-1], or in
// rFrame. What is in a slot was confined, so that any offset up to the margin of the window stays in it.
type via struct {
	at  uint8 // 0 for nowhere
	off int32
}

const viaFrame = uint8(len(slotRegs) + 1)

// viaRoot is the slot that holds the address in R1 where function 0 begins, if only the host and tail calls enter it.
const viaRoot = 1

// host is the register of a via.
func (v via) host() Reg {
	if v.at == viaFrame {
		return rFrame
	}
	return slotRegs[v.at-1]
}

// maxVia bounds the offset of a via, in bytes: it and the offset of an access together are less than the margin.
const maxVia = 1 << 14

// move adds to the number in a register that the host's address of is known.
func (v via) move(by int64) via {
	if off := int64(v.off) + by; v.at != 0 && off >= -maxVia && off <= maxVia {
		return via{v.at, int32(off)}
	}
	return via{}
}

// offset returns the register that holds an offset into the window.
func (h *held) offset(s slot) (Reg, bool) {
	for i := range h.slot {
		if h.slot[i] == s {
			return slotRegs[i], true
		}
	}
	return 0, false
}

// page returns a register that holds the host address of a place from which an access of size bytes reaches guest address a.
func (h *held) page(size uint8, a int64) (Reg, int64, bool) {
	for i := range h.slot {
		if s := &h.slot[i]; s.kind == slotPage && fits(size, a-int64(s.off)) {
			return slotRegs[i], a - int64(s.off), true
		}
	}
	return 0, 0, false
}

// take empties a slot: one that nothing is in, or the one that was taken longest ago.
func (h *held) take() int {
	var used [len(slotRegs) + 2]bool
	for _, v := range h.via {
		used[v.at] = true
	}
	for i := range h.slot {
		if h.slot[i].kind == slotFree && !used[i+1] {
			return i
		}
	}
	i := int(h.next)
	h.next = uint8((i + 1) % len(slotRegs))
	h.slot[i] = slot{}
	for r := range h.via {
		if int(h.via[r].at) == i+1 {
			h.via[r] = via{}
		}
	}
	return i
}

// forget drops what is known of a register that is written.
func (h *held) forget(r ir.Reg) {
	for i := range h.slot {
		if s := &h.slot[i]; s.kind == slotOffset && s.base == r {
			*s = slot{}
		}
	}
	h.via[r], h.num[r] = via{}, number{}
}

// clear drops all, where control comes together in ways that are not followed, or other code has run.
func (h *held) clear() { *h = held{} }

// meet keeps what both hold.
func (h *held) meet(o *held) {
	for i := range h.slot {
		if h.slot[i] != o.slot[i] {
			h.slot[i] = slot{}
		}
	}
	for r := range h.via {
		if h.via[r] != o.via[r] {
			h.via[r] = via{}
		}
		h.num[r] = h.num[r].meet(o.num[r])
	}
}
