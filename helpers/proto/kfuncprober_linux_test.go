package proto_test

import (
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"

	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/internal/kernel"
)

// kfuncProber builds right calls of kfuncs for the live kernel.
type kfuncProber struct {
	t                      *testing.T
	id                     map[string]btf.TypeID // kfuncs of the kernel
	types                  map[string]btf.TypeID // structures of the kernel
	value, ro, hash, arena *ebpf.Map
	asked                  int
}

func newKfuncProber(t *testing.T) *kfuncProber {
	t.Helper()
	if err := kernel.Available(); err != nil {
		t.Skip(err)
	}
	list, spec := kernelKfuncs(t)
	p := &kfuncProber{t: t, id: map[string]btf.TypeID{}, types: map[string]btf.TypeID{}}
	for _, f := range list {
		id, err := spec.TypeID(f)
		if err != nil {
			t.Fatal(err)
		}
		p.id[f.Name] = id
		for _, param := range f.Type.(*btf.FuncProto).Params {
			if to, _, ok := pointed(param.Type); ok {
				if name, _, ok := composite(to); ok {
					if p.types[name], err = spec.TypeID(to); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
	p.value = p.newMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 64, MaxEntries: 1})
	p.hash = p.newMap(&ebpf.MapSpec{Type: ebpf.Hash, KeySize: 4, ValueSize: 8, MaxEntries: 1})
	p.arena = p.newMap(&ebpf.MapSpec{Type: ebpf.Arena, MaxEntries: 1, Flags: 1 << 10, MapExtra: arenaAddr})
	p.ro = p.newMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 64, MaxEntries: 1, Flags: 1 << 7})
	if err := p.ro.Put(uint32(0), make([]byte, 64)); err != nil {
		t.Fatal(err)
	}
	if err := p.ro.Freeze(); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *kfuncProber) newMap(s *ebpf.MapSpec) *ebpf.Map {
	p.t.Helper()
	m, err := ebpf.NewMap(s)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { m.Close() })
	return m
}

func (p *kfuncProber) call(name string) asm.Instruction { return kfuncCall(p.id[name]) }

// Where things lie on the stack of a probe.
const (
	atBuf    = -64  // 64 bytes, zeroed
	atDynptr = -80  // a dynptr to the value of a map
	atNew    = -96  // room for another
	atIter   = -160 // an iterator
	atFlags  = -168 // an interrupt state
)

func stackAt(r asm.Register, off int32) asm.Instructions {
	return asm.Instructions{asm.Mov.Reg(r, asm.RFP), asm.Add.Imm(r, off)}
}

// begin saves the context in R6, zeroes the buffer and makes the dynptr.
func (p *kfuncProber) begin() asm.Instructions {
	is := asm.Instructions{btf.WithFuncMetadata(asm.Mov.Reg(asm.R6, asm.R1).WithSymbol("main"), staticFunc("main", "ctx")), asm.Mov.Imm(asm.R0, 0)}
	for off := atBuf; off < 0; off += 8 {
		is = append(is, asm.StoreMem(asm.RFP, int16(off), asm.R0, asm.DWord))
	}
	is = append(is, asm.LoadMapValue(asm.R1, p.value.FD(), 0), asm.Mov.Imm(asm.R2, 64), asm.Mov.Imm(asm.R3, 0))
	is = append(is, stackAt(asm.R4, atDynptr)...)
	return append(is, asm.FnDynptrFromMem.Call())
}

// source is how a program comes by a pointer to a kernel structure, in R7, and gives it back.
type source struct {
	get, put asm.Instructions
	flavour  string // that may do it, "" for tp_btf and syscall
}

func (p *kfuncProber) acquire(release string, call ...asm.Instruction) source {
	get := append(asm.Instructions(nil), call...)
	get = append(get, asm.JEq.Imm(asm.R0, 0, "out"), asm.Mov.Reg(asm.R7, asm.R0))
	return source{get: get, put: asm.Instructions{asm.Mov.Reg(asm.R1, asm.R7), p.call(release)}}
}

