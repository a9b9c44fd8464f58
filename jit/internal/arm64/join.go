package arm64

import "github.com/gbpf/gbpf/jit/internal/ir"

// joins keeps what is held where control comes to a label: what every branch to it holds. It is known when the
// label is placed, if all branches to it stand before it and the host does not enter there.
type joins struct {
	at     []held
	free   []int32 // of at
	index  []int32 // in at of what the branches to a label hold, -1 where none came
	lost   []bool  // a branch comes from behind, the host enters, or there were too many
	branch []int32
	alive  bool // control comes from the op before
}

// maxJoins bounds the labels that are branched to and have not been placed of which it is kept what is held there: each takes
// hundreds of bytes, and programs have hundreds of thousands of labels.
const maxJoins = 1024

func newJoins(l *ir.List, ops []ir.Op) joins {
	j := joins{index: make([]int32, l.Labels), lost: make([]bool, l.Labels)}
	for i := range j.index {
		j.index[i] = -1
	}
	placed := make([]bool, l.Labels)
	known := func(label int32) bool { return uint32(label) < uint32(l.Labels) }
	for i := range l.Exits {
		for _, label := range [2]int32{l.Exits[i].Resume, l.Exits[i].Alt} {
			if known(label) {
				j.lost[label] = true
			}
		}
	}
	for i := range ops {
		switch op := &ops[i]; op.Kind {
		case ir.Label:
			if known(op.Target) {
				placed[op.Target] = true
			}
		case ir.Jump, ir.CondJump, ir.MayGoto:
			if known(op.Target) && placed[op.Target] {
				j.lost[op.Target] = true
			}
		}
	}
	return j
}

// leads says that the op being expanded branches to a label: at the moment with h held, or with less by the
// time that [expander.settle] is called.
func (j *joins) leads(label int32, h *held) {
	switch i := j.index[label]; {
	case j.lost[label]:
		return
	case i >= 0:
		j.at[i].meet(h)
	case len(j.free) > 0:
		i = j.free[len(j.free)-1]
		j.free = j.free[:len(j.free)-1]
		j.at[i], j.index[label] = *h, i
	case len(j.at) == maxJoins:
		j.lost[label] = true
		return
	default:
		j.index[label] = int32(len(j.at))
		j.at = append(j.at, *h)
	}
	j.branch = append(j.branch, label)
}

// settle is called behind each op.
func (e *expander) settle(op *ir.Op) {
	for _, label := range e.joins.branch {
		e.joins.at[e.joins.index[label]].meet(&e.held)
	}
	e.joins.branch = e.joins.branch[:0]
	switch op.Kind {
	case ir.Jump, ir.Leave, ir.Return:
		e.joins.alive = false
	default:
		e.joins.alive = true
	}
}

// join sets what is held at a label that stands here.
func (e *expander) join(label int32) {
	j := &e.joins
	i := j.index[label]
	switch {
	case j.lost[label] || i < 0 && !j.alive:
		e.held.clear()
	case !j.alive:
		e.held = j.at[i]
	case i >= 0:
		e.held.meet(&j.at[i])
	}
	if i >= 0 {
		j.free = append(j.free, i)
		j.index[label] = -1
	}
}
