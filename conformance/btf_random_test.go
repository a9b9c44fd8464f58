package conformance

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gbpf/gbpf/internal/kernel"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/verifier"
)

// A btfGen makes programs that pass pointers to kernel structures around: through branches that come together with other
// pointers in the same registers, the stack, calls and comparisons.
type btfGen struct {
	rng  *rand.Rand
	rig  *btfRig
	p    *btfPoint
	code []isa.Insn
	// types is what registers 6 to 9 are thought to point to, "" for a number or nothing.
	types [10]string
	ends  []int // jumps to the end
}

func (g *btfGen) one(n int) bool { return g.rng.IntN(n) == 0 }

func (g *btfGen) reg() isa.Reg { return isa.R6 + isa.Reg(g.rng.IntN(4)) }

func (g *btfGen) emit(in ...isa.Insn) { g.code = append(g.code, in...) }

// fresh puts a pointer, as the program is given it, into a register.
func (g *btfGen) fresh(dst isa.Reg) {
	args := g.p.ours.AttachBTF.Args
	if g.one(4) {
		g.emit(call("get_current_task_btf"), mov(dst, isa.R0))
		g.types[dst] = "task_struct"
		return
	}
	i := g.rng.IntN(len(args))
	g.emit(loadInsn(isa.R0, isa.R10, -8, 8), loadInsn(dst, isa.R0, 8*i, 8)) // the context is kept there
	g.types[dst] = args[i].Type
}

// step loads something from a structure.
func (g *btfGen) step(dst, src isa.Reg) {
	s := g.rig.known.Struct(g.types[src])
	if s == nil || g.one(12) {
		g.emit(loadInsn(dst, src, 8*g.rng.IntN(8), 8))
		g.types[dst] = ""
		return
	}
	off := 0
	for range 6 {
		if len(s.Members) == 0 {
			break
		}
		m := &s.Members[g.rng.IntN(len(s.Members))]
		if !g.one(3) {
			for range 6 { // pointers lead on
				if o := &s.Members[g.rng.IntN(len(s.Members))]; o.Kind == verifier.MemberPtr && o.Type != "" {
					m = o
					break
				}
			}
		}
		off += int(m.Off)
		if m.Kind == verifier.MemberStruct {
			if in := g.rig.known.Struct(m.Type); in != nil {
				s = in
				continue
			}
		}
		size := 8
		if m.Kind != verifier.MemberPtr {
			size = 1 << g.rng.IntN(3)
		}
		if off < 1<<15 {
			g.emit(loadInsn(dst, src, off, size))
			g.types[dst] = m.Type
		}
		return
	}
}

// statement adds one statement; at depth 0 it may be a branch over others.
func (g *btfGen) statement(depth int) {
	a, b := g.reg(), g.reg()
	switch g.rng.IntN(18) {
	case 16:
		// Sections are not balanced always.
		n := g.rng.IntN(2)
		g.emit(isa.New(isa.OpCallKfunc, 0, 0, 0, int64(n)))
		if n == 0 && !g.one(4) {
			g.step(a, b)
			g.statement(2)
			g.emit(isa.New(isa.OpCallKfunc, 0, 0, 0, 1))
		}
	case 17:
		n := 2 + g.rng.IntN(2) // acquires a task
		g.emit(mov(isa.R1, b), isa.New(isa.OpCallKfunc, 0, 0, 0, int64(n)), mov(a, isa.R0))
		g.types[a] = g.types[b]
		if !g.one(8) {
			if !g.one(8) {
				g.ends = append(g.ends, len(g.code))
				g.emit(isa.New(isa.OpJeqImm, a, 0, 0, 0))
			}
			g.step(isa.R6+(a-isa.R6+1)%4, a)
			g.emit(mov(isa.R1, a), isa.New(isa.OpCallKfunc, 0, 0, 0, int64(n+2)))
		}
	case 0, 1:
		g.fresh(a)
	case 2, 3, 4, 5, 6:
		g.step(a, b)
	case 7, 8:
		g.ends = append(g.ends, len(g.code))
		g.emit(isa.New(isa.OpJeqImm, a, 0, 0, 0))
	case 9:
		g.emit(mov(a, b))
		g.types[a] = g.types[b]
	case 10:
		g.emit(isa.New(isa.OpStxDW, isa.R10, b, -16, 0), loadInsn(a, isa.R10, -16, 8))
		g.types[a] = g.types[b]
	case 11:
		off := 8 * g.rng.IntN(4)
		g.emit(addImm(a, off))
		if g.one(2) {
			g.emit(addImm(a, -off))
		} else {
			g.types[a] = ""
		}
	case 12:
		name := []string{"task_pt_regs", "get_task_stack", "skc_to_tcp_sock", "sock_from_file", "get_current_task_btf"}[g.rng.IntN(5)]
		g.emit(mov(isa.R1, b))
		if name == "get_task_stack" {
			g.emit(mov(isa.R2, isa.R10), addImm(isa.R2, -32), movImm(isa.R3, 8), movImm(isa.R4, 0))
		}
		g.emit(call(name), mov(a, isa.R0))
		g.types[a] = map[string]string{"task_pt_regs": "pt_regs", "skc_to_tcp_sock": "tcp_sock", "sock_from_file": "socket", "get_current_task_btf": "task_struct"}[name]
	case 13:
		if g.one(3) {
			g.emit(storeInsn(a, 8*g.rng.IntN(4), 8))
			return
		}
		fallthrough
	default:
		if depth > 1 {
			return
		}
		// A branch on nothing that is known, or on a pointer.
		at := len(g.code)
		switch g.rng.IntN(4) {
		case 0:
			g.emit(isa.New(isa.OpJeqImm, a, 0, 0, 0))
		case 1:
			g.emit(isa.New(isa.OpJneImm, a, 0, 0, 0))
		case 2:
			if a == b { // which gbpf knows to be equal, and the kernel does not
				b = isa.R6 + (b-isa.R6+1)%4
			}
			g.emit(isa.New(isa.OpJeqReg, a, b, 0, 0))
		default:
			g.emit(call("get_prandom_u32"))
			at = len(g.code)
			g.emit(isa.New(isa.OpJeqImm, isa.R0, 0, 0, 1))
		}
		for range 1 + g.rng.IntN(3) {
			g.statement(depth + 1)
		}
		if g.one(2) { // with an else
			over := len(g.code)
			g.emit(isa.New(isa.OpJa, 0, 0, 0, 0))
			g.code[at].Off = int16(len(g.code) - at - 1)
			for range 1 + g.rng.IntN(2) {
				g.statement(depth + 1)
			}
			g.code[over].Off = int16(len(g.code) - over - 1)
			return
		}
		g.code[at].Off = int16(len(g.code) - at - 1)
	}
}

