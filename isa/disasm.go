package isa

import (
	"fmt"
	"io"
	"strconv"
)

// Names resolves the numbers in a program to names for the disassembler. The
// zero value knows none. Every function may be nil, and may return "" for what
// it does not know; the kernel's own fallback is printed then.
type Names struct {
	// Helper names a helper function, such as "bpf_map_lookup_elem" for 1.
	Helper func(id int32) string
	// Kfunc names a kernel function by BTF ID and by the off field, which
	// tells the module.
	Kfunc func(id int32, off int16) string
	// Map names the map that a 16-byte load refers to: by ImmLow, a file
	// descriptor or an index depending on Op.
	Map func(load Insn) string
	// Func names the function whose first instruction is number pc.
	Func func(pc int) string
}

// String returns the instruction in the notation of the kernel's verifier log,
// such as "r0 = *(u32 *)(r1 +4)", without names.
func (i Insn) String() string { return string(i.appendText(nil, 0, nil)) }

// Format returns instruction pc of prog in the notation of the kernel's
// verifier log, with names resolved by n, which may be nil. The second slot of
// a 16-byte load has no notation in the kernel; here it is "lddw_hi" and its
// immediate.
//
// For 16-byte loads of maps and functions, of which the verifier prints an
// address, the notation is that of bpftool prog dump xlated, and of
// llvm-objdump for calls through a register.
func Format(prog []Insn, pc int, n *Names) string {
	return string(prog[pc].appendText(nil, pc, n))
}

// DisasmOptions says what [Disasm] prints besides the instructions.
type DisasmOptions struct {
	// Names resolves names. Functions it knows get a heading, "name:".
	Names *Names
	// Comment returns lines to print, after "; ", above instruction pc; for
	// instance the line of C it was compiled from.
	Comment func(pc int) []string
	// Bytes adds a line with the instruction's bytes in hex.
	Bytes bool
}