func (p *kfuncProber) source(name string) (source, bool) {
	switch name {
	case "task_struct":
		return source{get: currentTask()}, true
	case "cgroup", "cgroup_subsys_state":
		return p.acquire("bpf_cgroup_release", asm.Mov.Imm(asm.R1, 1), p.call("bpf_cgroup_from_id")), true
	case "bpf_cpumask", "cpumask":
		return p.acquire("bpf_cpumask_release", p.call("bpf_cpumask_create")), true
	case "bpf_key":
		return p.acquire("bpf_key_put", asm.Mov.Imm(asm.R1, 0), p.call("bpf_lookup_system_key")), true
	case "bpf_map":
		return source{get: asm.Instructions{asm.LoadMapPtr(asm.R7, p.hash.FD())}}, true
	case "sk_buff":
		return source{get: asm.Instructions{asm.LoadMem(asm.R7, asm.R6, 0, asm.DWord)}, flavour: "tp_btf skb"}, true
	case "sock_common":
		return source{get: asm.Instructions{asm.LoadMem(asm.R7, asm.R6, 8, asm.DWord), asm.JEq.Imm(asm.R7, 0, "out")}, flavour: "iter/tcp"}, true
	case "nf_conn", "xfrm_state", "nf_conn___init":
		make := map[string]string{"nf_conn": "bpf_xdp_ct_lookup", "nf_conn___init": "bpf_xdp_ct_alloc", "xfrm_state": "bpf_xdp_get_xfrm_state"}[name]
		put := map[string]string{"nf_conn": "bpf_ct_release", "nf_conn___init": "bpf_ct_insert_entry", "xfrm_state": "bpf_xdp_xfrm_state_release"}[name]
		k := proto.Kfunc(make)
		var is asm.Instructions
		for i, a := range k.Args {
			is = append(is, p.arg(asm.R1+asm.Register(i), k, a)...)
		}
		s := p.acquire(put, append(is, p.call(make))...)
		if name == "nf_conn___init" {
			s.put = append(s.put, asm.JEq.Imm(asm.R0, 0, "out"), asm.Mov.Reg(asm.R1, asm.R0), p.call("bpf_ct_release"))
		}
		s.flavour = "xdp"
		return s, true
	case "bpf_crypto_ctx":
		k := proto.Kfunc("bpf_crypto_ctx_create")
		var is asm.Instructions
		for i, a := range k.Args {
			is = append(is, p.arg(asm.R1+asm.Register(i), k, a)...)
		}
		s := p.acquire("bpf_crypto_ctx_release", append(is, p.call(k.Name))...)
		s.flavour = "syscall"
		return s, true
	}
	return source{}, false
}

// arg makes a right argument; pointers to kernel structures are in R7.
func (p *kfuncProber) arg(r asm.Register, k *proto.KfuncProto, a proto.KfuncArg) asm.Instructions {
	switch a.Kind {
	case proto.KfuncSize, proto.KfuncConstSize:
		return asm.Instructions{asm.Mov.Imm(r, map[bool]int32{false: 8, true: 12}[strings.Contains(a.Name, "tuple") || strings.Contains(a.Name, "opts")])}
	case proto.KfuncMem:
		return stackAt(r, atBuf)
	case proto.KfuncCtx:
		return reg(r, asm.R6)
	case proto.KfuncBTF:
		return reg(r, asm.R7)
	case proto.KfuncDynptr:
		if a.Flags&proto.KfuncUninit != 0 {
			return stackAt(r, atNew)
		}
		return stackAt(r, atDynptr)
	case proto.KfuncIter:
		return stackAt(r, atIter)
	case proto.KfuncIRQFlag:
		return stackAt(r, atFlags)
	case proto.KfuncConstStr:
		return asm.Instructions{asm.LoadMapValue(r, p.ro.FD(), 0)}
	case proto.KfuncMap:
		if strings.HasPrefix(k.Name, "bpf_arena_") {
			return asm.Instructions{asm.LoadMapPtr(r, p.arena.FD())}
		}
		return asm.Instructions{asm.LoadMapPtr(r, p.hash.FD())}
	}
	return asm.Instructions{asm.Mov.Imm(r, 0)}
}

