package conformance

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/internal/kernel"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

// A caller makes programs that call kernel functions with arguments that fit and with some that do
// not. R6 holds the context, R7 a value of the map, R8 a task (in tracing programs) and R9 what the last
// call returned.
type caller struct {
	r      *rand.Rand
	typ    *progtype.Type
	code   []isa.Insn
	kfuncs []string
	outs   []int  // jumps to the end
	last   string // the structure that R9 points to
}

func (g *caller) add(op isa.Op, dst, src isa.Reg, off int16, imm int64) {
	g.code = append(g.code, isa.New(op, dst, src, off, imm))
}

// stack makes an address on the stack.
func (g *caller) stack(dst isa.Reg, off int64) {
	g.add(isa.OpMov64Reg, dst, isa.R10, 0, 0)
	g.add(isa.OpAdd64Imm, dst, 0, 0, off)
}

func (g *caller) jumpOut(op isa.Op, r isa.Reg) {
	g.outs = append(g.outs, len(g.code))
	g.add(op, r, 0, 0, 0)
}

// begin sets the registers up and clears some of the stack.
func (g *caller) begin() {
	g.add(isa.OpMov64Reg, 6, isa.R1, 0, 0)
	if g.typ == progtype.Tracing {
		g.add(isa.OpLdxDW, 8, 6, 8, 0) // the previous task of sched_switch
	} else {
		g.add(isa.OpMov64Imm, 8, 0, 0, 0)
	}
	g.add(isa.OpMov64Imm, 9, 0, 0, 0)
	for off := -64; off < 0; off += 8 {
		g.add(isa.OpStDW, 10, 0, int16(off), 0)
	}
	g.stack(2, -8)
	ref := isa.LoadImm64(isa.OpLddwMapFD, 1, 0)
	g.code = append(g.code, ref[:]...)
	g.add(isa.OpCallHelper, 0, 0, 0, 1)
	g.jumpOut(isa.OpJeqImm, 0)
	g.add(isa.OpMov64Reg, 7, 0, 0, 0)
}

// someNumbers are what arguments of numbers are tried with.
var someNumbers = []int64{0, 0, 1, 1, 4, 4, 8, 8, 8, 16, 16, 64, 65, -1}

// thing puts something of a kind into a register.
func (g *caller) thing(dst isa.Reg, kind int) {
	switch kind {
	case 0:
		g.add(isa.OpMov64Imm, dst, 0, 0, someNumbers[g.r.IntN(len(someNumbers))])
	case 1:
		g.add(isa.OpMov64Imm, dst, 0, 0, 0)
	case 2: // a number that is not known, small or not
		g.add(isa.OpLdxW, dst, 7, 0, 0)
		if g.r.IntN(2) == 0 {
			g.add(isa.OpAnd64Imm, dst, 0, 0, 31)
		}
	case 3:
		g.add(isa.OpMov64Reg, dst, 6, 0, 0)
	case 4:
		g.stack(dst, -64+8*int64(g.r.IntN(7)))
	case 5:
		g.stack(dst, []int64{-80, -88, -96, -112, -100}[g.r.IntN(5)])
	case 6:
		g.add(isa.OpMov64Reg, dst, 7, 0, 0)
		if g.r.IntN(3) == 0 {
			g.add(isa.OpAdd64Imm, dst, 0, 0, int64(g.r.IntN(80)))
		}
	case 7:
		ref := isa.LoadImm64(isa.OpLddwMapFD, dst, 0)
		g.code = append(g.code, ref[:]...)
	case 8:
		g.add(isa.OpMov64Reg, dst, 8, 0, 0)
	case 9: // the parent of the task, which RCU protects
		g.add(isa.OpMov64Reg, dst, 8, 0, 0)
		if g.typ == progtype.Tracing {
			g.add(isa.OpLdxDW, dst, dst, int16(parentOff), 0)
		}
	default:
		g.add(isa.OpMov64Reg, dst, 9, 0, 0)
	}
}

// fitting are the kinds of thing that often fit an argument.
func (g *caller) fitting(a *proto.KfuncArg) []int {
	switch a.Kind {
	case proto.KfuncScalar, proto.KfuncConst:
		return []int{0, 0, 2}
	case proto.KfuncSize, proto.KfuncConstSize:
		return []int{0, 0, 0, 2}
	case proto.KfuncMem:
		return []int{4, 4, 6, 1, 5}
	case proto.KfuncCtx:
		return []int{3}
	case proto.KfuncBTF:
		switch {
		case a.BTF == g.last:
			return []int{10, 10, 10, 10, 10, 8}
		case a.BTF == "task_struct":
			return []int{8, 8, 8, 9, 9, 10}
		}
		return []int{8, 9, 10, 10, 4, 4}
	case proto.KfuncDynptr, proto.KfuncIter, proto.KfuncIRQFlag:
		return []int{5}
	case proto.KfuncMap:
		return []int{7}
	}
	return []int{0, 3, 4, 6}
}

