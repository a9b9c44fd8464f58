package amd64

import (
	"math"
	"sort"
)

// cut is where code was taken out: what stood at offset at or behind it now stands by bytes lower.
type cut struct{ at, by int32 }

// shorten gives jumps their short form where one byte reaches, and closes the gaps. Of jumps forwards it is measured while
// all are long: what lies between only shrinks.
func (x *expander) shorten() {
	x.cuts = x.cuts[:0]
	b := x.b
	var read, write, by int32 // b[read:] stands by bytes too high
	placed := x.placed
	for i := range x.fixes {
		f := &x.fixes[i]
		if f.short {
			f.at -= by
			continue
		}
		start, code := f.at-2, byte(0x70)
		if b[f.at-1] == 0xe9 {
			start, code = f.at-1, 0xeb
		} else {
			code |= b[f.at-1] & 15
		}
		for len(placed) > 0 && x.labels[placed[0]] <= start {
			x.labels[placed[0]] -= by
			placed = placed[1:]
		}
		to := x.labels[f.label]
		ahead := to > start || to < 0
		switch {
		case ahead && (to < 0 || to-f.at-4 > math.MaxInt8 || int(to-f.at)-4+x.slack(start, to) > math.MaxInt8):
			f.at -= by
			continue
		case !ahead && (to-(start-by)-2 < math.MinInt8 || int(to-(start-by))-2-x.slack(start-4*-math.MinInt8, start) < math.MinInt8):
			f.at -= by
			continue
		}
		write += int32(copy(b[write:], b[read:start]))
		read = f.at + 4
		b[write], b[write+1] = code, 0
		write += 2
		f.at, f.short = write-1, true
		by = read - write
		x.cuts = append(x.cuts, cut{read, by})
	}
	if by == 0 {
		return
	}
	x.b = b[:int(write)+copy(b[write:], b[read:])]
	for _, l := range placed {
		x.labels[l] -= by
	}
	x.follow()
}

// follow moves what else is known by its offset.
func (x *expander) follow() {
	m := mover{x.cuts, 0}
	for i := range x.lines {
		x.lines[i].Code = uint32(m.to(int(x.lines[i].Code)))
	}
	m = mover{x.cuts, 0}
	for i := range x.cold {
		x.cold[i].at = m.to(x.cold[i].at)
	}
	m = mover{x.cuts, 0}
	for i := range x.funcFix {
		x.funcFix[i].at = int32(m.to(int(x.funcFix[i].at)))
	}
	for _, list := range [][]int{x.exits, x.dones} {
		m = mover{x.cuts, 0}
		for i, at := range list {
			list[i] = m.to(at)
		}
	}
	m = mover{x.cuts, 0}
	for i := range x.tails {
		t := &x.tails[i]
		t.at = m.to(t.at)
		t.back = m.to(t.back)
	}
	for i, at := range x.funcs { // in any order
		n := sort.Search(len(x.cuts), func(k int) bool { return x.cuts[k].at > int32(at) })
		if n > 0 {
			x.funcs[i] -= uint32(x.cuts[n-1].by)
		}
	}
}

// mover tells where code has gone, of offsets in their order.
type mover struct {
	cuts []cut // that may lie ahead
	by   int32
}

func (m *mover) to(at int) int {
	for len(m.cuts) > 0 && int(m.cuts[0].at) <= at {
		m.by = m.cuts[0].by
		m.cuts = m.cuts[1:]
	}
	return at - int(m.by)
}
