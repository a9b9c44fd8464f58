package jit

import (
	"math"
	"math/bits"

	"github.com/gbpf/gbpf/internal/fuel"
	"github.com/gbpf/gbpf/internal/scratch"
	"github.com/gbpf/gbpf/jit/internal/ir"
)

// near finds the accesses that need no confinement because of what the code itself does with the register: a number that
// was loaded from 32 bits and to which little was added lies in the window or in the pad behind it, whatever the
// verifier believes. It is the check's own proof, made on the list as it will be expanded, and the only way
// to [ir.Near]. Bounds are upper bounds of unsigned numbers, the largest over all ways to a place.
func near(l *ir.List, table *fuel.Table, mem *workspace) {
	if l.Mask != math.MaxUint32 {
		return
	}
	n := &bounder{l: l, table: table, mem: mem, place: scratch.Take(&mem.nearPlace, l.Labels), seen: scratch.Take(&mem.seen, l.Labels), fresh: scratch.Take(&mem.counted, l.Labels)}
	if cap(mem.bounds) < l.Labels {
		mem.bounds = make([]bounds, l.Labels+l.Labels/4)
	}
	n.at = mem.bounds[:l.Labels] // what seen says nothing of is not read
	if n.seed(); len(n.wanted) == 0 {
		return
	}
	n.found = scratch.Take(&mem.found, len(l.Ops))
	for n.round(true); n.again; n.round(false) {
		// What takes many rounds stays as it is.
		if n.rounds == 12 {
			return
		}
	}
	for _, i := range n.wanted {
		if n.found[i] {
			l.Ops[i].Access = ir.Near
		}
	}
}

// mayBeNear reports whether an op is an access that the bounds of its register may make near.
func mayBeNear(op *ir.Op) bool {
	return (op.Kind == ir.Load || op.Kind == ir.Store) && op.Access == ir.Confined && !op.Indexed && op.Off >= -pad
}

// pad is how far before the first and behind the last address of a window of 4 GiB accesses may go: see [guest.Memory].
const pad = 1 << 16

// bounds are the bounds of R0 to R9 and of the temporary; unknown for none.
type bounds [ir.Tmp + 1]uint64

const unknown = math.MaxUint64

// widths are what a bound grows to when it grows again and again.
var widths = [...]uint64{1<<8 - 1, 1<<14 - 1, math.MaxUint32, unknown}

// bounder walks a list.
type bounder struct {
	l      *ir.List
	table  *fuel.Table
	mem    *workspace
	place  []int32  // op of each label
	at     []bounds // at each label, where seen says that control came there
	seen   []uint8  // how often the bounds at a label grew, 0 before control came there
	fresh  []bool   // labels whose bounds grew since the ops behind them were walked through
	starts []int32  // ops at which labels and functions stand
	wanted []int32  // ops that may be near
	found  []bool   // of these, whether the bounds make them so; by op
	now    bounds
	i      int  // the op at hand
	alive  bool // control comes to it
	again  bool // the bounds of a label grew that this round is past
	rounds int
}

// lose forgets the registers of a set.
func (b *bounds) lose(s regSet) {
	for r := range b {
		if s&bit(ir.Reg(r)) != 0 {
			b[r] = unknown
		}
	}
}

// hostSet are the registers that the host or another function may have changed when control comes back: all but R6 to R9,
// which either keeps.
const hostSet = bit0to5 | 1<<ir.Tmp

const bit0to5 regSet = 1<<6 - 1

// round goes through the ops behind labels whose bounds have grown, and, if first, behind functions' starts.
func (n *bounder) round(first bool) {
	n.again, n.alive = false, false
	n.rounds++
	ops := n.l.Ops
	for k, start := range n.starts {
		op := &ops[start]
		n.i = int(start)
		if op.Kind == ir.Func {
			n.now.lose(^regSet(0))
			n.alive = first
		} else {
			if n.alive {
				n.lead(op.Target, &n.now)
			}
			if n.alive = n.fresh[op.Target]; n.alive {
				n.now, n.fresh[op.Target] = n.at[op.Target], false
			}
		}
		end := len(ops)
		if k+1 < len(n.starts) {
			end = int(n.starts[k+1])
		}
		now := &n.now
		for i := int(start) + 1; i < end && n.alive; i++ {
			op := &ops[i]
			n.i = i
			if mayBeNear(op) {
				n.found[i] = now[op.Base] <= 2*math.MaxUint32 && int64(now[op.Base])+int64(op.Off) <= math.MaxUint32+pad-8
			}
			n.step(op)
		}
	}
}

