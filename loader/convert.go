package loader

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"

	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

// kconfigMap is the name of the map that holds .kconfig variables.
const kconfigMap = ".kconfig"

// code is a program's bytecode with its references taken out.
type code struct {
	insns  []isa.Insn
	maps   []string // names by index, as map references have them
	kfuncs []string // names by index, as kfunc calls have them
	funcs  []verifier.Func
	lines  []verifier.Line
	poison map[int]string // why an instruction must not be reached
}

// surroundings are what a program's references are resolved in.
type surroundings struct {
	spec   *ebpf.CollectionSpec
	kernel *btf.Spec // CO-RE target, nil for the program's own types
	ksyms  map[string]uint64
	kfunc  func(name string, weak bool) bool // whether the machine, or kernel, has a kfunc
	// anyKsym says that a kernel symbol without a value is no error: the program is not to run.
	anyKsym bool
}

// converter turns one program's asm.Instructions into bytecode.
type converter struct {
	surroundings
	prog    *ebpf.ProgramSpec
	typ     *progtype.Type
	insns   asm.Instructions
	starts  []int // slot number of each instruction
	symbols map[string]int
	poison  map[int]string // by index into insns
	out     code
	bytes   []byte
	mapIdx  map[string]int
	kfIdx   map[string]int
}

// convert makes bytecode of a program: CO-RE relocations applied, calls and function
// pointers relative, maps and kfuncs as indexes. The error is an [*Error].
func (s surroundings) convert(p *ebpf.ProgramSpec, typ *progtype.Type) (*code, error) {
	if len(p.Instructions) == 0 {
		return nil, programError(p.Name, "no instructions")
	}
	c := &converter{
		surroundings: s, prog: p, typ: typ,
		insns:   append(asm.Instructions(nil), p.Instructions...),
		symbols: make(map[string]int),
		mapIdx:  make(map[string]int), kfIdx: make(map[string]int),
		out: code{poison: make(map[int]string)},
	}
	if err := c.index(); err != nil {
		return nil, err
	}
	var err error
	if c.poison, err = relocate(c.insns, s.spec, s.kernel); err != nil {
		var ie *insnError
		if errors.As(err, &ie) {
			return nil, c.fail(ie.index, "%w", ie.err)
		}
		return nil, programError(p.Name, "%w", err)
	}
	for i := range c.insns {
		if err := c.resolve(i); err != nil {
			return nil, err
		}
		if err := c.encode(i); err != nil {
			return nil, c.fail(i, "%w", err)
		}
	}
	c.out.insns, err = isa.Decode(c.bytes)
	if err != nil {
		var de *isa.DecodeError
		if errors.As(err, &de) {
			e := programError(p.Name, "%s", de.Reason)
			e.Insn, e.Line, e.Err = de.Insn, c.lineAt(de.Insn), err
			return nil, e
		}
		return nil, programError(p.Name, "%w", err)
	}
	return &c.out, nil
}

// index numbers the slots and collects functions and lines.
func (c *converter) index() error {
	c.starts = make([]int, len(c.insns))
	called := make(map[string]bool)
	for i := range c.insns {
		if ins := &c.insns[i]; ins.IsFunctionReference() {
			called[ins.Reference()] = true
		}
	}
	slot := 0
	for i := range c.insns {
		ins := &c.insns[i]
		c.starts[i] = slot
		if sym := ins.Symbol(); sym != "" {
			if _, dup := c.symbols[sym]; dup {
				return c.fail(i, "symbol %s is defined twice", sym)
			}
			c.symbols[sym] = slot
			if i == 0 || called[sym] || btf.FuncMetadata(ins) != nil {
				c.out.funcs = append(c.out.funcs, c.function(i, slot, sym))
			}
		} else if i == 0 {
			c.out.funcs = append(c.out.funcs, verifier.Func{Name: c.prog.Name})
		}
		if l, ok := ins.Source().(*btf.Line); ok && l != nil {
			c.out.lines = append(c.out.lines, verifier.Line{
				Insn: slot, File: strings.TrimPrefix(l.FileName(), "./"), Num: int(l.LineNumber()), Col: int(l.LineColumn()), Text: l.Line(),
			})
		}
		slot += int(ins.Width())
	}
	return nil
}

// function describes the function that starts at the instruction with index i. Global functions are verified
// on their own; the program's first function is the program, except where it replaces another one's.
func (c *converter) function(i, slot int, name string) verifier.Func {
	f := verifier.Func{Insn: slot, Name: name}
	fn := btf.FuncMetadata(&c.insns[i])
	if fn != nil && fn.Linkage == btf.GlobalFunc && c.typ != nil && (i > 0 || c.typ == progtype.Ext) {
		f.Global, f.Type = true, globalFunc(fn, c.typ)
	}
	return f
}

