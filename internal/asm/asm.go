// Package asm reads programs in the notation of the kernel's verifier log, as isa's
// disassembler prints it, so that tests can say what they mean:
//
//	   r0 = map_value[0]+8          ; or: r1 = map[0], r2 = func label, r3 = 0x100000000 ll
//	loop:
//	   *(u64 *)(r10 -8) = r1
//	   if w1 s> 5 goto out          ; or: goto pc+3
//	   call map_lookup_elem         ; a helper by name or number, or a function by label
//	   goto loop
//	out:
//	   exit
//
// Statements stand on lines or between semicolons; a comment follows "//".
package asm

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/gbpf/gbpf/isa"
)

// Parse reads a program. The error names the statement.
func Parse(text string) ([]isa.Insn, error) {
	p := &parser{labels: map[string]int{}}
	for _, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "//")
		for _, s := range strings.Split(line, ";") {
			if err := p.statement(strings.TrimSpace(s)); err != nil {
				return nil, fmt.Errorf("asm: insn %d: %q: %w", len(p.insns), strings.TrimSpace(s), err)
			}
		}
	}
	for _, f := range p.fixes {
		if err := p.fix(f); err != nil {
			return nil, fmt.Errorf("asm: insn %d: %w", f.pc, err)
		}
	}
	return p.insns, nil
}

// Must is Parse for texts of the program's own: it panics on an error.
func Must(text string) []isa.Insn {
	insns, err := Parse(text)
	if err != nil {
		panic(err)
	}
	return insns
}

type parser struct {
	insns  []isa.Insn
	labels map[string]int
	fixes  []fix
}

// fix is a reference to a label.
type fix struct {
	pc    int
	label string
}

func (p *parser) add(in ...isa.Insn) error {
	p.insns = append(p.insns, in...)
	return nil
}

func (p *parser) refer(label string) {
	p.fixes = append(p.fixes, fix{len(p.insns), label})
}

// fix puts the distance to a label where the instruction has it.
func (p *parser) fix(f fix) error {
	in := &p.insns[f.pc]
	to, ok := p.labels[f.label]
	if !ok {
		return fmt.Errorf("no label %q", f.label)
	}
	d := to - f.pc - 1
	switch in.Op {
	case isa.OpCallLocal, isa.OpJa32:
		in.Imm = int64(d)
	case isa.OpLddwFunc:
		in.Imm = int64(uint32(int32(d)))
	default:
		if d != int(int16(d)) {
			return fmt.Errorf("label %q is %d instructions away", f.label, d)
		}
		in.Off = int16(d)
	}
	return nil
}

const (
	reName = `[a-zA-Z_][\w.]*`
	reNum  = `[-+]?(?:0x[0-9a-fA-F]+|\d+)`
	reAddr = `\(([us])(8|16|32|64) \*\)\((r\d+) ?(` + reNum + `)?\)`
	reGoto = `(?:goto|gotol) (\S+)`
)

var (
	reLabel   = regexp.MustCompile(`^(` + reName + `):\s*(.*)$`)
	reLoad    = regexp.MustCompile(`^(r\d+) = \*` + reAddr + `$`)
	reStore   = regexp.MustCompile(`^\*` + reAddr + ` = (r\d+|` + reNum + `)$`)
	reAtomic  = regexp.MustCompile(`^lock \*` + reAddr + ` (\S+) (r\d+)$`)
	reFetch   = regexp.MustCompile(`^(r\d+) = atomic(64)?_(\w+)\(` + reAddr + `,(?: r0,)? (r\d+)\)$`)
	reAcquire = regexp.MustCompile(`^(r\d+) = load_acquire\(` + reAddr + `\)$`)
	reRelease = regexp.MustCompile(`^store_release\(` + reAddr + `, (r\d+)\)$`)
	rePacket  = regexp.MustCompile(`^r0 = \*\(u(8|16|32) \*\)skb\[(?:(r\d+)(?: \+ )?)?(` + reNum + `)?\]$`)
	reWide    = regexp.MustCompile(`^(r\d+) = (` + reNum + `) ll$`)
	reMap     = regexp.MustCompile(`^(r\d+) = map\[(\d+)\]$`)
	reValue   = regexp.MustCompile(`^(r\d+) = map_value\[(\d+)\](?:\+(\d+))?$`)
	reFunc    = regexp.MustCompile(`^(r\d+) = func (` + reName + `)$`)
	reSX      = regexp.MustCompile(`^([rw]\d+) = \(s(8|16|32)\)([rw]\d+)$`)
	reEnd     = regexp.MustCompile(`^(r\d+) = (le|be|bswap)(16|32|64) (r\d+)$`)
	reNeg     = regexp.MustCompile(`^([rw]\d+) = -([rw]\d+)$`)
	reCast    = regexp.MustCompile(`^(r\d+) = addr_space_cast\((r\d+), (\d+), (\d+)\)$`)
	reALU     = regexp.MustCompile(`^([rw]\d+) (\S*=) ([rw]\d+|` + reNum + `)$`)
	reCond    = regexp.MustCompile(`^if ([rw]\d+) (\S+) ([rw]\d+|` + reNum + `) ` + reGoto + `$`)
	reJump    = regexp.MustCompile(`^(goto|gotol|may_goto) (\S+)$`)
	reCall    = regexp.MustCompile(`^call (?:kfunc\[(\d+)\]|(` + reName + `)?#?(\d+)?|pc(` + reNum + `))$`)
	reCallx   = regexp.MustCompile(`^callx (r\d+)$`)
)