// lead brings bounds to a label.
func (n *bounder) lead(label int32, b *bounds) {
	if n.seen[label] == 0 {
		n.at[label], n.seen[label] = *b, 1
		n.grew(label)
		return
	}
	grew := false
	at := &n.at[label]
	for r, v := range b {
		if v <= at[r] {
			continue
		}
		grew = true
		if at[r] = v; n.seen[label] > 2 {
			for _, w := range widths {
				if v <= w {
					at[r] = w
					break
				}
			}
		}
	}
	if grew {
		n.grew(label)
		if n.seen[label] < math.MaxUint8 {
			n.seen[label]++
		}
	}
}

// grew says that what stands behind a label is to be walked through, in this round if it lies ahead.
func (n *bounder) grew(label int32) {
	n.fresh[label] = true
	if int(n.place[label]) < n.i {
		n.again = true
	}
}

// seed finds the ops that may be near, and where control may come from elsewhere, and makes nothing known at labels to which it
// comes in ways that step does not follow.
func (n *bounder) seed() {
	followed := scratch.Take(&n.mem.followed, len(n.l.Exits))
	n.starts, n.wanted = n.mem.starts[:0], n.mem.wanted[:0]
	nothing := n.mem.stack[:0] // labels
	for i := range n.l.Ops {
		op := &n.l.Ops[i]
		if straight(op.Kind) {
			if mayBeNear(op) {
				n.wanted = append(n.wanted, int32(i))
			}
			continue
		}
		switch op.Kind {
		case ir.Label:
			n.place[op.Target] = int32(i)
			n.starts = append(n.starts, int32(i))
		case ir.Func:
			n.starts = append(n.starts, int32(i))
		case ir.Charge, ir.Leave:
			followed[op.Exit] = true
		case ir.Refund, ir.Jump, ir.CondJump, ir.MayGoto, ir.Return, ir.Call, ir.CallIndirect:
		default:
			if op.Target >= 0 && int(op.Target) < n.l.Labels {
				nothing = append(nothing, op.Target)
			}
		}
	}
	n.mem.starts, n.mem.wanted = n.starts, n.wanted
	for i, e := range n.l.Exits {
		for _, label := range [2]int32{e.Resume, e.Alt} {
			if label >= 0 && !followed[i] {
				nothing = append(nothing, label)
			}
		}
	}
	n.mem.stack = nothing
	var b bounds
	b.lose(^regSet(0))
	n.i = -1
	for _, label := range nothing {
		n.lead(label, &b)
	}
}

// step is what an op does to the bounds.
func (n *bounder) step(op *ir.Op) {
	switch op.Kind {
	case ir.Jump:
		n.lead(op.Target, &n.now)
		n.alive = false
	case ir.CondJump:
		taken := n.now
		taken.assume(op, op.Cond)
		n.turn(op, &taken)
		n.lead(op.Target, &taken)
		n.now.assume(op, op.Cond.Not())
	case ir.MayGoto:
		n.lead(op.Target, &n.now)
	case ir.Charge:
		n.resume(op.Exit)
	case ir.Refund:
	case ir.Leave:
		n.resume(op.Exit)
		n.alive = false
	case ir.Return:
		n.alive = false
	case ir.Call, ir.CallIndirect:
		n.now.lose(hostSet)
	default:
		n.now.compute(op)
	}
}

// turn is the way back of a loop that counts up to a number, which the check has held against what package fuel says.
func (n *bounder) turn(op *ir.Op, taken *bounds) {
	if n.table == nil || op.Cond != ir.Ne || int(n.place[op.Target]) > n.i {
		return
	}
	if c, ok := n.table.Counted(int(op.PC)); ok && c.Known && c.Step > 0 && c.Imm > 0 && c.Start < uint64(c.Imm) {
		taken[op.Dst] = min(taken[op.Dst], uint64(c.Imm-c.Step))
	}
}