// call calls a function and keeps its result in R9, when it is a pointer often after a test for NULL.
func (g *caller) call(k *proto.KfuncProto) {
	for i := range k.Args {
		kinds := g.fitting(&k.Args[i])
		kind := kinds[g.r.IntN(len(kinds))]
		if g.r.IntN(30) == 0 {
			kind = g.r.IntN(11)
		}
		g.thing(isa.R1+isa.Reg(i), kind)
	}
	g.add(isa.OpCallKfunc, 0, 0, 0, int64(len(g.kfuncs)))
	g.kfuncs = append(g.kfuncs, k.Name)
	if k.Ret.Kind == proto.KfuncRetVoid {
		return
	}
	g.add(isa.OpMov64Reg, 9, 0, 0, 0)
	g.last = k.Ret.BTF
	if k.Ret.Kind == proto.KfuncRetScalar {
		return
	}
	if g.r.IntN(4) > 0 {
		if g.r.IntN(2) == 0 {
			g.jumpOut(isa.OpJeqImm, 9)
		} else {
			g.add(isa.OpJneImm, 9, 0, 1, 0)
			g.jumpOut(isa.OpJa, 0)
		}
	}
	if g.r.IntN(4) == 0 {
		g.add(isa.OpLdxW, 1, 9, int16(8*g.r.IntN(4)), 0)
	}
}

func (g *caller) end() []isa.Insn {
	end := len(g.code)
	g.add(isa.OpMov64Imm, 0, 0, 0, 0)
	g.add(isa.OpExit, 0, 0, 0, 0)
	for _, pc := range g.outs {
		g.code[pc].Off = int16(end - pc - 1)
	}
	return g.code
}

// hopeless reports whether a function needs what these programs do not have at the start.
func hopeless(k *proto.KfuncProto) bool {
	for _, a := range k.Args {
		switch a.Kind {
		case proto.KfuncListHead, proto.KfuncListNode, proto.KfuncRBRoot, proto.KfuncRBNode, proto.KfuncAlloc, proto.KfuncRefcounted,
			proto.KfuncCallback, proto.KfuncWorkqueue, proto.KfuncTaskWork, proto.KfuncResSpinLock:
			return true
		case proto.KfuncDynptr:
			return a.Flags&proto.KfuncUninit == 0
		}
	}
	return false
}

// parentOff is where struct task_struct has real_parent.
var parentOff uint32

// partners are functions that belong together: a program that calls one likely calls another.
var partners = map[string][]string{
	"bpf_rcu_read_lock": {"bpf_rcu_read_unlock"}, "bpf_preempt_disable": {"bpf_preempt_enable"}, "bpf_local_irq_save": {"bpf_local_irq_restore"},
	"bpf_task_acquire": {"bpf_task_release"}, "bpf_task_from_pid": {"bpf_task_release"}, "bpf_task_from_vpid": {"bpf_task_release"},
	"bpf_task_get_cgroup1": {"bpf_cgroup_release"}, "bpf_cgroup_from_id": {"bpf_cgroup_release", "bpf_cgroup_acquire", "bpf_cgroup_ancestor"},
	"bpf_cpumask_create": {"bpf_cpumask_release", "bpf_cpumask_first", "bpf_cpumask_set_cpu"}, "bpf_cpumask_acquire": {"bpf_cpumask_release"},
	"bpf_iter_num_new": {"bpf_iter_num_destroy", "bpf_iter_num_next"}, "bpf_iter_bits_new": {"bpf_iter_bits_destroy", "bpf_iter_bits_next"},
	"bpf_iter_task_new": {"bpf_iter_task_destroy", "bpf_iter_task_next"}, "bpf_iter_task_vma_new": {"bpf_iter_task_vma_destroy", "bpf_iter_task_vma_next"},
	"bpf_iter_css_task_new": {"bpf_iter_css_task_destroy"}, "bpf_iter_css_new": {"bpf_iter_css_destroy", "bpf_iter_css_next"},
	"bpf_skb_ct_lookup": {"bpf_ct_release"}, "bpf_xdp_ct_lookup": {"bpf_ct_release"}, "bpf_skb_ct_alloc": {"bpf_ct_insert_entry", "bpf_ct_set_timeout"},
	"bpf_dynptr_from_skb":   {"bpf_dynptr_slice", "bpf_dynptr_size", "bpf_dynptr_clone", "bpf_dynptr_slice_rdwr"},
	"bpf_dynptr_from_xdp":   {"bpf_dynptr_slice", "bpf_dynptr_adjust", "bpf_dynptr_slice_rdwr", "bpf_dynptr_clone"},
	"bpf_get_task_exe_file": {"bpf_put_file", "bpf_path_d_path"}, "bpf_lookup_system_key": {"bpf_key_put"}, "bpf_lookup_user_key": {"bpf_key_put"},
	"bpf_cast_to_kern_ctx": {"bpf_rdonly_cast"},
}

