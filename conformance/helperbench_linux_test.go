package conformance

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"

	"github.com/gbpf/gbpf/internal/asm"
	"github.com/gbpf/gbpf/internal/kernel"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/vm"
)

// helperOps are what a loop of 100 turns does in each turn, of programs of type xdp with the context in r9. What the
// same loop takes without is subtracted.
var helperOps = []struct {
	name, before, op string
	maps             []maps.Spec
	typ              *progtype.Type
	rest             string // functions behind the program
	each             int    // operations in one turn, 0 for 1; with more there is one turn
	drain            bool   // empty the ring buffer between runs
}{
	{name: "get_prandom_u32", op: "call get_prandom_u32"},
	{name: "ktime_get_ns", op: "call ktime_get_ns"},
	{name: "ktime_get_coarse_ns", op: "call ktime_get_coarse_ns"},
	{name: "get_smp_processor_id", op: "call get_smp_processor_id"},
	{name: "get_numa_node_id", op: "call get_numa_node_id"},
	{name: "bpf_loop, a turn", op: "r1 = 6400; r2 = func cb; r3 = r10; r3 += -8; r4 = 0; call loop", before: "*(u64 *)(r10 -8) = 0", each: 6400,
		rest: "cb: r0 = *(u64 *)(r2 +0); r0 += r1; *(u64 *)(r2 +0) = r0; r0 = 0; exit"},
	{name: "for_each array, an element", op: "r1 = map[0]; r2 = func cb; r3 = r10; r3 += -8; r4 = 0; call for_each_map_elem", before: "*(u64 *)(r10 -8) = 0", each: 6400,
		maps: []maps.Spec{{Name: "a", Type: maps.Array, KeySize: 4, ValueSize: 8, MaxEntries: 6400}},
		rest: "cb: r0 = *(u64 *)(r3 +0); r0 += 1; *(u64 *)(r3 +0) = r0; r0 = 0; exit"},
	{name: "ringbuf reserve+submit 16", op: "r1 = map[0]; r2 = 16; r3 = 0; call ringbuf_reserve; if r0 == 0 goto +5; r1 = r0; *(u64 *)(r1 +0) = 5; r2 = 1; call ringbuf_submit",
		maps: []maps.Spec{{Name: "r", Type: maps.RingBuf, MaxEntries: 1 << 16}}, drain: true},
	{name: "ringbuf output 16", op: "r1 = map[0]; r2 = r10; r2 += -16; r3 = 16; r4 = 1; call ringbuf_output", before: "*(u64 *)(r10 -8) = 0; *(u64 *)(r10 -16) = 0",
		maps: []maps.Spec{{Name: "r", Type: maps.RingBuf, MaxEntries: 1 << 16}}, drain: true},
	{name: "xdp_load_bytes 20", op: "r1 = r9; r2 = 14; r3 = r10; r3 += -24; r4 = 20; call xdp_load_bytes"},
	{name: "xdp_store_bytes 8", op: "r1 = r9; r2 = 14; r3 = r10; r3 += -8; r4 = 8; call xdp_store_bytes", before: "*(u64 *)(r10 -8) = 0"},
	{name: "skb_load_bytes 20", op: "r1 = r9; r2 = 14; r3 = r10; r3 += -24; r4 = 20; call skb_load_bytes", typ: progtype.SchedCLS},
	{name: "probe_read_kernel 8", op: "r1 = r10; r1 += -8; r2 = 8; r3 = r9; call probe_read_kernel"},
	{name: "csum_diff 0, 16", op: "r1 = 0; r2 = 0; r3 = r10; r3 += -16; r4 = 16; r5 = 0; call csum_diff", before: "*(u64 *)(r10 -8) = 77; *(u64 *)(r10 -16) = 99"},
}

const helperTurns = 100