// Disasm writes prog to w, one instruction a line, in the form of
// bpftool prog dump xlated:
//
//	0: (b7) r0 = 0
//	1: (95) exit
//
// Second slots of 16-byte loads are left out; their number is not. The error
// is that of w.
func Disasm(prog []Insn, w io.Writer, opts DisasmOptions) error {
	var b []byte
	for pc := 0; pc < len(prog); pc++ {
		i := prog[pc]
		if i.Op == OpLddwHi && pc > 0 && prog[pc-1].Slots() == 2 {
			continue
		}
		b = b[:0]
		if opts.Names != nil && opts.Names.Func != nil {
			if s := opts.Names.Func(pc); s != "" {
				b = append(b, s+":\n"...)
			}
		}
		if opts.Comment != nil {
			for _, s := range opts.Comment(pc) {
				b = append(b, "; "+s+"\n"...)
			}
		}
		b = fmt.Appendf(b, "%4d: (%02x) ", pc, i.Opcode)
		b = append(i.appendText(b, pc, opts.Names), '\n')
		if opts.Bytes {
			raw := i.AppendTo(nil)
			if i.Slots() == 2 && pc+1 < len(prog) {
				raw = prog[pc+1].AppendTo(raw)
			}
			b = fmt.Appendf(b, "       % x\n", raw)
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return nil
}

// appendText appends the notation of i, standing at pc.
func (i Insn) appendText(b []byte, pc int, n *Names) []byte {
	r := i.Op.Info()
	switch r.Kind {
	case KindALU, KindMov, KindMovSX, KindEnd, KindAddrSpaceCast:
		return i.appendALU(b, r)
	case KindLoad, KindLoadSX, KindStore, KindStoreImm, KindPacketLoad, KindLoadImm64, KindLoadImm64Hi:
		return i.appendMemory(b, r, pc, n)
	case KindAtomic, KindLoadAcquire, KindStoreRelease:
		return i.appendAtomic(b, r)
	case KindJump, KindMayGoto, KindCond, KindCall, KindExit:
		return i.appendJump(b, r, pc, n)
	}
	return fmt.Appendf(b, "invalid opcode %#02x", i.Opcode)
}

// reg names a register for an operation of width bits.
func reg(r Reg, width uint8) string {
	if width == 32 {
		return r.Name32()
	}
	return r.String()
}

func (i Insn) appendALU(b []byte, r *Info) []byte {
	dst := reg(i.Dst, r.Width)
	switch r.Kind {
	case KindEnd: // always the 64-bit names
		return fmt.Appendf(b, "%s = %s%d %s", i.Dst, r.AluOp.Symbol(), r.Width, i.Dst)
	case KindAddrSpaceCast:
		return fmt.Appendf(b, "%s = addr_space_cast(%s, %d, %d)", i.Dst, i.Src, uint32(i.Imm)>>16, uint16(i.Imm))
	case KindMovSX:
		return fmt.Appendf(b, "%s = (s%d)%s", dst, r.FromWidth, reg(i.Src, r.Width))
	}
	switch {
	case r.AluOp == AluNeg:
		return fmt.Appendf(b, "%s = -%s", dst, dst)
	case r.UsesImm:
		return fmt.Appendf(b, "%s %s %d", dst, r.AluOp.Symbol(), i.ImmLow())
	}
	return fmt.Appendf(b, "%s %s %s", dst, r.AluOp.Symbol(), reg(i.Src, r.Width))
}

// address is the notation of a memory operand, "*(u32 *)(r1 +4)" less the
// leading star.
func address(sign byte, size uint8, base Reg, off int16) string {
	return fmt.Sprintf("(%c%d *)(%s %+d)", sign, size*8, base, off)
}

func (i Insn) appendMemory(b []byte, r *Info, pc int, n *Names) []byte {
	switch r.Kind {
	case KindLoad:
		return fmt.Appendf(b, "%s = *%s", i.Dst, address('u', r.Size, i.Src, i.Off))
	case KindLoadSX:
		return fmt.Appendf(b, "%s = *%s", i.Dst, address('s', r.Size, i.Src, i.Off))
	case KindStore:
		return fmt.Appendf(b, "*%s = %s", address('u', r.Size, i.Dst, i.Off), i.Src)
	case KindStoreImm:
		return fmt.Appendf(b, "*%s = %d", address('u', r.Size, i.Dst, i.Off), i.ImmLow())
	case KindPacketLoad:
		if r.SrcUse == UseOperand {
			return fmt.Appendf(b, "r0 = *(u%d *)skb[%s + %d]", r.Size*8, i.Src, i.ImmLow())
		}
		return fmt.Appendf(b, "r0 = *(u%d *)skb[%d]", r.Size*8, i.ImmLow())
	case KindLoadImm64Hi:
		return fmt.Appendf(b, "lddw_hi %#x", uint32(i.Imm))
	}
	b = fmt.Appendf(b, "%s = ", i.Dst)
	switch i.Op {
	case OpLddwMapFD, OpLddwMapIdx:
		return append(b, i.mapName(n)...)
	case OpLddwMapValue:
		return fmt.Appendf(b, "%s[0]+%d", i.mapName(n), uint32(i.ImmHigh()))
	case OpLddwMapIdxValue:
		return fmt.Appendf(b, "%s+%d", i.mapName(n), uint32(i.ImmHigh()))
	case OpLddwFunc:
		s := fmt.Sprintf("%+d", i.ImmLow())
		if n != nil && n.Func != nil {
			if f := n.Func(i.Target(pc)); f != "" {
				s = f
			}
		}
		return append(b, "subprog["+s+"]"...)
	}
	return fmt.Appendf(b, "%#x", uint64(i.Imm))
}

// mapName is the map a 16-byte load refers to, "map[counters]".
func (i Insn) mapName(n *Names) string {
	if n != nil && n.Map != nil {
		if s := n.Map(i); s != "" {
			return "map[" + s + "]"
		}
	}
	key := "fd"
	if i.Op == OpLddwMapIdx || i.Op == OpLddwMapIdxValue {
		key = "idx"
	}
	return "map[" + key + ":" + strconv.Itoa(int(i.ImmLow())) + "]"
}

func (i Insn) appendAtomic(b []byte, r *Info) []byte {
	at := address('u', r.Size, i.Dst, i.Off)
	suffix := ""
	if r.Size == 8 {
		suffix = "64"
	}
	switch {
	case r.Kind == KindLoadAcquire:
		return fmt.Appendf(b, "%s = load_acquire(%s)", i.Dst, address('u', r.Size, i.Src, i.Off))
	case r.Kind == KindStoreRelease:
		return fmt.Appendf(b, "store_release(%s, %s)", at, i.Src)
	case r.AtomicOp == AtomicCmpxchg:
		return fmt.Appendf(b, "r0 = atomic%s_cmpxchg(%s, r0, %s)", suffix, at, i.Src)
	case r.AtomicOp == AtomicXchg:
		return fmt.Appendf(b, "%s = atomic%s_xchg(%s, %s)", i.Src, suffix, at, i.Src)
	case r.Fetch:
		return fmt.Appendf(b, "%s = atomic%s_fetch_%s(%s, %s)", i.Src, suffix, r.AtomicOp, at, i.Src)
	}
	return fmt.Appendf(b, "lock *%s %s %s", at, r.AtomicOp.alu().Symbol(), i.Src)
}

func (i Insn) appendJump(b []byte, r *Info, pc int, n *Names) []byte {
	switch r.Kind {
	case KindExit:
		return append(b, "exit"...)
	case KindMayGoto:
		return fmt.Appendf(b, "may_goto pc%+d", i.Off)
	case KindCall:
		return i.appendCall(b, pc, n)
	case KindJump:
		if i.Op == OpJa32 {
			return fmt.Appendf(b, "gotol pc%+d", i.ImmLow())
		}
		return fmt.Appendf(b, "goto pc%+d", i.Off)
	}
	b = fmt.Appendf(b, "if %s %s ", reg(i.Dst, r.Width), r.CondOp.Symbol())
	if r.UsesImm {
		b = fmt.Appendf(b, "%#x", uint32(i.Imm))
	} else {
		b = append(b, reg(i.Src, r.Width)...)
	}
	return fmt.Appendf(b, " goto pc%+d", i.Off)
}

func (i Insn) appendCall(b []byte, pc int, n *Names) []byte {
	if n == nil {
		n = &Names{}
	}
	id := i.ImmLow()
	name := ""
	switch i.Op {
	case OpCallReg:
		return fmt.Appendf(b, "callx %s", i.Dst)
	case OpCallLocal:
		if n.Func != nil {
			if s := n.Func(i.Target(pc)); s != "" {
				name = "#" + s
			}
		}
		return fmt.Appendf(b, "call pc%+d%s", id, name)
	case OpCallKfunc:
		if n.Kfunc != nil {
			name = n.Kfunc(id, i.Off)
		}
		if name == "" {
			name = "kernel-function"
		}
	default:
		if n.Helper != nil {
			name = n.Helper(id)
		}
		if name == "" {
			name = "unknown"
		}
	}
	return fmt.Appendf(b, "call %s#%d", name, id)
}
