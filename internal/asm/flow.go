package asm

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/isa"
)

// move reads sign extensions, byte swaps, negations and address space casts.
func (p *parser) move(s string) (bool, error) {
	if m := reSX.FindStringSubmatch(s); m != nil {
		return p.unary(m[1], m[3], 0, func(r *isa.Info, width uint8) bool {
			return r.Kind == isa.KindMovSX && r.Width == width && strconv.Itoa(int(r.FromWidth)) == m[2]
		})
	}
	if m := reEnd.FindStringSubmatch(s); m != nil {
		if m[1] != m[4] {
			return true, fmt.Errorf("both registers are one")
		}
		return p.unary(m[1], "", 0, func(r *isa.Info, _ uint8) bool {
			return r.Kind == isa.KindEnd && r.AluOp.Symbol() == m[2] && strconv.Itoa(int(r.Width)) == m[3]
		})
	}
	if m := reNeg.FindStringSubmatch(s); m != nil {
		if m[1] != m[2] {
			return true, fmt.Errorf("both registers are one")
		}
		return p.unary(m[1], "", 0, func(r *isa.Info, width uint8) bool {
			return r.Kind == isa.KindALU && r.AluOp == isa.AluNeg && r.Width == width
		})
	}
	if m := reCast.FindStringSubmatch(s); m != nil {
		to, _ := strconv.ParseUint(m[3], 10, 16)
		from, _ := strconv.ParseUint(m[4], 10, 16)
		return p.unary(m[1], m[2], int64(to<<16|from), func(r *isa.Info, _ uint8) bool { return r.Kind == isa.KindAddrSpaceCast })
	}
	return false, nil
}

func (p *parser) unary(to, from string, imm int64, match func(r *isa.Info, width uint8) bool) (bool, error) {
	dst, width, err := register(to)
	if err != nil {
		return true, err
	}
	var src isa.Reg
	if from != "" {
		if src, _, err = register(from); err != nil {
			return true, err
		}
	}
	op, err := find(func(r *isa.Info) bool { return match(r, width) })
	if err != nil {
		return true, err
	}
	return true, p.add(isa.New(op, dst, src, 0, imm))
}

// jump reads jumps and calls.
func (p *parser) jump(s string) (bool, error) {
	if m := reCond.FindStringSubmatch(s); m != nil {
		dst, width, err := register(m[1])
		if err != nil {
			return true, err
		}
		src, isReg, imm, err := operand(m[3])
		if err != nil {
			return true, err
		}
		op, err := find(func(r *isa.Info) bool {
			return r.Kind == isa.KindCond && r.CondOp.Symbol() == m[2] && r.Width == width && r.UsesImm != isReg
		})
		if err != nil {
			return true, err
		}
		return true, p.jumpTo(isa.New(op, dst, src, 0, imm), m[4])
	}
	if m := reJump.FindStringSubmatch(s); m != nil {
		op := map[string]isa.Op{"goto": isa.OpJa, "gotol": isa.OpJa32, "may_goto": isa.OpMayGoto}[m[1]]
		return true, p.jumpTo(isa.New(op, 0, 0, 0, 0), m[2])
	}
	if m := reCallx.FindStringSubmatch(s); m != nil {
		dst, _, err := register(m[1])
		if err != nil {
			return true, err
		}
		return true, p.add(isa.New(isa.OpCallReg, dst, 0, 0, 0))
	}
	if m := reCall.FindStringSubmatch(s); m != nil {
		return true, p.call(m[1], m[2], m[3], m[4])
	}
	return false, nil
}

// jumpTo adds a jump to a label or to "pc+3".
func (p *parser) jumpTo(in isa.Insn, to string) error {
	rel, ok := strings.CutPrefix(to, "pc")
	if !ok || rel == "" || rel[0] != '+' && rel[0] != '-' {
		p.refer(to)
		return p.add(in)
	}
	n, err := strconv.ParseInt(rel, 10, 32)
	if err != nil {
		return err
	}
	if in.Op == isa.OpJa32 {
		in.Imm = n
	} else if in.Off = int16(n); int64(in.Off) != n {
		return fmt.Errorf("%s is too far", to)
	}
	return p.add(in)
}

func (p *parser) call(kfunc, name, id, rel string) error {
	switch {
	case kfunc != "":
		n, err := strconv.ParseInt(kfunc, 10, 32)
		if err != nil {
			return err
		}
		return p.add(isa.New(isa.OpCallKfunc, 0, 0, 0, n))
	case rel != "":
		n, err := strconv.ParseInt(rel, 10, 32)
		if err != nil {
			return err
		}
		return p.add(isa.New(isa.OpCallLocal, 0, 0, 0, n))
	case id != "":
		n, err := strconv.ParseInt(id, 10, 32)
		if err != nil {
			return err
		}
		return p.add(isa.New(isa.OpCallHelper, 0, 0, 0, n))
	case name == "":
		return fmt.Errorf("call of what?")
	}
	if h := proto.ByName(name); h != nil {
		return p.add(isa.New(isa.OpCallHelper, 0, 0, 0, int64(h.ID)))
	}
	p.refer(name)
	return p.add(isa.New(isa.OpCallLocal, 0, 0, 0, 0))
}