// TestKfuncsAgainstKernel compares verdicts about programs that call kernel functions.
func TestKfuncsAgainstKernel(t *testing.T) {
	if err := kernel.Available(); err != nil {
		t.Skip(err)
	}
	types, err := kernel.Types()
	if err != nil {
		t.Skip(err)
	}
	kmap, err := kernel.NewMap(kernel.MapSpec{Name: "m", Type: 2, KeySize: 4, ValueSize: 64, MaxEntries: 4})
	if err != nil {
		t.Fatal(err)
	}
	defer kmap.Close()
	trace := tracingSpec(t, types, "sched_switch", []isa.Insn{isa.New(isa.OpMov64Imm, 0, 0, 0, 0), isa.New(isa.OpExit, 0, 0, 0, 0)})
	for _, m := range trace.Types.Struct("task_struct").Members {
		if m.Name == "real_parent" {
			parentOff = m.Off
		}
	}
	attach, err := kernel.TypedefID("btf_trace_sched_switch")
	if err != nil {
		t.Fatal(err)
	}
	kinds := []struct {
		typ       *progtype.Type
		attach    uint32
		sleepable bool
	}{{progtype.Tracing, progtype.AttachTraceRawTP, false}, {progtype.Tracing, progtype.AttachTraceRawTP, false}, {progtype.XDP, 0, false}, {progtype.SchedCLS, 0, false}, {progtype.Syscall, 0, true}}
	var known []*proto.KfuncProto
	byName := map[string]*proto.KfuncProto{}
	for _, k := range proto.Kfuncs() {
		if _, err := kernel.FuncID(k.Name); err == nil {
			known = append(known, k)
			byName[k.Name] = k
		}
	}
	second := map[string]bool{}
	for _, list := range partners {
		for _, name := range list {
			second[name] = true
		}
	}
	programs := 5000
	if testing.Short() {
		programs = 800
	}
	r := rand.New(rand.NewPCG(3, 5))
	var v verdicts
	shown := 0
	for i := range programs {
		kind := kinds[r.IntN(len(kinds))]
		g := &caller{r: r, typ: kind.typ}
		g.begin()
		for n := 1 + r.IntN(2); n > 0; n-- {
			k := known[r.IntN(len(known))]
			for range 40 {
				later := k.Flags&(proto.KfuncRelease|proto.KfuncIterNext|proto.KfuncIterDestroy) != 0 || second[k.Name] || hopeless(k)
				if proto.KfuncAllowed(kind.typ.Kernel, kind.attach, k.Name) && (kind.sleepable || k.Flags&proto.KfuncSleepable == 0) && !later {
					break
				}
				k = known[r.IntN(len(known))]
			}
			g.call(k)
			next := partners[k.Name]
			for p := range next {
				if r.IntN(3) > 0 && byName[next[p]] != nil {
					g.call(byName[next[p]])
				}
			}
			if len(next) > 0 && r.IntN(2) == 0 && byName[next[0]] != nil {
				g.call(byName[next[0]])
			}
		}
		insns := g.end()
		raw, err := isa.Encode(insns)
		if err != nil {
			t.Fatal(err)
		}
		p := &kernel.Prog{Type: kind.typ.Kernel, AttachType: kind.attach, Insns: raw, Maps: map[int]*kernel.Map{}, Kfuncs: map[int]string{}}
		s := &verifier.Spec{
			Name: "p", Type: kind.typ, Attach: kind.attach, GPL: true, Sleepable: kind.sleepable, Insns: insns, Kfuncs: g.kfuncs, Types: trace.Types,
			Maps: []*verifier.Map{{Name: "m", Type: maps.Array, KeySize: 4, ValueSize: 64, MaxEntries: 4}},
		}
		if kind.sleepable {
			p.Flags |= flagSleepable
		}
		if kind.typ == progtype.Tracing {
			p.AttachBTFID, s.AttachBTF = attach, trace.AttachBTF
		}
		for pc, in := range insns {
			switch in.Op {
			case isa.OpLddwMapFD:
				p.Maps[pc] = kmap
			case isa.OpCallKfunc:
				p.Kfuncs[pc] = g.kfuncs[in.Imm]
			}
		}
		prog, live, err := kernel.Load(p)
		if err != nil {
			t.Fatal(err)
		}
		if prog != nil {
			prog.Close()
		}
		j := judge(t, s)
		if j.out != "" {
			j.out = "not supported"
		}
		if text := v.add(fmt.Sprint(i), live.Accepted, live.LastLine, live.Processed, j, nil); text != "" {
			if shown++; shown <= 15 {
				differs(t)("%s, %s: %s\n%s", kind.typ, g.kfuncs, text, listing(s))
			}
		}
	}
	t.Logf("%d kernel functions: %v", len(known), v.String())
}