// helperText is the loop with and without its operation.
func helperText(before, op, rest string, turns int) string {
	op = strings.ReplaceAll(op, "goto +5", "goto next")
	return fmt.Sprintf("r9 = r1; %s; r6 = 0\ntop: %s\nnext: r6 += 1; if r6 < %d goto top\nr0 = 2; exit\n%s", before, op, turns, rest)
}

// helperRun gives the CPU time of one run of a text, in ns, in the kernel and in gbpf.
type helperPair struct {
	kernel, gbpf float64
}

func helperTime(t *testing.T, m *vm.Machine, typ *progtype.Type, text string, specs []maps.Spec, drain, self bool) (out helperPair) {
	insns := asm.Must(text)
	raw, err := isa.Encode(insns)
	if err != nil {
		t.Fatal(err)
	}
	var own []*maps.Map
	var theirs []*kernel.Map
	for i := range specs {
		s := &specs[i]
		mp, err := m.NewMap(s)
		if err != nil {
			t.Fatal(err)
		}
		k, err := kernel.NewMap(kernel.MapSpec{Name: s.Name, Type: uint32(s.Type), KeySize: s.KeySize, ValueSize: s.ValueSize, MaxEntries: s.MaxEntries})
		if err != nil {
			t.Fatal(err)
		}
		defer k.Close()
		own, theirs = append(own, mp), append(theirs, k)
	}
	use := map[int]*kernel.Map{}
	for pc := range insns {
		if insns[pc].Op == isa.OpLddwMapFD || insns[pc].Op == isa.OpLddwMapIdx {
			use[pc] = theirs[insns[pc].ImmLow()]
		}
		if insns[pc].Op == isa.OpLddwMapIdx {
			t.Fatal("map by index")
		}
	}
	kp := &kernel.Prog{Type: typ.Kernel, Insns: raw, Maps: use}
	funcTypes(t, kp, insns)
	kprog, v, err := kernel.Load(kp)
	if err != nil || kprog == nil {
		t.Fatalf("%v %+v", err, v)
	}
	defer kprog.Close()
	p, err := m.NewProgram(&vm.ProgramSpec{Name: "bench", Type: typ, License: "GPL", Insns: insns, Maps: own})
	if err != nil {
		t.Fatal(err)
	}
	if s := p.Stats(); s.Engine != "jit" {
		t.Fatalf("engine %s: %s", s.Engine, s.Reason)
	}
	if self {
		if err := own[0].Put(uint32(0), p); err != nil {
			t.Fatal(err)
		}
		if err := theirs[0].FillProgs(map[uint32]*kernel.Program{0: kprog}); err != nil {
			t.Fatal(err)
		}
	}
	packet := make([]byte, 64)
	out = helperPair{math.Inf(1), math.Inf(1)}
	reps := 2000
	if drain {
		reps = 100 // it is full after: what does not fit fails quickly, in both
	}
	o := &vm.RunOptions{Data: packet, NoOutput: true}
	var reader *maps.RingbufReader
	if drain {
		if reader, err = maps.NewRingbufReader(own[0]); err != nil {
			t.Fatal(err)
		}
		defer reader.Close()
	}
	for range 7 {
		if !drain {
			c := threadCPU()
			if _, err := kprog.Run(kernel.Input{Data: packet, Repeat: uint32(reps)}); err != nil {
				t.Fatal(err)
			}
			out.kernel = min(out.kernel, float64(threadCPU()-c)/float64(reps))
		}
		c := threadCPU()
		for range reps {
			if _, err := p.Run(context.Background(), o); err != nil {
				t.Fatal(err)
			}
			if drain {
				break
			}
		}
		out.gbpf = min(out.gbpf, float64(threadCPU()-c)/float64(reps))
	}
	if drain {
		out = helperDrained(t, kprog, p, reader, specs[0].Name != "", packet)
	}
	return out
}

