package data

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/gbpf/gbpf/isa"
)

// statement is one line of assembly.
type statement struct {
	at   int
	name string
	args []string
	slot int // of its first instruction
}

// forms are the rows of the opcode table by mnemonic: with an immediate, and with a register.
type forms struct{ imm, reg isa.Op }

var mnemonics = table()

func table() map[string]forms {
	all := map[string]forms{}
	for op := range isa.Ops() {
		info := op.Info()
		if info.Group == isa.GroupLinux || info.Group == isa.GroupPacket && info.Kind != isa.KindPacketLoad {
			continue
		}
		switch info.Kind {
		case isa.KindLoadImm64, isa.KindLoadImm64Hi, isa.KindCall, isa.KindMayGoto:
			continue // lddw and call are read by hand
		}
		f := all[info.Mnemonic]
		if info.UsesImm {
			f.imm = op
		} else {
			f.reg = op
		}
		all[info.Mnemonic] = f
	}
	for _, w := range []string{"16", "32", "64"} {
		all["bswap"+w] = all["swap"+w]
	}
	for _, w := range []string{"", "32"} { // these always fetch
		all["lock fetch xchg"+w] = all["lock xchg"+w]
		all["lock fetch cmpxchg"+w] = all["lock cmpxchg"+w]
	}
	return all
}

// assemble makes instructions of lines of assembly.
func assemble(lines []line) ([]isa.Insn, error) {
	labels := map[string]int{}
	firstExit := -1
	var all []statement
	slots := 0
	for _, l := range lines {
		fields := strings.FieldsFunc(l.text, func(r rune) bool { return r == ' ' || r == '\t' || r == ',' })
		if len(fields) == 0 {
			return nil, syntax(l.at, "nothing but commas")
		}
		if name, ok := strings.CutSuffix(fields[0], ":"); ok {
			if _, twice := labels[name]; twice {
				return nil, syntax(l.at, "label %s stands twice", name)
			}
			labels[name] = slots
			if fields = fields[1:]; len(fields) == 0 {
				continue
			}
		}
		s := statement{at: l.at, name: fields[0], args: fields[1:], slot: slots}
		for s.name == "lock" || s.name == "lock fetch" { // one word at a time
			if len(s.args) == 0 {
				return nil, syntax(l.at, "%s without an operation", s.name)
			}
			s.name, s.args = s.name+" "+s.args[0], s.args[1:]
		}
		if s.name == "exit" && firstExit < 0 {
			firstExit = slots
		}
		if slots++; s.name == "lddw" {
			slots++
		}
		all = append(all, s)
	}
	if _, named := labels["exit"]; !named && firstExit >= 0 {
		labels["exit"] = firstExit
	}
	insns := make([]isa.Insn, 0, slots)
	for i := range all {
		in, err := all[i].encode(labels)
		if err != nil {
			return nil, syntax(all[i].at, "%s: %v", all[i].name, err)
		}
		insns = append(insns, in...)
	}
	return insns, nil
}

func one(in isa.Insn) []isa.Insn { return []isa.Insn{in} }

func (s *statement) encode(labels map[string]int) ([]isa.Insn, error) {
	switch s.name {
	case "lddw":
		return s.lddw()
	case "call":
		in, err := s.call(labels)
		return one(in), err
	}
	f, ok := mnemonics[s.name]
	if !ok {
		return nil, fmt.Errorf("no such instruction")
	}
	op := f.reg
	if op == isa.OpInvalid {
		op = f.imm
	}
	var in isa.Insn
	var err error
	switch info := op.Info(); info.Kind {
	case isa.KindALU, isa.KindMov, isa.KindMovSX, isa.KindEnd:
		in, err = s.arithmetic(f, info)
	case isa.KindLoad, isa.KindLoadSX:
		in, err = s.load(op)
	case isa.KindStore, isa.KindStoreImm, isa.KindAtomic:
		in, err = s.store(f)
	case isa.KindJump:
		in, err = s.jump(op, labels)
	case isa.KindCond:
		in, err = s.cond(f, labels)
	case isa.KindExit:
		in, err = isa.New(op, 0, 0, 0, 0), s.count(0)
	case isa.KindPacketLoad:
		in, err = s.packet(op)
	default:
		err = fmt.Errorf("no such instruction")
	}
	return one(in), err
}