// btfKfuncs are the kernel functions that the programs call, by number.
var btfKfuncs = []string{"bpf_rcu_read_lock", "bpf_rcu_read_unlock", "bpf_task_acquire", "bpf_cgroup_acquire", "bpf_task_release", "bpf_cgroup_release"}

// program makes one program.
func (g *btfGen) program() []isa.Insn {
	g.code, g.ends, g.types = nil, nil, [10]string{}
	g.emit(isa.New(isa.OpStxDW, isa.R10, isa.R1, -8, 0))
	for r := isa.R6; r <= isa.R9; r++ {
		g.fresh(r)
	}
	for range 2 + g.rng.IntN(8) {
		g.statement(0)
	}
	for _, pc := range g.ends {
		g.code[pc].Off = int16(len(g.code) - pc - 1)
	}
	return append(g.code, isa.New(isa.OpMov64Imm, isa.R0, 0, 0, 0), isa.New(isa.OpExit, 0, 0, 0, 0))
}

// TestBTFRandom compares verdicts about programs made at random.
func TestBTFRandom(t *testing.T) {
	r := newBTFRig(t)
	var points []*btfPoint
	for _, name := range []string{"sched_switch", "kfree_skb", "tcp_probe", "sched_pi_setprio", "inet_sock_set_state", "posix_lock_inode", "sched_process_exec", "netif_receive_skb"} {
		points = append(points, r.tracepoint(name))
	}
	for _, name := range []string{"task", "task_file", "cgroup"} {
		points = append(points, r.iterator(name), r.sleepableIterator(name))
	}
	points = append(points, r.ops("tcp_congestion_ops:ssthresh"))
	n := 3000
	if *btfAll {
		n = 100_000
	}
	var v verdicts
	shown := 0
	for i := range n {
		g := &btfGen{rng: rand.New(rand.NewPCG(uint64(i), 9)), rig: r, p: points[i%len(points)]}
		spec := g.p.ours
		spec.Name, spec.Insns, spec.Kfuncs = fmt.Sprint(i), g.program(), btfKfuncs
		raw, err := isa.Encode(spec.Insns)
		if err != nil {
			t.Fatal(err)
		}
		kp := g.p.theirs
		kp.Insns, kp.LogLevel, kp.Kfuncs = raw, 4, map[int]string{}
		for pc, in := range spec.Insns {
			if in.Op == isa.OpCallKfunc {
				kp.Kfuncs[pc] = btfKfuncs[in.Imm]
			}
		}
		prog, live, err := kernel.Load(&kp)
		if err != nil {
			t.Fatal(err)
		}
		if prog != nil {
			prog.Close()
		}
		if text := v.add(fmt.Sprint(i), live.Accepted, live.LastLine, live.Processed, judge(t, &spec), nil); text != "" {
			if shown++; shown <= 20 {
				t.Errorf("%d, %s: %s\n%s", i, g.p.name, text, listing(&spec))
			}
		}
	}
	t.Logf("programs with kernel structures: %v", v.String())
}
