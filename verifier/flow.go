package verifier

import (
	"slices"

	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/isa"
)

// edges holds, for each instruction, those from which control comes to it within its
// function, in one array.
type edges struct {
	first []int32 // by instruction, one more than there are
	from  []int32
}

func (e *edges) of(pc int) []int32 { return e.from[e.first[pc]:e.first[pc+1]] }

// successors calls f for each instruction that control may go to after pc, within the
// function: over a call, not into it.
func (p *program) successors(pc int, f func(int)) {
	in := &p.insns[pc]
	switch in.Info().Kind {
	case isa.KindExit:
	case isa.KindJump:
		f(in.Target(pc))
	case isa.KindCond, isa.KindMayGoto:
		f(pc + 1)
		if t := in.Target(pc); t != pc+1 {
			f(t)
		}
	default:
		f(pc + in.Slots())
	}
}

// checkFlow walks the graph of control: every instruction must be reachable, calls must not
// recurse. It fills the reversed edges, the call sites, and marks where states are compared.
func (p *program) checkFlow() *Error {
	n := len(p.insns)
	seen := make([]bool, n)
	var work []int
	for i := range p.subs {
		work = append(work, p.subs[i].start)
		seen[p.subs[i].start] = true
		p.flags[p.subs[i].start] |= prunePoint
	}
	count := make([]int32, n+1)
	for len(work) > 0 {
		pc := work[len(work)-1]
		work = work[:len(work)-1]
		p.successors(pc, func(t int) {
			count[t]++
			if !seen[t] {
				seen[t] = true
				work = append(work, t)
			}
		})
	}
	for pc := range p.insns {
		if !seen[pc] && p.insns[pc].Op != isa.OpLddwHi {
			return fault(CodeStructure, pc, "no path leads to this instruction").as(topicUnreachable)
		}
	}
	p.preds.first = make([]int32, n+1)
	total := int32(0)
	for pc := range n {
		p.preds.first[pc] = total
		total += count[pc]
	}
	p.preds.first[n] = total
	p.preds.from = make([]int32, total)
	at := slices.Clone(p.preds.first[:n])
	for pc := range p.insns {
		if !seen[pc] {
			continue
		}
		p.successors(pc, func(t int) {
			p.preds.from[at[t]] = int32(pc)
			at[t]++
		})
	}
	p.sites = make([][]int32, len(p.subs))
	for pc := range p.insns {
		p.markPoints(pc)
	}
	return p.checkCalls()
}

// markPoints notes what instruction pc means for the walk.
func (p *program) markPoints(pc int) {
	in := &p.insns[pc]
	s := &p.subs[p.subOf[pc]]
	if p.flags[pc]&jumpTarget != 0 {
		p.flags[pc] |= prunePoint
	}
	switch in.Info().Kind {
	case isa.KindExit:
		s.exits = append(s.exits, int32(pc))
	case isa.KindMayGoto:
		p.flags[pc] |= prunePoint | forcePoint
	case isa.KindPacketLoad:
		s.ldAbs = true
	}
	switch in.Op {
	case isa.OpCallLocal:
		t := p.subAt(in.Target(pc))
		p.sites[t] = append(p.sites[t], int32(pc))
		p.flags[pc] |= prunePoint
		p.flags[pc+1] |= prunePoint
	case isa.OpCallHelper:
		if pr := p.helper(int32(in.Imm)); pr != nil {
			if pr.Callback != nil {
				p.flags[pc] |= prunePoint | forcePoint
			}
			s.tailCalls = s.tailCalls || pr.Engine
			s.changesPacket = s.changesPacket || pr.ChangesPacket
			s.mightSleep = s.mightSleep || pr.MightSleep
		}
	case isa.OpCallKfunc:
		if i := int(in.Imm); i >= 0 && i < len(p.spec.Kfuncs) && isIterNext(p.spec.Kfuncs[i]) {
			p.flags[pc] |= prunePoint | forcePoint
		}
	}
}

// subAt returns the number of the function that starts at pc.
func (p *program) subAt(pc int) int {
	i, _ := slices.BinarySearchFunc(p.subs, pc, func(s subprog, pc int) int { return s.start - pc })
	return i
}

// helper is the prototype of a helper for this program, whether it may call it or not.
func (p *program) helper(id int32) *proto.Proto {
	if p.spec.Helper != nil {
		return p.spec.Helper(id)
	}
	return proto.For(p.spec.Type.Kernel, id)
}