// count checks the number of operands.
func (s *statement) count(n int) error {
	if len(s.args) != n {
		return fmt.Errorf("%d operands, want %d", len(s.args), n)
	}
	return nil
}

func (s *statement) arithmetic(f forms, info *isa.Info) (isa.Insn, error) {
	n := 2
	if info.Kind == isa.KindEnd || info.AluOp == isa.AluNeg {
		n = 1
	}
	if err := s.count(n); err != nil {
		return isa.Insn{}, err
	}
	dst, err := register(s.args[0])
	if err != nil {
		return isa.Insn{}, err
	}
	if n == 1 {
		return isa.New(f.reg, dst, 0, 0, 0), nil
	}
	return operand(f, dst, s.args[1], 0)
}

// operand makes the instruction whose second operand is a register or a number.
func operand(f forms, dst isa.Reg, text string, off int16) (isa.Insn, error) {
	if strings.HasPrefix(text, "%") {
		src, err := register(text)
		if err != nil || f.reg == isa.OpInvalid {
			return isa.Insn{}, fmt.Errorf("%s: want a number, or a register", text)
		}
		return isa.New(f.reg, dst, src, off, 0), nil
	}
	imm, err := number(text, 32)
	if err != nil {
		return isa.Insn{}, err
	}
	if f.imm == isa.OpInvalid {
		return isa.Insn{}, fmt.Errorf("%s: want a register", text)
	}
	return isa.New(f.imm, dst, 0, off, int64(int32(imm))), nil
}

func (s *statement) load(op isa.Op) (isa.Insn, error) {
	if err := s.count(2); err != nil {
		return isa.Insn{}, err
	}
	dst, err := register(s.args[0])
	if err != nil {
		return isa.Insn{}, err
	}
	src, off, err := memory(s.args[1])
	return isa.New(op, dst, src, off, 0), err
}

func (s *statement) store(f forms) (isa.Insn, error) {
	if err := s.count(2); err != nil {
		return isa.Insn{}, err
	}
	dst, off, err := memory(s.args[0])
	if err != nil {
		return isa.Insn{}, err
	}
	return operand(f, dst, s.args[1], off)
}

func (s *statement) cond(f forms, labels map[string]int) (isa.Insn, error) {
	if err := s.count(3); err != nil {
		return isa.Insn{}, err
	}
	dst, err := register(s.args[0])
	if err != nil {
		return isa.Insn{}, err
	}
	to, err := s.target(s.args[2], labels)
	if err != nil {
		return isa.Insn{}, err
	}
	if to != int64(int16(to)) {
		return isa.Insn{}, fmt.Errorf("%s is %d instructions away", s.args[2], to)
	}
	return operand(f, dst, s.args[1], int16(to))
}

func (s *statement) jump(op isa.Op, labels map[string]int) (isa.Insn, error) {
	if err := s.count(1); err != nil {
		return isa.Insn{}, err
	}
	to, err := s.target(s.args[0], labels)
	switch {
	case err != nil:
		return isa.Insn{}, err
	case op == isa.OpJa32:
		return isa.New(op, 0, 0, 0, to), nil
	case to != int64(int16(to)):
		return isa.Insn{}, fmt.Errorf("%s is %d instructions away", s.args[0], to)
	}
	return isa.New(op, 0, 0, int16(to), 0), nil
}

// target is how far a jump goes, in slots from the next.
func (s *statement) target(text string, labels map[string]int) (int64, error) {
	if strings.HasPrefix(text, "+") || strings.HasPrefix(text, "-") {
		v, err := number(strings.TrimPrefix(text, "+"), 32)
		return int64(int32(v)), err
	}
	at, ok := labels[text]
	if !ok {
		return 0, fmt.Errorf("no label %s", text)
	}
	return int64(at - s.slot - 1), nil
}