func (p *parser) statement(s string) error {
	if m := reLabel.FindStringSubmatch(s); m != nil {
		if _, ok := p.labels[m[1]]; ok {
			return fmt.Errorf("label %q stands twice", m[1])
		}
		p.labels[m[1]] = len(p.insns)
		s = m[2]
	}
	switch s {
	case "":
		return nil
	case "exit":
		return p.add(isa.New(isa.OpExit, 0, 0, 0, 0))
	}
	for _, f := range []func(string) (bool, error){p.memory, p.wide, p.move, p.jump, p.alu} {
		if ok, err := f(s); ok {
			return err
		}
	}
	return fmt.Errorf("not a statement")
}

// find returns the row of the table that match accepts.
func find(match func(r *isa.Info) bool) (isa.Op, error) {
	for op := isa.Op(1); int(op) < isa.NumOps; op++ {
		if match(op.Info()) {
			return op, nil
		}
	}
	return 0, fmt.Errorf("no such instruction")
}

// addr is a memory operand taken apart.
type addr struct {
	signed bool
	size   uint8
	base   isa.Reg
	off    int16
}

func parseAddr(m []string) (a addr, err error) {
	bits, _ := strconv.Atoi(m[1])
	a.signed, a.size = m[0] == "s", uint8(bits/8)
	if a.base, _, err = register(m[2]); err != nil {
		return a, err
	}
	if m[3] != "" {
		n, err := strconv.ParseInt(m[3], 0, 16)
		if err != nil {
			return a, err
		}
		a.off = int16(n)
	}
	return a, nil
}

// register reads "r3" or "w3".
func register(s string) (r isa.Reg, width uint8, err error) {
	n, err := strconv.ParseUint(s[1:], 10, 8)
	if err != nil || n > 10 {
		return 0, 0, fmt.Errorf("no register %s", s)
	}
	if s[0] == 'w' {
		return isa.Reg(n), 32, nil
	}
	return isa.Reg(n), 64, nil
}

// number reads an immediate: what fits 32 bits, signed or not.
func number(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 0, 64)
	if err != nil || n < math.MinInt32 || n > math.MaxUint32 {
		return 0, fmt.Errorf("%s is no 32-bit number", s)
	}
	return int64(int32(n)), nil
}

// operand reads the right side of an operation.
func operand(s string) (reg isa.Reg, isReg bool, imm int64, err error) {
	if s[0] == 'r' || s[0] == 'w' {
		reg, _, err = register(s)
		return reg, true, 0, err
	}
	imm, err = number(s)
	return 0, false, imm, err
}

func (p *parser) alu(s string) (bool, error) {
	m := reALU.FindStringSubmatch(s)
	if m == nil {
		return false, nil
	}
	dst, width, err := register(m[1])
	if err != nil {
		return true, err
	}
	src, isReg, imm, err := operand(m[3])
	if err != nil {
		return true, err
	}
	op, err := find(func(r *isa.Info) bool {
		return (r.Kind == isa.KindALU || r.Kind == isa.KindMov) && r.AluOp != isa.AluNeg && r.AluOp.Symbol() == m[2] && r.Width == width && r.UsesImm != isReg
	})
	if err != nil {
		return true, err
	}
	return true, p.add(isa.New(op, dst, src, 0, imm))
}