// fail is an error at the instruction with index i.
func (c *converter) fail(i int, format string, args ...any) *Error {
	e := programError(c.prog.Name, format, args...)
	e.Insn, e.Line = c.starts[i], c.lineAt(c.starts[i])
	return e
}

// unsupported is fail for what gbpf or the machine lacks.
func (c *converter) unsupported(i int, format string, args ...any) error {
	e := c.fail(i, format, args...)
	e.Err = ErrUnsupported
	return e
}

func (c *converter) lineAt(slot int) string {
	line := ""
	for _, l := range c.out.lines {
		if l.Insn > slot {
			break
		}
		line = fmt.Sprintf("%s:%d: %s", l.File, l.Num, strings.TrimSpace(l.Text))
	}
	return line
}

// resolve replaces the reference of the instruction with index i by a number.
func (c *converter) resolve(i int) error {
	ins := &c.insns[i]
	if c.poison[i] != "" {
		return nil
	}
	name := ins.Reference()
	if x, ok := externOf(ins); ok {
		return c.resolveExtern(i, x)
	}
	switch {
	case ins.IsLoadFromMap():
		if name == "" {
			return c.fail(i, "reference to a map by number: the program needs maps by name")
		}
		return c.mapRef(i, name, uint32(ins.Constant>>32))
	case ins.IsFunctionReference():
		if name == "" {
			return nil // relative already
		}
		t, ok := c.symbols[name]
		if !ok {
			return c.unresolved(i, "function", name)
		}
		ins.Constant = int64(t - c.starts[i] - 1)
	case name == "":
	case ins.OpCode.Class().IsJump():
		t, ok := c.symbols[name]
		if !ok {
			return c.unresolved(i, "label", name)
		}
		rel := t - c.starts[i] - 1
		switch {
		case ins.OpCode.Class() == asm.Jump32Class && ins.OpCode.JumpOp() == asm.Ja:
			ins.Constant = int64(rel)
		case rel != int(int16(rel)):
			return c.fail(i, "label %s is %d instructions away, too far for a jump", name, rel)
		case ins.Offset == -1:
			ins.Offset = int16(rel)
		}
	case ins.OpCode.IsDWordLoad():
		if ins.Constant != 0 {
			return nil // inline assembly's symbol, given a value in the spec
		}
		return c.unresolved(i, "symbol", name)
	}
	return nil
}

// unresolved settles a reference to something the object does not define: if it is
// weak, an address is 0 and a call a trap.
func (c *converter) unresolved(i int, kind, name string) error {
	ins := &c.insns[i]
	if weak, _ := ins.Metadata.Get(weakKey{}).(string); weak != name || weak == "" {
		return c.fail(i, "%s %s is declared but not defined in the object", kind, name)
	}
	if ins.OpCode.IsDWordLoad() {
		ins.Src, ins.Constant = 0, 0
		return nil
	}
	c.setPoison(i, fmt.Sprintf("weak function %s is not defined in the object", name))
	return nil
}

func (c *converter) setPoison(i int, why string) {
	if c.poison == nil {
		c.poison = make(map[int]string)
	}
	c.poison[i] = why
}

func (c *converter) resolveExtern(i int, x extern) error {
	ins := &c.insns[i]
	switch x.kind {
	case "kconfig":
		ins.Src = asm.PseudoMapValue
		return c.mapRef(i, kconfigMap, x.off)
	case "kfunc":
		have := c.kfunc != nil && c.kfunc(x.name, x.weak)
		if ins.OpCode.IsDWordLoad() {
			ins.Src, ins.Constant = 0, 0
			if have {
				ins.Constant = 1 // programs only ask whether it is there
			} else if !x.weak {
				return c.unsupported(i, "kfunc %s is unknown to this machine", x.name)
			}
			return nil
		}
		if !have && x.weak {
			c.setPoison(i, fmt.Sprintf("weak kfunc %s is unknown to this machine", x.name))
			return nil
		}
		if !have {
			return c.unsupported(i, "kfunc %s is unknown to this machine", x.name)
		}
		ins.Src, ins.Offset, ins.Constant = asm.PseudoKfuncCall, 0, int64(number(c.kfIdx, &c.out.kfuncs, x.name))
	case "ksym":
		return c.resolveKsym(i, x)
	}
	return nil
}

// ksymPlace is an address for a kernel symbol without one, of a program that is not to run: it has the high half of
// the kernel's addresses.
const ksymPlace = -1 << 31

