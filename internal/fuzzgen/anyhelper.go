package fuzzgen

import "github.com/gbpf/gbpf/isa"

// Helper is a helper by prototype, for calls that only its types know of.
type Helper struct {
	ID   int32
	Args []HelperArg
	// Null says that the result is a pointer or NULL, None that it is no number.
	Null, None bool
	// Moves says that the packet may be elsewhere after it.
	Moves bool
	Types []uint32 // program types that may call it
}

// HelperArg is what a helper takes in one argument.
type HelperArg uint8

// The arguments.
const (
	AnyArg   HelperArg = iota // a number
	CtxArg                    // the context
	MapArg                    // a map
	KeyArg                    // a key of the map
	ValueArg                  // a value of the map
	MemArg                    // memory, its size in the next argument
	SizeArg                   // that size
	LongArg                   // 8 bytes to write to
	OtherArg                  // something that no rule here makes
)

// anyHelper calls some helper with what its prototype asks for.
func (g *gen) anyHelper() {
	if len(g.helpers) == 0 || g.f.lock {
		return
	}
	h := &g.helpers[g.n(len(g.helpers))]
	allowed := false
	for _, t := range h.Types {
		allowed = allowed || t == g.p.typ
	}
	if !allowed && !g.oops() {
		return
	}
	for _, a := range h.Args {
		if a == OtherArg && !g.oops() {
			return
		}
	}
	c, have := g.ctx()
	if have {
		if c, have = g.spare(c); !have {
			return
		}
	}
	m := pickOne(g.r, lookupMaps)
	mp := palette[m]
	// Memory first: making it takes registers.
	var off [6]int16
	for i, a := range h.Args {
		switch a {
		case MemArg:
			off[i] = g.bytes(32)
		case LongArg, KeyArg:
			off[i] = g.bytes(16)
		case ValueArg:
			off[i] = g.bytes(int(min(mp.ValueSize, 104)))
		}
	}
	for i, a := range h.Args {
		r := isa.Reg(i + 1)
		if g.oops() {
			a = HelperArg(g.n(int(OtherArg)))
		}
		switch a {
		case CtxArg:
			if !have {
				return
			}
			g.emit(isa.OpMov64Reg, r, c, 0, 0)
		case MapArg:
			g.lddw(isa.OpLddwMapFD, r, int64(g.mapIndex(m)))
		case KeyArg, ValueArg, MemArg, LongArg:
			g.emit(isa.OpMov64Reg, r, isa.R10, 0, 0)
			g.emit(isa.OpAdd64Imm, r, 0, 0, int64(off[i]))
		case SizeArg:
			g.constantAt(r, int64(1+g.n(32)))
		default:
			g.constantAt(r, int64(g.n(4)))
		}
	}
	ret := anyNumber()
	if h.Null || h.None {
		ret = value{}
	}
	g.call(int64(h.ID), ret)
	if h.Moves {
		for i := range g.f.regs {
			if k := g.f.regs[i].kind; k == pktPtr || k == pktEnd {
				g.f.regs[i] = value{}
			}
		}
		for i := range g.f.stack {
			if k := g.f.stack[i].kind; k == pktPtr || k == pktEnd {
				g.f.stack[i] = value{}
			}
		}
	}
	for i := range g.f.stack {
		if g.f.slots>>i&1 == 0 {
			g.f.stack[i] = value{}
		}
	}
}