// funcTypes gives a program with callbacks the types that the kernel asks for.
func funcTypes(t *testing.T, p *kernel.Prog, insns []isa.Insn) {
	var types []btf.Type
	var starts []int
	for pc, in := range insns {
		if in.Op == isa.OpLddwFunc {
			starts = append(starts, in.Target(pc))
		}
	}
	if starts == nil {
		return
	}
	for i, s := range append([]int{0}, starts...) {
		types = append(types, &btf.Func{Name: fmt.Sprintf("f%d", i), Type: &btf.FuncProto{Return: btfInt}, Linkage: btf.StaticFunc})
		p.FuncInfo = binary.LittleEndian.AppendUint32(p.FuncInfo, uint32(s))
		p.FuncInfo = binary.LittleEndian.AppendUint32(p.FuncInfo, uint32(len(types)))
	}
	info, err := loadTypes(types...)
	if err != nil {
		t.Fatal(err)
	}
	for i := range types {
		binary.LittleEndian.PutUint32(p.FuncInfo[8*i+4:], info.ids[i])
	}
	p.BTF = info.btf
}

// helperDrained measures single runs, of which each finds the ring buffer empty. The kernel's is read
// by nobody, so that only its first runs count: PEERS.md has its figure.
func helperDrained(t *testing.T, kprog *kernel.Program, p *vm.Program, r *maps.RingbufReader, _ bool, packet []byte) helperPair {
	o := &vm.RunOptions{Data: packet, NoOutput: true}
	best := math.Inf(1)
	var rec maps.RingbufRecord
	for range 3000 {
		for r.AvailableBytes() > 0 {
			if err := r.ReadInto(&rec); err != nil {
				t.Fatal(err)
			}
		}
		c := threadCPU()
		if _, err := p.Run(context.Background(), o); err != nil {
			t.Fatal(err)
		}
		best = min(best, float64(threadCPU()-c))
	}
	return helperPair{math.NaN(), best}
}

// speedMachine is the machine of a measurement beside the live kernel, on this thread, where one was asked for.
func speedMachine(t *testing.T) *vm.Machine {
	t.Helper()
	if !*nativeBench {
		t.Skip("measurement: run with -native.bench")
	}
	if err := kernel.Available(); err != nil {
		t.Skip(err)
	}
	m, err := vm.NewMachine(vm.Options{CPUs: 1})
	if err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread()
	t.Cleanup(func() {
		runtime.UnlockOSThread()
		m.Close()
	})
	return m
}

// TestHelperSpeed compares helpers with the live kernel's on the same bytecode.
func TestHelperSpeed(t *testing.T) {
	m := speedMachine(t)
	progs := []maps.Spec{{Name: "p", Type: maps.ProgArray, KeySize: 4, ValueSize: 4, MaxEntries: 2}}
	const jump = "r2 = map[0]; r3 = %d; call tail_call; r0 = 2; exit"
	long := helperTime(t, m, progtype.XDP, fmt.Sprintf(jump, 0), progs, false, true)
	none := helperTime(t, m, progtype.XDP, "r0 = 2; exit", nil, false, false)
	t.Logf("%-28s kernel %7.2f ns, gbpf %7.2f", "tail call", (long.kernel-none.kernel)/33, (long.gbpf-none.gbpf)/33)
	bases := map[string]helperPair{}
	for i := range helperOps {
		h := &helperOps[i]
		if h.op == "" {
			continue
		}
		typ := h.typ
		if typ == nil {
			typ = progtype.XDP
		}
		turns := helperTurns
		if h.each > 0 {
			turns = 1
		}
		key := fmt.Sprint(typ.Name, h.drain, turns)
		if _, ok := bases[key]; !ok {
			bases[key] = helperTime(t, m, typ, helperText("r0 = 0", "r0 = 1", "", turns), h.maps, h.drain, false)
		}
		b := bases[key]
		with := helperTime(t, m, typ, helperText(h.before, h.op, h.rest, turns), h.maps, h.drain, false)
		each := float64(max(h.each, 1) * turns)
		t.Logf("%-28s kernel %7.2f ns, gbpf %7.2f", h.name, (with.kernel-b.kernel)/each, (with.gbpf-b.gbpf)/each)
	}
}