// notBuilt are kfuncs of which the prober makes no right calls: they need types of the program's own.
func notBuilt(k *proto.KfuncProto) bool {
	for _, a := range k.Args {
		switch a.Kind {
		case proto.KfuncListHead, proto.KfuncListNode, proto.KfuncRBRoot, proto.KfuncRBNode, proto.KfuncAlloc, proto.KfuncRefcounted,
			proto.KfuncWorkqueue, proto.KfuncTaskWork, proto.KfuncResSpinLock, proto.KfuncCallback:
			return true
		}
	}
	return strings.Contains(k.Name, "obj_new") || k.Name == "bpf_throw"
}

// probe is a call and what goes around it.
type probe struct {
	flavour             *flavour
	before, call, after asm.Instructions
}

func (p *kfuncProber) programs(b probe) asm.Instructions {
	is := p.begin()
	is = append(is, b.before...)
	is = append(is, b.call...)
	is = append(is, b.after...)
	return append(is, asm.Mov.Imm(asm.R0, 0).WithSymbol("out"), asm.Return())
}

// calledIn are the kinds of program that kfuncs which not all can call rightly are called in.
var calledIn = map[string]string{
	"bpf_cast_to_kern_ctx": "xdp", "bpf_dynptr_from_skb": "sched_cls", "bpf_dynptr_slice_rdwr": "sched_cls", "bpf_dynptr_from_xdp": "xdp",
	"bpf_xdp_ct_alloc": "xdp", "bpf_xdp_ct_lookup": "xdp", "bpf_iter_css_task_new": "iter/task", "bpf_iter_css_task_next": "iter/task",
	"bpf_iter_css_task_destroy": "iter/task",
}

// undoes are the kfuncs that end what others begin.
var undoes = map[string]string{
	"bpf_rcu_read_lock": "bpf_rcu_read_unlock", "bpf_preempt_disable": "bpf_preempt_enable", "bpf_local_irq_save": "bpf_local_irq_restore",
}

// build makes a right call of a kfunc, nil where none can be made here.
func (p *kfuncProber) build(k *proto.KfuncProto) *probe {
	if notBuilt(k) {
		return nil
	}
	b := &probe{}
	family, _ := strings.CutPrefix(k.Name, "bpf_iter_")
	newer := k
	if k.Flags&(proto.KfuncIterNext|proto.KfuncIterDestroy) != 0 {
		family = family[:strings.LastIndex(family, "_")]
		newer = proto.Kfunc("bpf_iter_" + family + "_new")
	}
	flavour, ok := p.sources(b, newer)
	if !ok {
		return nil
	}
	if newer.Flags&proto.KfuncRCUProtected != 0 {
		b.before = append(b.before, p.call("bpf_rcu_read_lock"))
		b.after = append(asm.Instructions{p.call("bpf_rcu_read_unlock")}, b.after...)
	}
	if newer != k {
		b.before = append(b.before, p.args(newer)...)
		b.before = append(b.before, p.call(newer.Name))
	}
	if k.Flags&(proto.KfuncIterNew|proto.KfuncIterNext) != 0 {
		end := append(stackAt(asm.R1, atIter), p.call(k.Name[:strings.LastIndex(k.Name, "_")]+"_destroy"))
		b.after = append(end, b.after...)
	}
	for do, undo := range undoes {
		switch k.Name {
		case do:
			b.after = append(p.args(proto.Kfunc(undo)), p.call(undo))
		case undo:
			b.before = append(p.args(proto.Kfunc(do)), p.call(do))
		}
	}
	if k.Flags&proto.KfuncRelease != 0 {
		b.after = nil
		if k.Name == "bpf_ct_insert_entry" {
			b.after = asm.Instructions{asm.JEq.Imm(asm.R0, 0, "out"), asm.Mov.Reg(asm.R1, asm.R0), p.call("bpf_ct_release")}
		}
	}
	b.call = append(p.args(k), p.call(k.Name))
	list := []string{"tp_btf", "syscall", "sched_cls", "xdp", "struct_ops", "kprobe.session", "iter/tcp", "sock_ops", "cgroup/connect_unix"}
	if in := calledIn[k.Name]; in != "" {
		list = []string{in}
	} else if flavour != "" {
		list = []string{flavour}
	}
	for _, name := range list {
		f := kfuncFlavour(name)
		if proto.KfuncAllowed(uint32(f.typ), uint32(f.attach), k.Name) && (f.sleepable || k.Flags&proto.KfuncSleepable == 0) {
			b.flavour = f
			return b
		}
	}
	return nil
}