// resume brings bounds to where the host goes on after an exit.
func (n *bounder) resume(exit int32) {
	e := &n.l.Exits[exit]
	b := n.now
	if e.Kind != ir.ExitFuel {
		b.lose(hostSet)
	}
	for _, label := range [2]int32{e.Resume, e.Alt} {
		if label >= 0 {
			n.lead(label, &b)
		}
	}
}

// assume takes a comparison of a register with a number for granted.
func (b *bounds) assume(op *ir.Op, c ir.Cond) {
	if !op.UseImm || op.Dst > ir.Tmp {
		return
	}
	v, d := uint64(op.Imm), &b[op.Dst]
	if op.W == 32 {
		if v = uint64(uint32(op.Imm)); *d > math.MaxUint32 {
			return
		}
	}
	switch {
	case c == ir.Le || c == ir.Eq:
		*d = min(*d, v)
	case c == ir.Lt && v > 0:
		*d = min(*d, v-1)
	}
}

// compute is what an op that only computes does. Of all others nothing is known but what they write.
func (b *bounds) compute(op *ir.Op) {
	if !simple(op.Kind) {
		switch op.Kind {
		case ir.Nop, ir.Store, ir.StoreRel, ir.StoreState:
		case ir.LoadAcq:
			b[op.Dst] = ones(op.Size * 8)
		case ir.Atomic:
			b[op.Src], b[0] = unknown, unknown
		case ir.ArrayLookup:
			b.lose(hostSet)
			b[0] = math.MaxUint32
		default:
			b.lose(^regSet(0))
		}
		return
	}
	x := second(op, b)
	d := b[op.Dst]
	r := uint64(unknown)
	switch op.Kind {
	case ir.Mov:
		r = x
	case ir.FrameAddr:
		r = math.MaxUint32
	case ir.LoadState:
		r = ones(op.Size * 8)
	case ir.Load:
		if !op.Signed {
			r = ones(op.Size * 8)
		}
	case ir.Lea:
		if op.Imm >= 0 {
			r = sum(b[op.Src], uint64(op.Imm))
		}
	case ir.Add:
		r = sum(d, x)
	case ir.Mul:
		if hi, lo := bits.Mul64(d, x); hi == 0 {
			r = lo
		}
	case ir.And:
		r = min(d, x)
	case ir.Or, ir.Xor:
		r = ones(uint8(bits.Len64(d | x)))
	case ir.Lsh:
		if c := uint64(op.Imm) & uint64(op.W-1); op.UseImm && d <= unknown>>1>>c {
			r = d << c
		}
	case ir.Rsh:
		if r = d; op.UseImm {
			r = d >> (uint64(op.Imm) & uint64(op.W-1))
		}
	case ir.Div:
		r = d
	case ir.Mod:
		if r = d; op.UseImm && op.Imm > 0 {
			r = min(d, uint64(op.Imm)-1)
		}
	case ir.Zext:
		r = min(d, ones(op.From))
	case ir.Swap:
		r = ones(op.From)
	}
	if op.W == 32 && op.Kind != ir.Load && op.Kind != ir.LoadState {
		r = min(r, math.MaxUint32)
		if d > math.MaxUint32 && (op.Kind == ir.Div || op.Kind == ir.Mod || op.Kind == ir.Rsh) {
			r = math.MaxUint32 // the low half may be more than a bound on the whole says of it
		}
	}
	b[op.Dst] = r
}

// second is the bound of an op's second operand.
func second(op *ir.Op, b *bounds) uint64 {
	switch {
	case op.UseImm && op.W == 32:
		return uint64(uint32(op.Imm))
	case op.UseImm:
		return uint64(op.Imm)
	case op.Src <= ir.Tmp:
		return b[op.Src]
	}
	return unknown
}

// ones is the largest number of n bits.
func ones(n uint8) uint64 { return uint64(1)<<n - 1 }

// sum is a + b, or unknown if it may be more than 64 bits.
func sum(a, b uint64) uint64 {
	if s, carry := bits.Add64(a, b, 0); carry == 0 {
		return s
	}
	return unknown
}
