package interp

import (
	"math/rand/v2"

	"github.com/gbpf/gbpf/helpers"
	"github.com/gbpf/gbpf/internal/hostclock"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/jit"
	"github.com/gbpf/gbpf/verifier"
)

// inlined are the helpers that machine code can do, by name.
var inlined = map[string]func(p *Program, pc int) jit.Helper{
	"loop":                  (*Program).inlineLoop,
	"for_each_map_elem":     (*Program).inlineEach,
	"get_prandom_u32":       func(*Program, int) jit.Helper { return jit.Helper{Kind: jit.HelperRandom} },
	"get_current_pid_tgid":  envWord(jit.EnvPidTgid),
	"get_current_uid_gid":   envWord(jit.EnvUidGid),
	"get_numa_node_id":      envWord(jit.EnvNUMANode),
	"get_current_cgroup_id": envWord(jit.EnvCgroupID),
	"ktime_get_ns":          func(*Program, int) jit.Helper { return jit.Helper{Kind: jit.HelperClock} },
	"ktime_get_boot_ns":     func(*Program, int) jit.Helper { return jit.Helper{Kind: jit.HelperClock} },
	"ktime_get_coarse_ns":   func(*Program, int) jit.Helper { return jit.Helper{Kind: jit.HelperCoarse, Size: helpers.TickNs} },
	"ringbuf_reserve":       (*Program).inlineReserve,
	"ringbuf_submit":        (*Program).inlineSubmit,
	"ringbuf_discard":       (*Program).inlineDiscard,
	"ringbuf_output":        (*Program).inlineOutput,
	"skb_load_bytes":        bytesOf(jit.HelperLoadSkb),
	"xdp_load_bytes":        bytesOf(jit.HelperLoadXDP),
	"xdp_store_bytes":       bytesOf(jit.HelperStoreXDP),
}

func envWord(i int) func(*Program, int) jit.Helper {
	return func(*Program, int) jit.Helper { return jit.Helper{Kind: jit.HelperEnv, Word: i} }
}

// helper says what machine code does in place of the helper call at pc: of the kernel's own helpers only.
func (p *Program) helper(pc int) jit.Helper {
	if p.code[pc].op != isa.OpCallHelper {
		return jit.Helper{}
	}
	h := p.helpers[p.code[pc].imm]
	if h.Kfunc || h != helpers.ByID(h.Proto.ID) {
		return jit.Helper{}
	}
	f := inlined[h.Proto.Name]
	if f == nil {
		return jit.Helper{}
	}
	return f(p, pc)
}

// prepare notes what runs of p need beside its machine code.
func (p *Program) prepare() {
	if p.src.Proof.Policy() == verifier.PolicySandboxed {
		return
	}
	for pc := range p.src.Insns {
		if p.code[pc].op != isa.OpCallHelper {
			continue
		}
		switch p.helper(pc).Kind {
		case jit.HelperRandom, jit.HelperEnv, jit.HelperClock, jit.HelperCoarse:
			p.env = true
		case jit.HelperSubmit, jit.HelperDiscard:
			p.wakes(pc, p.reserved(pc))
		case jit.HelperOutput:
			p.wakes(pc, p.ring(pc))
		}
	}
}

// lookBack is how many instructions before a call a guess is looked for: what makes the arguments stands near.
const lookBack = 64

// lastConst is what was last loaded into register r before pc, whichever way control took: a guess.
func (p *Program) lastConst(pc int, r uint8) (uint64, bool) {
	for at := pc - 1; at >= max(0, pc-lookBack); at-- {
		if in := &p.code[at]; in.op == opConst && in.dst == r {
			return in.imm, true
		}
	}
	return 0, false
}

// callee guesses the function in R2.
func (p *Program) callee(pc int) (int, bool) {
	v, ok := p.lastConst(pc, 2)
	return int(uint32(v)), ok && v>>32 == 1 && p.isFunc(v&(1<<32-1))
}

func (p *Program) inlineLoop(pc int) (h jit.Helper) {
	if fn, ok := p.callee(pc); ok {
		h.Kind, h.Func = jit.HelperLoop, fn
	}
	return h
}

func (p *Program) inlineEach(pc int) (h jit.Helper) {
	fn, ok := p.callee(pc)
	f := p.src.Proof.Fact(pc)
	if !ok || p.src.Map == nil || !f.Has(verifier.ConstMap) {
		return h
	}
	m := p.src.Map(f.Map)
	addr, stride, entries, ok := m.Elements()
	if !ok {
		return h
	}
	return jit.Helper{
		Kind: jit.HelperEach, Func: fn, Handle: uint32(m.Handle()), Array: jit.Array{Addr: addr, Stride: stride, Entries: entries},
	}
}

// showEnv puts what programs learn of the machine around them where machine code reads it.
func (st *State) showEnv() {
	b, env := st.block, st.Call.Env
	if env == nil {
		env = &helpers.Env{}
	}
	b.Clock = hostclock.Word()
	if env.OwnClock() {
		b.Clock = hostclock.NeverWord()
	}
	if env.Rand != nil {
		b.Seed = 0
	} else if b.Seed == 0 {
		b.Seed = rand.Uint64()
	}
	b.Env = [...]uint64{
		jit.EnvPidTgid: env.Task.PidTgid(), jit.EnvUidGid: env.Task.UidGid(), jit.EnvNUMANode: uint64(env.NUMANode), jit.EnvCgroupID: env.Task.Cgroup(),
	}
}
