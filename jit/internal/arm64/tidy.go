package arm64

import "github.com/gbpf/gbpf/jit/internal/ir"

// tidy takes the ops out that do nothing, in their place: a jump to what follows anyway, and one that a jump with the
// opposite condition does the work of.
func tidy(ops []ir.Op) []ir.Op {
	out := ops[:0]
	for i := range ops {
		op := &ops[i]
		switch op.Kind {
		case ir.Nop:
			continue
		case ir.Jump:
			if follows(ops[i+1:], op.Target) {
				continue
			}
			// if c goto next; goto away; next:
			if n := len(out); n > 0 && out[n-1].Kind == ir.CondJump && follows(ops[i+1:], out[n-1].Target) {
				out[n-1].Cond, out[n-1].Target = out[n-1].Cond.Not(), op.Target
				continue
			}
		case ir.CondJump:
			if follows(ops[i+1:], op.Target) {
				continue
			}
		}
		if len(out) < i {
			out = append(out, *op)
		} else {
			out = ops[:i+1]
		}
	}
	return out
}

// follows reports whether a label stands where ops begin.
func follows(ops []ir.Op, label int32) bool {
	for i := range ops {
		switch op := &ops[i]; {
		case op.Kind == ir.Label && op.Target == label:
			return true
		case op.Kind != ir.Nop && op.Kind != ir.Label:
			return false
		}
	}
	return false
}
