package asm

import (
	"strconv"
	"strings"

	"github.com/gbpf/gbpf/isa"
)

// memory reads loads, stores, atomics and packet loads.
func (p *parser) memory(s string) (bool, error) {
	if m := reLoad.FindStringSubmatch(s); m != nil {
		return p.load(m, isa.KindLoad)
	}
	if m := reAcquire.FindStringSubmatch(s); m != nil {
		return p.load(m, isa.KindLoadAcquire)
	}
	if m := reStore.FindStringSubmatch(s); m != nil {
		kind := isa.KindStoreImm
		if m[5][0] == 'r' {
			kind = isa.KindStore
		}
		return p.store(m[1:5], m[5], kind)
	}
	if m := reRelease.FindStringSubmatch(s); m != nil {
		return p.store(m[1:5], m[5], isa.KindStoreRelease)
	}
	if m := reAtomic.FindStringSubmatch(s); m != nil {
		name := map[string]string{"+=": "add", "|=": "or", "&=": "and", "^=": "xor"}[m[5]]
		return p.atomic(m[1:5], name, m[6], false)
	}
	if m := reFetch.FindStringSubmatch(s); m != nil {
		return p.atomic(m[4:8], strings.TrimPrefix(m[3], "fetch_"), m[8], true)
	}
	if m := rePacket.FindStringSubmatch(s); m != nil {
		return p.packet(m)
	}
	return false, nil
}

func (p *parser) load(m []string, kind isa.Kind) (bool, error) {
	a, err := parseAddr(m[2:6])
	if err != nil {
		return true, err
	}
	dst, _, err := register(m[1])
	if err != nil {
		return true, err
	}
	if a.signed {
		kind = isa.KindLoadSX
	}
	op, err := find(func(r *isa.Info) bool { return r.Kind == kind && r.Size == a.size })
	if err != nil {
		return true, err
	}
	return true, p.add(isa.New(op, dst, a.base, a.off, 0))
}

func (p *parser) store(m []string, what string, kind isa.Kind) (bool, error) {
	a, err := parseAddr(m)
	if err != nil {
		return true, err
	}
	src, _, imm, err := operand(what)
	if err != nil {
		return true, err
	}
	op, err := find(func(r *isa.Info) bool { return r.Kind == kind && r.Size == a.size })
	if err != nil {
		return true, err
	}
	return true, p.add(isa.New(op, a.base, src, a.off, imm))
}

func (p *parser) atomic(m []string, name, reg string, fetch bool) (bool, error) {
	a, err := parseAddr(m)
	if err != nil {
		return true, err
	}
	src, _, err := register(reg)
	if err != nil {
		return true, err
	}
	op, err := find(func(r *isa.Info) bool {
		return r.Kind == isa.KindAtomic && r.Size == a.size && r.AtomicOp.String() == name && r.Fetch == fetch
	})
	if err != nil {
		return true, err
	}
	return true, p.add(isa.New(op, a.base, src, a.off, 0))
}

// packet reads legacy packet loads: skb[14], skb[r2 + 4].
func (p *parser) packet(m []string) (bool, error) {
	bits, _ := strconv.Atoi(m[1])
	var src isa.Reg
	var imm int64
	var err error
	if m[2] != "" {
		if src, _, err = register(m[2]); err != nil {
			return true, err
		}
	}
	if m[3] != "" {
		if imm, err = number(m[3]); err != nil {
			return true, err
		}
	}
	op, err := find(func(r *isa.Info) bool {
		return r.Kind == isa.KindPacketLoad && int(r.Size) == bits/8 && (r.SrcUse == isa.UseOperand) == (m[2] != "")
	})
	if err != nil {
		return true, err
	}
	return true, p.add(isa.New(op, 0, src, 0, imm))
}

// wide reads the 16-byte loads.
func (p *parser) wide(s string) (bool, error) {
	load := func(op isa.Op, reg string, imm int64) (bool, error) {
		dst, _, err := register(reg)
		if err != nil {
			return true, err
		}
		two := isa.LoadImm64(op, dst, imm)
		return true, p.add(two[:]...)
	}
	if m := reWide.FindStringSubmatch(s); m != nil {
		n, err := strconv.ParseUint(m[2], 0, 64)
		if err != nil {
			i, err := strconv.ParseInt(m[2], 0, 64)
			if err != nil {
				return true, err
			}
			n = uint64(i)
		}
		return load(isa.OpLddw, m[1], int64(n))
	}
	if m := reMap.FindStringSubmatch(s); m != nil {
		i, err := strconv.ParseUint(m[2], 10, 31)
		if err != nil {
			return true, err
		}
		return load(isa.OpLddwMapFD, m[1], int64(i))
	}
	if m := reValue.FindStringSubmatch(s); m != nil {
		i, err := strconv.ParseUint(m[2], 10, 31)
		if err != nil {
			return true, err
		}
		off := uint64(0)
		if m[3] != "" {
			if off, err = strconv.ParseUint(m[3], 10, 32); err != nil {
				return true, err
			}
		}
		return load(isa.OpLddwMapValue, m[1], int64(i|off<<32))
	}
	if m := reFunc.FindStringSubmatch(s); m != nil {
		p.refer(m[2])
		return load(isa.OpLddwFunc, m[1], 0)
	}
	return false, nil
}