// resolveKsym gives a kernel symbol its address. One that the object declares with a type, and that the kernel's BTF
// has, is referred to by its BTF ID, so that the verifier knows what is there.
func (c *converter) resolveKsym(i int, x extern) error {
	ins := &c.insns[i]
	addr, ok := c.ksyms[x.name]
	if !ok && c.kernel != nil && x.typed {
		var v *btf.Var
		if c.kernel.TypeByName(x.name, &v) == nil {
			id, err := c.kernel.TypeID(v)
			if err == nil {
				ins.Src, ins.Constant = pseudoBTFID, int64(id)
				return nil
			}
		}
	}
	if !ok && !x.weak {
		if !c.anyKsym {
			return c.unsupported(i, "kernel symbol %s is not given: set Options.Ksyms", x.name)
		}
		addr = 1<<64 + ksymPlace
	}
	ins.Src, ins.Constant = 0, int64(addr)
	return nil
}

// pseudoBTFID marks a 16-byte load of the address of a kernel variable (BPF_PSEUDO_BTF_ID).
const pseudoBTFID = asm.R3

func (c *converter) mapRef(i int, name string, off uint32) error {
	ins := &c.insns[i]
	if _, ok := c.spec.Maps[name]; !ok && name != kconfigMap {
		return c.fail(i, "map %s is not in the collection", name)
	}
	idx := number(c.mapIdx, &c.out.maps, name)
	ins.Constant = int64(idx)
	if ins.Src == asm.PseudoMapValue {
		ins.Constant |= int64(uint64(off) << 32)
	}
	return nil
}

// number returns the index of name in names, which it appends to when needed.
func number(seen map[string]int, names *[]string, name string) int {
	i, ok := seen[name]
	if !ok {
		i = len(*names)
		*names = append(*names, name)
		seen[name] = i
	}
	return i
}

// encode appends the bytes of the instruction with index i. The library's Marshal
// would do, were it not bound to the host's platform.
func (c *converter) encode(i int) error {
	ins := c.insns[i]
	op, off, imm := ins.OpCode, ins.Offset, ins.Constant
	if why := c.poison[i]; why != "" {
		for n := range int(ins.Width()) {
			c.out.poison[c.starts[i]+n] = why
			c.bytes = appendSlot(c.bytes, opCall, 0, 0, 0, poisonID)
		}
		return nil
	}
	switch {
	case op == asm.InvalidOpCode:
		return errors.New("invalid opcode")
	case ins.IsBuiltinCall():
		// The library tags helpers of other systems in the high bits.
		if imm >= 0 && imm>>28 != 0 {
			return fmt.Errorf("helper %s is not one of Linux", asm.BuiltinFunc(imm))
		}
	case op.Class().IsALU():
		var sel int16
		switch op.ALUOp() {
		case asm.SDiv:
			op, sel = op.SetALUOp(asm.Div), 1
		case asm.SMod:
			op, sel = op.SetALUOp(asm.Mod), 1
		case asm.MovSX8:
			op, sel = op.SetALUOp(asm.Mov), 8
		case asm.MovSX16:
			op, sel = op.SetALUOp(asm.Mov), 16
		case asm.MovSX32:
			op, sel = op.SetALUOp(asm.Mov), 32
		}
		if sel != 0 {
			if off != 0 {
				return errors.New("extended arithmetic with an offset")
			}
			off = sel
		}
	case op.AtomicOp() != asm.InvalidAtomic:
		imm = int64(op.AtomicOp() >> 8)
		op &= 0xff
	}
	if op > 0xff {
		return fmt.Errorf("invalid opcode %#x", uint32(op))
	}
	if ins.Dst > 15 || ins.Src > 15 {
		return errors.New("invalid register")
	}
	if op.IsDWordLoad() {
		c.bytes = appendSlot(c.bytes, byte(op), byte(ins.Dst), byte(ins.Src), off, uint32(imm))
		c.bytes = appendSlot(c.bytes, 0, 0, 0, 0, uint32(uint64(imm)>>32))
		return nil
	}
	if imm < math.MinInt32 || imm > math.MaxUint32 {
		return fmt.Errorf("immediate %d does not fit 32 bits", imm)
	}
	c.bytes = appendSlot(c.bytes, byte(op), byte(ins.Dst), byte(ins.Src), off, uint32(imm))
	return nil
}

func appendSlot(b []byte, op, dst, src byte, off int16, imm uint32) []byte {
	b = append(b, op, src<<4|dst&15)
	b = binary.LittleEndian.AppendUint16(b, uint16(off))
	return binary.LittleEndian.AppendUint32(b, imm)
}