// checkCalls refuses recursion and carries over to callers what their callees do.
func (p *program) checkCalls() *Error {
	const (
		unseen = iota
		open
		done
	)
	state := make([]uint8, len(p.subs))
	callees := make([][]int32, len(p.subs)) // call instructions by caller
	for t := range p.sites {
		for _, pc := range p.sites[t] {
			caller := p.subOf[pc]
			callees[caller] = append(callees[caller], pc)
		}
	}
	type step struct{ sub, next int }
	for root := range p.subs {
		if state[root] != unseen {
			continue
		}
		stack := []step{{root, 0}}
		state[root] = open
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			if top.next == len(callees[top.sub]) {
				state[top.sub] = done
				stack = stack[:len(stack)-1]
				if len(stack) > 0 {
					up, s := &p.subs[stack[len(stack)-1].sub], &p.subs[top.sub]
					up.changesPacket = up.changesPacket || s.changesPacket
					up.mightSleep = up.mightSleep || s.mightSleep
				}
				continue
			}
			pc := int(callees[top.sub][top.next])
			top.next++
			t := p.subAt(p.insns[pc].Target(pc))
			switch state[t] {
			case open:
				return fault(CodeStructure, pc, "recursive call of %s: functions may not call themselves, directly or through others", p.subName(t)).as(topicRecursion)
			case done:
				up, s := &p.subs[top.sub], &p.subs[t]
				up.changesPacket = up.changesPacket || s.changesPacket
				up.mightSleep = up.mightSleep || s.mightSleep
			default:
				state[t] = open
				stack = append(stack, step{t, 0})
			}
		}
	}
	return nil
}

// liveness computes, for each instruction, the registers that some path from it reads
// before writing. A call reads as many argument registers as the callee's
// prototype has, or of a function of the program as many as it reads; and such a function's end
// reads r0 only if some caller does.
func (p *program) liveness() {
	n := len(p.insns)
	p.live = make([]uint16, n+1)
	use, def := make([]uint16, n), make([]uint16, n)
	for pc := range p.insns {
		in := &p.insns[pc]
		if in.Op == isa.OpLddwHi {
			continue
		}
		use[pc], def[pc] = uint16(in.ReadRegs()), uint16(in.WriteRegs())
		switch {
		case in.Op == isa.OpCallHelper:
			use[pc] = 0x3e
			if pr := p.helper(int32(in.Imm)); pr != nil {
				use[pc] = uint16(1)<<(1+pr.NumArgs()) - 2
			}
		case in.Op == isa.OpCallLocal, in.Op == isa.OpCallKfunc:
			use[pc] = 0x3e
		}
		use[pc] &= 0x3ff // r10 is what it is
	}
	// Which arguments a function of the program reads follows from its own liveness.
	args, result := make([]uint16, len(p.subs)), make([]bool, len(p.subs))
	for i := range p.subs {
		result[i] = i == 0 || p.subs[i].global || p.subs[i].callback
		if p.subs[i].typ != nil && p.subs[i].global {
			args[i] = uint16(1)<<(1+min(len(p.subs[i].typ.Args), 5)) - 2
		}
	}
	work := make([]int32, 0, n)
	queued := make([]bool, n)
	push := func(pc int) {
		if !queued[pc] {
			queued[pc] = true
			work = append(work, int32(pc))
		}
	}
	for pc := range n {
		if p.insns[pc].Op != isa.OpLddwHi {
			push(pc)
		}
	}
	for len(work) > 0 {
		pc := int(work[len(work)-1])
		work = work[:len(work)-1]
		queued[pc] = false
		out := uint16(0)
		p.successors(pc, func(t int) { out |= p.live[t] })
		u := use[pc]
		switch p.insns[pc].Op {
		case isa.OpCallLocal:
			t := p.subAt(p.insns[pc].Target(pc))
			u = args[t]
			if out&1 != 0 && !result[t] {
				result[t] = true
				for _, e := range p.subs[t].exits {
					push(int(e))
				}
			}
		case isa.OpExit:
			if !result[p.subOf[pc]] {
				u = 0
			}
		}
		in := out&^def[pc] | u
		if in == p.live[pc] {
			continue
		}
		p.live[pc] = in
		for _, q := range p.preds.of(pc) {
			push(int(q))
		}
		if s := int(p.subOf[pc]); p.subs[s].start == pc {
			if a := in & 0x3e; a&^args[s] != 0 {
				args[s] |= a
				for _, site := range p.sites[s] {
					push(int(site))
				}
			}
		}
	}
}
