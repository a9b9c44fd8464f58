package vm_test

import (
	"context"
	"encoding/binary"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gbpf/gbpf/helpers"
	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/vm"
)

func machine(t testing.TB, o vm.Options) *vm.Machine {
	t.Helper()
	m, err := vm.NewMachine(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func one(op isa.Op, dst, src isa.Reg, off int16, imm int64) isa.Insn {
	return isa.New(op, dst, src, off, imm)
}

var exit = one(isa.OpExit, 0, 0, 0, 0)

func mapRef(dst isa.Reg, i int64) []isa.Insn {
	two := isa.LoadImm64(isa.OpLddwMapFD, dst, i)
	return two[:]
}

func load(t testing.TB, m *vm.Machine, typ string, ms []*maps.Map, insns ...isa.Insn) *vm.Program {
	t.Helper()
	p, err := m.NewProgram(&vm.ProgramSpec{Name: "test", Type: progtype.ByName(typ), License: "GPL", Insns: insns, Maps: ms})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestLoadErrors(t *testing.T) {
	m := machine(t, vm.Options{CPUs: 1})
	array, err := m.NewMap(&maps.Spec{Name: "two", Type: maps.Array, KeySize: 4, ValueSize: 4, MaxEntries: 2})
	if err != nil {
		t.Fatal(err)
	}
	value := isa.LoadImm64(isa.OpLddwMapValue, 1, 0)
	half := isa.LoadImm64(isa.OpLddw, 1, 0)
	for _, c := range []struct {
		want  string
		insns []isa.Insn
	}{
		{"load program: test: the program has no instructions", nil},
		{"load program: test: insn 0: not an instruction: opcode 0x00", []isa.Insn{{}, exit}},
		{"load program: test: insn 0: jump goes to insn 11: the program ends at 1", []isa.Insn{one(isa.OpJa, 0, 0, 10, 0), exit}},
		{"load program: test: insn 0: jump goes to insn -4: the program ends at 1", []isa.Insn{one(isa.OpJeqImm, 0, 0, -5, 0), exit}},
		{"load program: test: insn 0: jump goes to insn 2, the middle of a 16-byte load", []isa.Insn{one(isa.OpJa, 0, 0, 1, 0), half[0], half[1], exit}},
		{"load program: test: insn 0: call goes to insn 8: the program ends at 1", []isa.Insn{one(isa.OpCallLocal, 0, 1, 0, 7), exit}},
		{"load program: test: insn 0: 16-byte load without its second half", []isa.Insn{half[0], exit}},
		{"load program: test: insn 0: second half of a 16-byte load without the first", []isa.Insn{half[1], exit}},
		{"load program: test: insn 0: the last instruction of test is neither exit nor a jump: control would run off its end", []isa.Insn{one(isa.OpMov64Imm, 0, 0, 0, 0)}},
		{"load program: test: insn 0: map reference 3: the program has 1 maps", append(mapRef(1, 3), exit)},
		{`load program: test: insn 0: map "two": no direct address of value offset 0: want an array map of one element and an offset inside it`, []isa.Insn{value[0], value[1], exit}},
		{"load program: test: insn 0: helper unknown#4711 is unknown to this machine: register it with RegisterHelper", []isa.Insn{one(isa.OpCallHelper, 0, 0, 0, 4711), exit}},
	} {
		_, err := m.NewProgram(&vm.ProgramSpec{Name: "test", Type: progtype.ByName("xdp"), Insns: c.insns, Maps: []*maps.Map{array}})
		var le *vm.LoadError
		if err == nil || err.Error() != c.want || !errors.As(err, &le) {
			t.Errorf("got  %v\nwant %s", err, c.want)
		}
	}
	if _, err := m.NewProgram(&vm.ProgramSpec{Name: "test"}); err == nil || err.Error() != "load program: test: the program has no type" {
		t.Error(err)
	}
}

func TestOptions(t *testing.T) {
	for _, c := range []struct {
		o    vm.Options
		want string
	}{
		{vm.Options{CPUs: -1}, "new machine: -1 CPUs: want 1 to 64"},
		{vm.Options{CPUs: 65}, "new machine: 65 CPUs: want 1 to 64"},
		{vm.Options{Policy: 9}, "new machine: policy 9: there are 3"},
		{vm.Options{MemoryLimit: 1 << 40}, "new machine: guest memory: limit of 1099511627776 bytes: more than the 4294967296 that 32-bit addresses reach"},
	} {
		if _, err := vm.NewMachine(c.o); err == nil || err.Error() != c.want {
			t.Errorf("got  %v\nwant %s", err, c.want)
		}
	}
	if _, err := vm.ParsePolicy("lax"); err == nil || err.Error() != `policy: "lax": want linux, strict or sandboxed` {
		t.Error(err)
	}
}

// counter adds one to the value of key 0 of map 0 and returns the sum.
func counter() []isa.Insn {
	return append(append([]isa.Insn{
		one(isa.OpStW, 10, 0, -4, 0), one(isa.OpMov64Reg, 2, 10, 0, 0), one(isa.OpAdd64Imm, 2, 0, 0, -4)}, mapRef(1, 0)...),
		one(isa.OpCallHelper, 0, 0, 0, 1), one(isa.OpJneImm, 0, 0, 1, 0), exit,
		one(isa.OpMov64Imm, 1, 0, 0, 1), one(isa.OpAtomicFetchAdd64, 0, 1, 0, 0), one(isa.OpMov64Reg, 0, 1, 0, 0), exit)
}

// TestConcurrentRuns runs one program on more goroutines than there are CPUs. The per-CPU sums must add
// up although nothing but the CPU's ownership protects them, and the shared one by atomics.
func TestConcurrentRuns(t *testing.T) {
	m := machine(t, vm.Options{CPUs: 3})
	for _, typ := range []maps.Type{maps.Array, maps.PerCPUArray} {
		mp, err := m.NewMap(&maps.Spec{Name: "n", Type: typ, KeySize: 4, ValueSize: 8, MaxEntries: 1})
		if err != nil {
			t.Fatal(err)
		}
		p := load(t, m, "xdp", []*maps.Map{mp}, counter()...)
		const workers, rounds = 8, 500
		var wg sync.WaitGroup
		for range workers {
			wg.Go(func() {
				for range rounds {
					if _, err := p.Run(context.Background(), &vm.RunOptions{Data: make([]byte, 64), NoOutput: true}); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		var sum uint64
		if typ == maps.Array {
			if err := mp.Lookup(uint32(0), &sum); err != nil {
				t.Fatal(err)
			}
		} else {
			var all []uint64
			if err := mp.Lookup(uint32(0), &all); err != nil {
				t.Fatal(err)
			}
			for _, n := range all {
				sum += n
			}
		}
		if sum != workers*rounds {
			t.Errorf("%s: %d, want %d", typ, sum, workers*rounds)
		}
		if s := p.Stats(); s.Runs != workers*rounds || s.Traps != 0 || s.Fuel != 0 || s.Engine == "" {
			t.Errorf("stats %+v", s)
		}
	}
}

func TestTraps(t *testing.T) {
	m := machine(t, vm.Options{CPUs: 1, Policy: vm.PolicySandboxed})
	p, err := m.NewProgram(&vm.ProgramSpec{
		Name: "bad", Type: progtype.ByName("xdp"),
		Insns: []isa.Insn{one(isa.OpLdxW, 1, 1, 0, 0), one(isa.OpLdxB, 0, 1, 14, 0), exit},
		Funcs: []vm.Func{{Insn: 0, Name: "prog"}},
		Lines: []vm.Line{{Insn: 0, File: "bad.c", Num: 3, Text: "  void *p = ctx->data;"}, {Insn: 1, File: "bad.c", Num: 4, Text: "  return p[14];"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Run(context.Background(), &vm.RunOptions{Data: make([]byte, 14)})
	var trap *vm.Trap
	if !errors.As(err, &trap) || trap.Code != vm.TrapBadAccess || trap.Insn != 1 || trap.Func != "prog" || trap.Line != "bad.c:4: return p[14];" {
		t.Fatalf("%+v", err)
	}
	if !errors.Is(err, &vm.Trap{Code: vm.TrapBadAccess}) || errors.Is(err, &vm.Trap{Code: vm.TrapFuel}) {
		t.Error("errors.Is by code")
	}
	if s := err.Error(); !strings.HasPrefix(s, "trap: prog: insn 1: bad memory access: read of 1 byte at 0x") || !strings.HasSuffix(s, "outside packet data (bad.c:4: return p[14];)") {
		t.Error(s)
	}
	_, err = p.Run(context.Background(), &vm.RunOptions{Data: make([]byte, 13)})
	var in *progtype.InputError
	if !errors.As(err, &in) || err.Error() != "run input: xdp: data: 13 bytes, shorter than an Ethernet header of 14" {
		t.Error(err)
	}
	if s := p.Stats(); s.Traps != 1 {
		t.Errorf("%+v", s)
	}
}

func TestStop(t *testing.T) {
	m := machine(t, vm.Options{CPUs: 2, Fuel: 1 << 40, Policy: vm.PolicySandboxed})
	p := load(t, m, "raw", nil, one(isa.OpJa, 0, 0, -1, 0), exit)
	ctx, cancel := context.WithCancelCause(context.Background())
	why := errors.New("operator pressed stop")
	time.AfterFunc(20*time.Millisecond, func() { cancel(why) })
	if _, err := p.Run(ctx, nil); !errors.Is(err, why) {
		t.Error(err)
	}
	if _, err := p.Run(ctx, nil); !errors.Is(err, &vm.Trap{Code: vm.TrapCancelled, Insn: 0}) && !errors.Is(err, why) {
		t.Error("a cancelled context ran:", err)
	}
	o := vm.RunOptions{Fuel: 12345}
	if _, err := p.Run(context.Background(), &o); !errors.Is(err, &vm.Trap{Code: vm.TrapFuel}) || o.FuelUsed != 12345 {
		t.Error(err, o.FuelUsed)
	}
}

func TestHelpers(t *testing.T) {
	double := helpers.Helper{
		Proto: &proto.Proto{ID: 5000, Name: "double", Args: [5]proto.Arg{{Kind: proto.Anything}}},
		Func:  func(c *helpers.Call) uint64 { return 2 * c.Args[0] },
	}
	fixed := helpers.Helper{Proto: proto.ByName("ktime_get_ns"), Func: func(*helpers.Call) uint64 { return 42 }}
	m := machine(t, vm.Options{CPUs: 1, Helpers: []helpers.Helper{fixed}})
	if err := m.RegisterHelper(double); err != nil {
		t.Fatal(err)
	}
	p := load(t, m, "raw", nil, one(isa.OpCallHelper, 0, 0, 0, 5), one(isa.OpMov64Reg, 1, 0, 0, 0), one(isa.OpCallHelper, 0, 0, 0, 5000), exit)
	if r, err := p.Run(context.Background(), nil); r != 84 || err != nil {
		t.Error(r, err)
	}
	// A helper that panics does not take the host down.
	if err := m.RegisterHelper(helpers.Helper{
		Proto: &proto.Proto{ID: 5001, Name: "broken"},
		Func:  func(*helpers.Call) uint64 { panic("broken helper") },
	}); err != nil {
		t.Fatal(err)
	}
	broken := load(t, m, "raw", nil, one(isa.OpCallHelper, 0, 0, 0, 5001), exit)
	if _, err := broken.Run(context.Background(), nil); !errors.Is(err, &vm.Trap{Code: vm.TrapInternal}) || !strings.Contains(err.Error(), "broken helper") {
		t.Error(err)
	}
	if r, err := p.Run(context.Background(), nil); r != 84 || err != nil {
		t.Error("after a panic:", r, err)
	}
}

// TestTailCalls goes along a chain of 33 tail calls and no further.
func TestTailCalls(t *testing.T) {
	m := machine(t, vm.Options{CPUs: 1})
	progs, err := m.NewMap(&maps.Spec{Name: "progs", Type: maps.ProgArray, KeySize: 4, ValueSize: 4, MaxEntries: 3})
	if err != nil {
		t.Fatal(err)
	}
	n, err := m.NewMap(&maps.Spec{Name: "n", Type: maps.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1})
	if err != nil {
		t.Fatal(err)
	}
	insns := append([]isa.Insn{one(isa.OpMov64Reg, 6, 1, 0, 0)}, counter()...)
	insns[len(insns)-1] = one(isa.OpMov64Reg, 1, 6, 0, 0) // in place of exit
	insns = append(insns, mapRef(2, 1)...)
	insns = append(insns, one(isa.OpMov64Imm, 3, 0, 0, 1), one(isa.OpCallHelper, 0, 0, 0, 12), one(isa.OpMov64Imm, 0, 0, 0, 7), exit)
	p := load(t, m, "xdp", []*maps.Map{n, progs}, insns...)
	if err := progs.Put(uint32(1), p); err != nil {
		t.Fatal(err)
	}
	if r, _, err := p.Test(make([]byte, 64)); r != 7 || err != nil {
		t.Fatal(r, err)
	}
	var count uint64
	if err := n.Lookup(uint32(0), &count); err != nil || count != 34 {
		t.Errorf("%d programs ran, want 34: %v", count, err)
	}
	// A program of another type is not called.
	other := load(t, m, "sched_cls", nil, one(isa.OpMov64Imm, 0, 0, 0, 1), exit)
	if err := progs.Put(uint32(1), other); err != nil {
		t.Fatal(err)
	}
	if r, _, err := p.Test(make([]byte, 64)); r != 7 || err != nil {
		t.Error(r, err)
	}
}

func TestContextAndOutput(t *testing.T) {
	m := machine(t, vm.Options{CPUs: 4})
	// Stores the ingress interface into the first word of the packet and returns the CPU.
	p := load(t, m, "xdp", nil,
		one(isa.OpLdxW, 2, 1, 0, 0), one(isa.OpLdxW, 3, 1, 4, 0), one(isa.OpLdxW, 4, 1, 12, 0),
		one(isa.OpMov64Reg, 5, 2, 0, 0), one(isa.OpAdd64Imm, 5, 0, 0, 4), one(isa.OpJgtReg, 5, 3, 1, 0), one(isa.OpStxW, 2, 4, 0, 0),
		one(isa.OpCallHelper, 0, 0, 0, 8), exit)
	data := make([]byte, 20)
	fields := map[string]uint64{}
	room := make([]byte, 0, 64)
	o := vm.RunOptions{Data: data, DataOut: room, Fields: map[string]uint64{"ingress_ifindex": 77}, FieldsOut: fields, Pin: true, CPU: 3}
	r, err := p.Run(context.Background(), &o)
	if err != nil || r != 3 {
		t.Fatal(r, err)
	}
	if binary.LittleEndian.Uint32(o.DataOut) != 77 || data[0] != 0 || &o.DataOut[0] != &room[:1][0] || fields["ingress_ifindex"] != 77 {
		t.Errorf("out % x, in % x, fields %v", o.DataOut, data, fields)
	}
	var md struct{ Data, DataEnd, DataMeta, Ingress, RxQueue, Egress uint32 }
	o = vm.RunOptions{Data: data, Context: struct{ Data, DataEnd, DataMeta, Ingress, RxQueue, Egress uint32 }{DataEnd: 20, Ingress: 5}, ContextOut: &md}
	if _, err := p.Run(context.Background(), &o); err != nil || md.Ingress != 5 || md.DataEnd != 20 {
		t.Error(md, err)
	}
	for _, bad := range []vm.RunOptions{
		{Data: data, Fields: map[string]uint64{"nonsense": 1}}, {Data: data, Fields: map[string]uint64{"data": 1}},
		{Data: data, Context: "text"}, {Data: data, Pin: true, CPU: 4}, {Data: make([]byte, 1<<20)}, {Data: data, ContextOut: 5},
	} {
		if _, err := p.Run(context.Background(), &bad); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}

func TestClose(t *testing.T) {
	m, err := vm.NewMachine(vm.Options{CPUs: 2})
	if err != nil {
		t.Fatal(err)
	}
	p := load(t, m, "raw", nil, one(isa.OpMov64Imm, 0, 0, 0, 1), exit)
	q := load(t, m, "raw", nil, one(isa.OpMov64Imm, 0, 0, 0, 1), exit)
	q.Close()
	if _, err := q.Run(context.Background(), nil); !errors.Is(err, vm.ErrClosed) {
		t.Error(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				if _, err := p.Run(context.Background(), nil); err != nil {
					if !errors.Is(err, vm.ErrClosed) {
						t.Error(err)
					}
					return
				}
			}
		})
	}
	time.Sleep(5 * time.Millisecond)
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	if _, err := m.NewMap(&maps.Spec{Type: maps.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1}); !errors.Is(err, vm.ErrClosed) {
		t.Error(err)
	}
}

func TestVariables(t *testing.T) {
	m := machine(t, vm.Options{CPUs: 1})
	data, err := m.NewMap(&maps.Spec{Name: ".data", Type: maps.Array, KeySize: 4, ValueSize: 16, MaxEntries: 1})
	if err != nil {
		t.Fatal(err)
	}
	v, err := vm.NewVariable("limit", data, 8, 4, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Set(uint32(99)); err != nil {
		t.Fatal(err)
	}
	ref := isa.LoadImm64(isa.OpLddwMapValue, 1, 8<<32)
	p := load(t, m, "raw", []*maps.Map{data}, ref[0], ref[1], one(isa.OpLdxW, 0, 1, 0, 0), one(isa.OpStW, 1, 0, 0, 5), exit)
	if r, err := p.Run(context.Background(), nil); r != 99 || err != nil {
		t.Error(r, err)
	}
	var got uint32
	if err := v.Get(&got); err != nil || got != 5 {
		t.Error(got, err)
	}
	for _, err := range []error{v.Set(uint64(1)), v.Set("x"), v.Get(new(uint64)), v.Set([]byte{1})} {
		if err == nil || !strings.HasPrefix(err.Error(), "variable limit: ") {
			t.Error(err)
		}
	}
	if _, err := vm.NewVariable("big", data, 16, 1, false); err == nil {
		t.Error("a variable beyond its map")
	}
	const readOnly = "variable limit: set: it is read-only once loaded: set it in the collection's spec"
	ro, _ := vm.NewVariable("limit", data, 8, 4, true)
	if err := ro.Set(uint32(1)); err == nil || err.Error() != readOnly {
		t.Error(err)
	}
	// What a frozen map holds, programs may have been verified with.
	if err := data.Freeze(); err != nil {
		t.Fatal(err)
	}
	if err := v.Set(uint32(1)); err == nil || err.Error() != readOnly {
		t.Error(err)
	}
}

func BenchmarkRun(b *testing.B) {
	m := machine(b, vm.Options{CPUs: 1})
	p := load(b, m, "xdp", nil, one(isa.OpMov64Imm, 0, 0, 0, 2), exit)
	o := vm.RunOptions{Data: make([]byte, 64), NoOutput: true}
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Run(ctx, &o); err != nil {
			b.Fatal(err)
		}
	}
}

// TestTenants holds machines apart: maps and programs of one are of no use in another.
func TestTenants(t *testing.T) {
	a, b := machine(t, vm.Options{CPUs: 1}), machine(t, vm.Options{CPUs: 1})
	theirs, err := b.NewMap(&maps.Spec{Name: "theirs", Type: maps.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1})
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.NewProgram(&vm.ProgramSpec{Name: "test", Type: progtype.XDP, Insns: counter(), Maps: []*maps.Map{theirs}})
	if want := `load program: test: insn 3: map "theirs" belongs to another machine`; err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	progs, err := a.NewMap(&maps.Spec{Name: "progs", Type: maps.ProgArray, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	if err != nil {
		t.Fatal(err)
	}
	insns := append(mapRef(2, 0), one(isa.OpMov64Imm, 3, 0, 0, 0), one(isa.OpCallHelper, 0, 0, 0, 12), one(isa.OpMov64Imm, 0, 0, 0, 7), exit)
	p := load(t, a, "xdp", []*maps.Map{progs}, insns...)
	for m, want := range map[*vm.Machine]uint32{a: 1, b: 7} {
		if err := progs.Put(uint32(0), load(t, m, "xdp", nil, one(isa.OpMov64Imm, 0, 0, 0, 1), exit)); err != nil {
			t.Fatal(err)
		}
		if r, _, err := p.Test(make([]byte, 64)); r != want || err != nil {
			t.Errorf("%d, %v, want %d", r, err, want)
		}
	}
}

// TestWaitEndsWithContext has a run wait for a CPU that another one holds.
func TestWaitEndsWithContext(t *testing.T) {
	m := machine(t, vm.Options{CPUs: 1, Fuel: 1 << 60, Policy: vm.PolicySandboxed})
	p := load(t, m, "raw", nil, one(isa.OpJa, 0, 0, -1, 0), exit)
	busy, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		p.Run(busy, nil)
	}()
	for p2 := load(t, m, "raw", nil, one(isa.OpMov64Imm, 0, 0, 0, 1), exit); ; {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
		_, err := p2.Run(ctx, nil)
		cancel()
		if err == nil {
			continue // the other one has not begun yet
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		break
	}
	stop()
	<-ended
}
