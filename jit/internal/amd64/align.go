package amd64

import (
	"math"
	"slices"
	"sort"
)

// line is what a processor fetches instructions by, in bytes: the cache line.
const line = 64

// most is the largest loop that is moved, in bytes.
const most = 3 * line

// loop is the head of a loop that may be moved.
type loop struct {
	label int32
	at    int32 // its offset before jumps were shortened
	end   int32 // of the last jump back to it, once known
}

// mayFit is the most bytes of a loop, while jumps forwards are long, that is looked at.
const mayFit = most + most/2

// back notes a jump to a label, at the moment that it is made, if the label stands already.
func (x *expander) back(label int32) {
	at := x.labels[label]
	if at < 0 || !x.movable[label] || len(x.b)-int(at) > mayFit {
		return
	}
	i := len(x.loops)
	for i > 0 && x.loops[i-1].at > at {
		i--
	}
	if i == 0 || x.loops[i-1].label != label {
		x.loops = slices.Insert(x.loops, i, loop{label: label, at: at})
	}
}

// slack is how many bytes may come between two offsets when loops are moved: before their heads, behind lo and not behind hi.
func (x *expander) slack(lo, hi int32) (n int) {
	if len(x.loops) == 0 {
		return 0
	}
	first := sort.Search(len(x.loops), func(i int) bool { return x.loops[i].at > lo })
	for _, l := range x.loops[first:] {
		if l.at > hi {
			break
		}
		n += line - 1
	}
	return n
}

// align moves each small loop into as few lines as hold it: a turn across one border more takes longer, some by a third.
func (x *expander) align() {
	if len(x.loops) == 0 {
		return
	}
	x.byLabel = slices.Grow(x.byLabel[:0], len(x.labels))[:len(x.labels)]
	clear(x.byLabel)
	for i, l := range x.loops {
		x.byLabel[l.label] = int32(i) + 1
	}
	for _, f := range x.fixes {
		if i := x.byLabel[f.label]; i > 0 && x.labels[f.label] <= f.at {
			end := f.at + 1
			if !f.short {
				end += 3
			}
			x.loops[i-1].end = max(x.loops[i-1].end, end)
		}
	}
	x.cuts = x.cuts[:0]
	more := int32(0)
	for _, l := range x.loops {
		at := x.labels[l.label]
		if size, in := l.end-at, (at+more)%line; size > 0 && size <= most && lines(in+size) > lines(size) {
			more += line - in
			x.cuts = append(x.cuts, cut{at, -more})
		}
	}
	if more == 0 || !x.reach() {
		return
	}
	end := len(x.b)
	x.b = slices.Grow(x.b, int(more))[:end+int(more)]
	for i := len(x.cuts) - 1; i >= 0; i-- {
		c, before := x.cuts[i], int32(0)
		if i > 0 {
			before = -x.cuts[i-1].by
		}
		copy(x.b[c.at-c.by:], x.b[c.at:end])
		x.pad(x.b[c.at+before : c.at-c.by])
		end = int(c.at)
	}
	m := mover{x.cuts, 0}
	for i := range x.fixes {
		x.fixes[i].at = int32(m.to(int(x.fixes[i].at)))
	}
	m = mover{x.cuts, 0}
	for _, l := range x.placed {
		x.labels[l] = int32(m.to(int(x.labels[l])))
	}
	x.follow()
}

// lines is how many lines n bytes from the begin of one take.
func lines(n int32) int32 { return (n + line - 1) / line }

// reach reports whether all short jumps reach when loops are moved. Those to loops whose last jump back came later than they did
// may not: then nothing is moved.
func (x *expander) reach() bool {
	by := func(n int) int32 { // behind the first n cuts
		if n == 0 {
			return 0
		}
		return x.cuts[n-1].by
	}
	here := 0 // cuts that the jump lies behind
	for _, f := range x.fixes {
		for here < len(x.cuts) && x.cuts[here].at <= f.at {
			here++
		}
		label := x.labels[f.label]
		if !f.short || label < 0 {
			continue
		}
		there := here
		for there > 0 && x.cuts[there-1].at > label {
			there--
		}
		for there < len(x.cuts) && x.cuts[there].at <= label {
			there++
		}
		if n := label - by(there) - (f.at - by(here)) - 1; n != int32(int8(n)) {
			return false
		}
	}
	return true
}

// nops do nothing, in one to nine bytes: Intel SDM volume 2B, NOP, recommended multi-byte sequences.
var nops = [...]string{
	"\x90", "\x66\x90", "\x0f\x1f\x00", "\x0f\x1f\x40\x00", "\x0f\x1f\x44\x00\x00", "\x66\x0f\x1f\x44\x00\x00",
	"\x0f\x1f\x80\x00\x00\x00\x00", "\x0f\x1f\x84\x00\x00\x00\x00\x00", "\x66\x0f\x1f\x84\x00\x00\x00\x00\x00",
}

// pad fills a gap.
func (x *expander) pad(gap []byte) {
	for len(gap) > 0 {
		n := min(len(gap), len(nops))
		copy(gap, nops[n-1])
		gap = gap[n:]
	}
}

// near reports whether a short jump from here reaches a label that stands already, wherever loops are moved.
func (x *expander) near(label int32) bool {
	x.back(label)
	to := x.labels[label]
	far := len(x.b) + 2 - int(to)
	return to >= 0 && far <= -math.MinInt8 && far+x.slack(to, int32(len(x.b))) <= -math.MinInt8
}