// call reads call N, call runtime N, call local LABEL and call %rN.
func (s *statement) call(labels map[string]int) (isa.Insn, error) {
	switch {
	case len(s.args) == 2 && s.args[0] == "local":
		to, err := s.target(s.args[1], labels)
		return isa.New(isa.OpCallLocal, 0, isa.PseudoCall, 0, to), err
	case len(s.args) == 2 && s.args[0] == "runtime":
		id, err := number(s.args[1], 32)
		return isa.New(isa.OpCallKfunc, 0, isa.PseudoKfuncCall, 0, int64(int32(id))), err
	case len(s.args) == 1 && strings.HasPrefix(s.args[0], "%"):
		r, err := register(s.args[0])
		return isa.New(isa.OpCallReg, r, 0, 0, 0), err
	case len(s.args) == 1:
		id, err := number(s.args[0], 32)
		return isa.New(isa.OpCallHelper, 0, 0, 0, int64(int32(id))), err
	}
	return isa.Insn{}, fmt.Errorf("want a helper's number, runtime and a number, local and a label, or a register")
}

func (s *statement) lddw() ([]isa.Insn, error) {
	if err := s.count(2); err != nil {
		return nil, err
	}
	dst, err := register(s.args[0])
	if err != nil {
		return nil, err
	}
	imm, err := number(s.args[1], 64)
	both := isa.LoadImm64(isa.OpLddw, dst, int64(imm))
	return both[:], err
}

// packet reads ldabs IMM and ldind %rN, IMM.
func (s *statement) packet(op isa.Op) (isa.Insn, error) {
	var src isa.Reg
	args := s.args
	if op.Info().SrcUse == isa.UseOperand {
		if len(args) == 0 {
			return isa.Insn{}, fmt.Errorf("want a register and a number")
		}
		var err error
		if src, err = register(args[0]); err != nil {
			return isa.Insn{}, err
		}
		args = args[1:]
	}
	if len(args) != 1 {
		return isa.Insn{}, fmt.Errorf("%d operands", len(s.args))
	}
	imm, err := number(args[0], 32)
	return isa.New(op, 0, src, 0, int64(int32(imm))), err
}

func register(text string) (isa.Reg, error) {
	n, ok := strings.CutPrefix(text, "%r")
	v, err := strconv.ParseUint(n, 10, 8)
	if !ok || err != nil || v > uint64(isa.R10) {
		return 0, fmt.Errorf("%q is not a register: want %%r0 to %%r10", text)
	}
	return isa.Reg(v), nil
}

// memory reads [%r1], [%r1+4] or [%r1-0x8].
func memory(text string) (isa.Reg, int16, error) {
	in, ok := strings.CutPrefix(text, "[")
	in, ok2 := strings.CutSuffix(in, "]")
	if !ok || !ok2 {
		return 0, 0, fmt.Errorf("%q is not an address: want [%%rN+OFFSET]", text)
	}
	name, off := in, int64(0)
	if i := strings.IndexAny(in, "+-"); i >= 0 {
		name = in[:i]
		v, err := number(strings.TrimPrefix(in[i:], "+"), 16)
		if err != nil {
			return 0, 0, err
		}
		off = int64(int16(v))
	}
	r, err := register(name)
	return r, int16(off), err
}

// number reads a number of so many bits, signed or not, and returns its low bits.
func number(text string, bits int) (uint64, error) {
	digits, negative := strings.CutPrefix(text, "-")
	v, err := unsigned(digits)
	limit := ^uint64(0) >> (64 - bits)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q is not a number", text)
	case !negative && int64(v)>>(bits-1) == -1: // written with the sign in 64 bits
		return v & limit, nil
	case !negative && v > limit, negative && v > limit/2+1:
		return 0, fmt.Errorf("%s does not fit %d bits", text, bits)
	case negative:
		return -v & limit, nil
	}
	return v, nil
}