// sources gets what a call's pointers to kernel structures point to: into R7, and into R8 if another type is asked for
// too.
func (p *kfuncProber) sources(b *probe, k *proto.KfuncProto) (flavour string, ok bool) {
	var got []source
	for _, a := range k.Args {
		if a.Kind != proto.KfuncBTF || a.Flags&proto.KfuncNullable != 0 {
			continue
		}
		if len(got) > 0 && (p.second(k, a) == 0 || a.Flags&proto.KfuncOrMem != 0) {
			continue // the same pointer, or memory, will do
		}
		s, ok := p.source(a.BTF)
		if !ok {
			return "", false
		}
		if k.Name == "bpf_task_release" {
			s = p.acquire(k.Name, asm.Mov.Imm(asm.R1, 1), p.call("bpf_task_from_pid"))
		}
		got = append(got, s)
	}
	if len(got) == 0 {
		return "", true
	}
	if len(got) > 1 {
		// What is tested for NULL comes first: nothing is held yet when it is not there.
		b.before = append(got[1].get, asm.Mov.Reg(asm.R8, asm.R7))
		for _, in := range got[1].put {
			if in.Src == asm.R7 {
				in.Src = asm.R8
			}
			b.after = append(b.after, in)
		}
	}
	b.before, b.after = append(b.before, got[0].get...), append(b.after, got[0].put...)
	return got[0].flavour, true
}

// second is 1 for an argument that points to another structure than the first such argument.
func (p *kfuncProber) second(k *proto.KfuncProto, a proto.KfuncArg) int {
	for _, f := range k.Args {
		if f.Kind == proto.KfuncBTF {
			if f.BTF != a.BTF && "bpf_"+a.BTF != f.BTF {
				return 1
			}
			return 0
		}
	}
	return 0
}

func (p *kfuncProber) args(k *proto.KfuncProto) (is asm.Instructions) {
	for i, a := range k.Args {
		r := asm.R1 + asm.Register(i)
		switch {
		case a.Kind == proto.KfuncBTF && a.Flags&proto.KfuncNullable != 0:
			is = append(is, asm.Mov.Imm(r, 0))
		case a.Kind == proto.KfuncBTF && p.second(k, a) == 1 && a.Flags&proto.KfuncOrMem != 0:
			is = append(is, stackAt(r, atBuf)...)
		case a.Kind == proto.KfuncBTF && p.second(k, a) == 1:
			is = append(is, reg(r, asm.R8)...)
		default:
			is = append(is, p.arg(r, k, a)...)
		}
	}
	return is
}

func kfuncFlavour(name string) *flavour {
	if f := flavourNamed(name); f != nil {
		return f
	}
	for i := range kfuncFlavours {
		if kfuncFlavours[i].name == name {
			return &kfuncFlavours[i]
		}
	}
	return nil
}

func (p *kfuncProber) ask(b probe) string {
	p.t.Helper()
	p.asked++
	log, err := loadSpec(b.flavour, p.programs(b))
	if err != nil {
		p.t.Error(err)
	}
	return log
}
