package loader

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	gmaps "github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/verifier"
	"github.com/gbpf/gbpf/vm"
)

func newMachine(t testing.TB) *vm.Machine { return machine(t, vm.PolicyLinux) }

func machine(t testing.TB, p vm.Policy) *vm.Machine {
	t.Helper()
	m, err := vm.NewMachine(vm.Options{MemoryLimit: 32 << 20, CPUs: 2, Policy: p})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func load1(t testing.TB, name string, o *Options) *vm.Collection {
	t.Helper()
	c, err := New(newMachine(t), loadObject(t, name), o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// sandboxed loads an object with programs that the verifier refuses.
func sandboxed(t testing.TB, name string, o *Options) *vm.Collection {
	t.Helper()
	c, err := New(machine(t, vm.PolicySandboxed), loadObject(t, name), o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// refuses loads a program that the verifier must refuse by a rule, with a reason that has the words.
func refuses(t testing.TB, object, program string, o Options, code verifier.Code, words string) {
	t.Helper()
	o.Programs = []string{program}
	_, err := New(newMachine(t), loadObject(t, object), &o)
	var e *Error
	var le *vm.LoadError
	var ve *verifier.Error
	if !errors.As(err, &e) || !errors.As(err, &le) || !errors.As(err, &ve) {
		t.Errorf("%s: %T is no refusal: %v", program, err, err)
		return
	}
	if ve.Code != code || e.Insn != ve.Insn || e.Program != program || errors.Is(err, ErrUnsupported) != (code == verifier.CodeUnsupported) {
		t.Errorf("%s: %s at insn %d, want %s: %v", program, ve.Code, e.Insn, code, err)
	}
	if report := fmt.Sprintf("%+v", err); !strings.HasPrefix(report, err.Error()+"\n") || !strings.Contains(report, "insn "+strconv.Itoa(ve.Insn)) {
		t.Errorf("%s: as a report:\n%s", program, report)
	}
	if text := err.Error(); !strings.Contains(text, words) || strings.Count(text, ve.Reason) != 1 || !strings.HasPrefix(text, "load: program ") || strings.Contains(text, "load program") || strings.Contains(text, "verify:") {
		t.Errorf("%s: %q, want %q in it once", program, text, words)
	}
}

// ret runs a program on a packet of n bytes, an Ethernet header included.
func ret(t testing.TB, c *vm.Collection, program string, n int) uint32 {
	t.Helper()
	p := c.Programs[program]
	if p == nil {
		t.Fatalf("no program %s", program)
	}
	r, _, err := p.Test(make([]byte, n))
	if err != nil {
		t.Fatalf("%s: %v", program, err)
	}
	return r
}

// trapOf runs a program that must trap.
func trapOf(t testing.TB, c *vm.Collection, program string, n int) *vm.Trap {
	t.Helper()
	_, _, err := c.Programs[program].Test(make([]byte, n))
	var trap *vm.Trap
	if !errors.As(err, &trap) {
		t.Fatalf("%s: got error %v, want a trap", program, err)
	}
	return trap
}

// socket filters see the packet without its Ethernet header
const eth = 14

func TestBasic(t *testing.T) {
	c := load1(t, "basic.o", nil)
	if got := ret(t, c, "count", 60); got != 2 {
		t.Errorf("returned %d, want XDP_PASS", got)
	}
	var n uint64
	if err := c.Maps["counters"].Lookup(uint32(1), &n); err != nil || n != 60 {
		t.Errorf("counters[1] = %d, %v, want 60", n, err)
	}
}

func TestWeak(t *testing.T) {
	c := load1(t, "weak.o", &Options{Programs: []string{"guarded"}})
	if got := ret(t, c, "guarded", 60); got != 60-eth+1 {
		t.Errorf("guarded returned %d", got)
	}
	var v uint32
	if err := c.Maps["weak_map"].Lookup(uint32(7), &v); err != nil || v != 3 {
		t.Errorf("weak_map[7] = %d, %v", v, err)
	}
	refuses(t, "weak.o", "unguarded", Options{}, verifier.CodeUnsupported, "weak function missing is not defined in the object")
	refuses(t, "weak.o", "unguarded_kfunc", Options{}, verifier.CodeUnsupported, "weak kfunc missing_kfunc is unknown to this machine")
	c = sandboxed(t, "weak.o", nil)
	if got := ret(t, c, "unguarded", 60); got != 5 {
		t.Errorf("unguarded returned %d", got)
	}
	if trap := trapOf(t, c, "unguarded", 200); trap.Code != vm.TrapBadHelper || !strings.Contains(trap.Error(), "weak function missing is not defined in the object") {
		t.Errorf("unguarded: %v", trap)
	}
	if trap := trapOf(t, c, "unguarded_kfunc", 200); trap.Code != vm.TrapBadHelper || !strings.Contains(trap.Error(), "weak kfunc missing_kfunc is unknown to this machine") {
		t.Errorf("unguarded_kfunc: %v", trap)
	}
	c = load1(t, "weak.o", &Options{Programs: []string{"guarded"}, Ksyms: map[string]uint64{"missing_ksym": 0x1234}})
	if got := ret(t, c, "guarded", 60); got != 99 {
		t.Errorf("guarded with the symbol returned %d, want 99", got)
	}
}

func TestLinked(t *testing.T) {
	c := load1(t, "linked.o", nil)
	if got := ret(t, c, "first", 60); got != (60-eth+1)*10 {
		t.Errorf("first returned %d", got)
	}
	if got := ret(t, c, "second", 60); got != (60-eth+2)*100 {
		t.Errorf("second returned %d", got)
	}
}

func TestMapsOfMaps(t *testing.T) {
	c := load1(t, "inner.o", &Options{Programs: []string{"entry"}})
	if c.Programs["tail"] == nil {
		t.Fatal("the program in the prog array did not come along")
	}
	if got := ret(t, c, "entry", 60); got != 100 {
		t.Errorf("entry returned %d, want 100", got)
	}
	if err := c.Maps["two"].Put(uint32(1), uint32(11)); err != nil {
		t.Fatal(err)
	}
	if got := ret(t, c, "entry", 60); got != 111 {
		t.Errorf("entry returned %d, want 111", got)
	}
}

func TestGlobals(t *testing.T) {
	spec := loadObject(t, "globals.o")
	if err := spec.Variables["limit"].Set(uint32(4)); err != nil {
		t.Fatal(err)
	}
	only := &Options{Programs: []string{"globals", "callbacks", "global_callback"}}
	c, err := New(newMachine(t), spec, only)
	if err != nil {
		t.Fatal(err)
	}
	// state 40 + limit 4, doubled, + hidden 7.
	if got := ret(t, c, "globals", 60); got != 95 {
		t.Errorf("globals returned %d, want 95", got)
	}
	var total uint64
	if err := c.Variables["total"].Get(&total); err != nil || total != 1 {
		t.Errorf("total = %d, %v", total, err)
	}
	var pair [2]uint16
	if err := c.Variables["pair"].Get(&pair); err != nil || pair != [2]uint16{1, 7} {
		t.Errorf("pair = %v, %v", pair, err)
	}
	if err := c.Variables["state"].Set(uint32(100)); err != nil {
		t.Fatal(err)
	}
	if got := ret(t, c, "globals", 60); got != 215 {
		t.Errorf("globals returned %d, want 215", got)
	}
	if v := c.Variables["limit"]; !v.ReadOnly() || v.Set(uint32(1)) == nil {
		t.Error("limit can be set after loading")
	}
	if err := c.Maps[".rodata"].Put(uint32(0), make([]byte, 4)); err == nil {
		t.Error(".rodata is not frozen")
	}
	// The spec is left alone and can be loaded again.
	if err := spec.Variables["limit"].Set(uint32(3)); err != nil {
		t.Fatal(err)
	}
	c, err = New(newMachine(t), spec, only)
	if err != nil {
		t.Fatal(err)
	}
	if got := ret(t, c, "globals", 60); got != 93 {
		t.Errorf("globals returned %d, want 93", got)
	}
	// The addresses of a static and of a global function.
	if got := ret(t, c, "callbacks", 60); got != 1+3 {
		t.Errorf("callbacks returned %d, want 4", got)
	}
	if got := ret(t, c, "global_callback", 60); got != 1+3+300 {
		t.Errorf("global_callback returned %d, want 304", got)
	}
}

func TestLines(t *testing.T) {
	refuses(t, "globals.o", "lines", Options{}, verifier.CodeType, " (globals.c:56: return *p;")
	c := sandboxed(t, "globals.o", nil)
	trap := trapOf(t, c, "lines", 60)
	if trap.Func != "lines" || !strings.Contains(trap.Line, "globals.c:") || !strings.HasSuffix(trap.Line, "return *p; /* no object is there */") {
		t.Errorf("trap in %s at %s", trap.Func, trap.Line)
	}
}

func TestKconfig(t *testing.T) {
	str := uint32('h')<<16 | 'o'<<8
	for _, tt := range []struct {
		name  string
		given map[string]any
		want  map[string]uint32
	}{
		{"defaults", nil, map[string]uint32{
			"version": 6<<16 | 18<<8, "hz": 250, "big": 0, "character": 0, "tristate": 0, "string": 0, "booleans": 3,
		}},
		{"given", map[string]any{
			"LINUX_KERNEL_VERSION": KernelVersion(5, 15, 300), "CONFIG_HZ": 1000, "CONFIG_BIG": uint64(7 << 32), "CONFIG_CHAR": 'm',
			"CONFIG_TRISTATE": Module, "CONFIG_STRING": "hello world", "CONFIG_BPF": false, "LINUX_HAS_SYSCALL_WRAPPER": 1,
		}, map[string]uint32{
			"version": 5<<16 | 15<<8 | 255, "hz": 1000, "big": 7, "character": 'm', "tristate": 2, "string": str, "booleans": 2,
		}},
		{"spelt as in .config", map[string]any{"CONFIG_CHAR": "y", "CONFIG_TRISTATE": "y", "CONFIG_BPF": "n"}, map[string]uint32{
			"character": 'y', "tristate": 1, "booleans": 2,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := load1(t, "kconfig.o", &Options{Kconfig: tt.given})
			for program, want := range tt.want {
				if got := ret(t, c, program, 60); got != want {
					t.Errorf("%s returned %d, want %d", program, got, want)
				}
			}
		})
	}
}

func TestCORE(t *testing.T) {
	// Its own types: all is as the compiler saw it.
	c := sandboxed(t, "core.o", nil)
	for program, want := range map[string]uint32{"offset": 4, "enumval": 1000, "poisoned": 8} {
		if got := ret(t, c, program, 60); got != want {
			t.Errorf("%s returned %d, want %d", program, got, want)
		}
	}

	// A kernel with other ones.
	task := &btf.Struct{Name: "task_struct", Size: 16, Members: []btf.Member{
		{Name: "pid", Type: &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}, Offset: 0},
		{Name: "tgid", Type: &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}, Offset: 96},
	}}
	enum := &btf.Enum{Name: "bpf_map_type", Size: 4, Values: []btf.EnumValue{{Name: "BPF_MAP_TYPE_RINGBUF", Value: 27}}}
	b, err := btf.NewBuilder([]btf.Type{task, enum}, nil)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := b.Marshal(nil, &btf.MarshalOptions{Order: binary.LittleEndian})
	if err != nil {
		t.Fatal(err)
	}
	kernel, err := btf.LoadSpecFromReader(strings.NewReader(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	c = load1(t, "core.o", &Options{KernelBTF: kernel, Programs: []string{"offset", "exists", "enumval"}})
	for program, want := range map[string]uint32{"offset": 12, "exists": 1, "enumval": 27} {
		if got := ret(t, c, program, 60); got != want {
			t.Errorf("%s returned %d, want %d", program, got, want)
		}
	}
	refuses(t, "core.o", "poisoned", Options{KernelBTF: kernel}, verifier.CodeUnsupported, "unknown#195896080: CO-RE found no match for")
	c = sandboxed(t, "core.o", &Options{KernelBTF: kernel})
	for program, want := range map[string]uint32{"offset": 12, "exists": 1, "enumval": 27, "poisoned": 8} {
		if got := ret(t, c, program, 60); got != want {
			t.Errorf("%s returned %d, want %d", program, got, want)
		}
	}
	if trap := trapOf(t, c, "poisoned", 200); trap.Code != vm.TrapBadHelper || !strings.Contains(trap.Error(), "unknown#195896080: CO-RE found no match for") {
		t.Errorf("poisoned: %v", trap)
	}
}

func TestKernelBTF(t *testing.T) {
	if _, err := os.Stat("/sys/kernel/btf/vmlinux"); err != nil {
		t.Skip("the kernel has no BTF")
	}
	kernel, err := btf.LoadKernelSpec()
	if err != nil {
		t.Skip(err)
	}
	var task *btf.Struct
	if err := kernel.TypeByName("task_struct", &task); err != nil {
		t.Fatal(err)
	}
	c := load1(t, "core.o", &Options{KernelBTF: kernel, Programs: []string{"offset", "exists"}})
	for _, m := range task.Members {
		if m.Name == "tgid" {
			if got := ret(t, c, "offset", 60); got != m.Offset.Bytes() {
				t.Errorf("offset returned %d, want %d", got, m.Offset.Bytes())
			}
		}
	}
	if got := ret(t, c, "exists", 60); got != 1 {
		t.Errorf("exists returned %d, want 1", got)
	}
}

func TestNewErrors(t *testing.T) {
	only := func(names ...string) *Options { return &Options{Programs: names} }
	without := func(maps ...string) func(*ebpf.CollectionSpec) {
		return func(s *ebpf.CollectionSpec) {
			for _, m := range maps {
				delete(s.Maps, m)
			}
		}
	}
	for _, tt := range []struct {
		name, object string
		o            *Options
		change       func(*ebpf.CollectionSpec)
		want         string
	}{
		{"no programs", "library.o", nil, nil,
			"load: object has no programs: functions outside .text, in sections such as xdp, are programs"},
		{"no such program", "basic.o", only("main"), nil, "load: program main: not found, the object has count"},
		{"no such program of many", "weak.o", only("main"), nil,
			"load: program main: not found, the object has guarded, unguarded and unguarded_kfunc"},
		{"program type", "bad.o", only("type"), func(s *ebpf.CollectionSpec) { s.Programs["type"].Type = 99 },
			`load: program type: program type 99 (section "struct_ops/init") is not supported`},
		{"section", "bad.o", only("section"), nil,
			`load: program section: section name "unheard/of" stands for no program type: not supported`},
		{"helper", "bad.o", only("helper"), without("huge", "strange", "uses_huge"),
			"load: program helper: insn 0: helper unknown#999 is unknown to this machine: register it with RegisterHelper (bad.c:24: return no_such_helper();)"},
		{"huge map", "bad.o", only("uses_huge"), without("strange"),
			`load: map huge: array: 268435456 entries of 8 bytes do not fit: guest memory: map_value "huge" needs 2147483648 bytes, 0 of 33554432 are in use: guest memory limit reached`},
		{"map type", "bad.o", only("uses_strange"), without("huge"),
			"load: map strange: map type 77 is not supported"},
		{"kconfig", "strong.o", nil, nil,
			`load: map .kconfig: variable CONFIG_NOBODY_KNOWS has no value: set Options.Kconfig["CONFIG_NOBODY_KNOWS"]`},
		{"kconfig type", "kconfig.o", &Options{Kconfig: map[string]any{"CONFIG_HZ": "fast"}}, nil,
			"load: map .kconfig: variable CONFIG_HZ: fast is given, the variable is of type unsigned int"},
		{"kconfig range", "kconfig.o", &Options{Kconfig: map[string]any{"CONFIG_HZ": -1}}, nil,
			"load: map .kconfig: variable CONFIG_HZ: -1 does not fit the variable's type unsigned int"},
		{"missing map", "basic.o", nil, without("counters"),
			"load: program count: insn 5: map counters is not in the collection (basic.c:16: __u64 *n = bpf_map_lookup_elem(&counters, &key);)"},
		{"replacement of no map", "basic.o", &Options{MapReplacements: map[string]*gmaps.Map{"other": nil}}, nil,
			"load: map other to replace: not found, the object has counters"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			spec := loadObject(t, tt.object)
			if tt.change != nil {
				tt.change(spec)
			}
			m := newMachine(t)
			_, err := New(m, spec, tt.o)
			if err == nil {
				t.Fatalf("no error, want %s", tt.want)
			}
			if err.Error() != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
			if used := m.MemoryUsed(); used != 0 {
				t.Errorf("%d bytes of maps are left behind", used)
			}
		})
	}
}

func TestSkipUnsupported(t *testing.T) {
	o := &Options{SkipUnsupported: true}
	spec := loadObject(t, "bad.o")
	spec.Maps["huge"].MaxEntries = 1
	spec.Programs["type"].Type = 99
	c, err := New(newMachine(t), spec, o)
	if err != nil {
		t.Fatal(err)
	}
	if got := ret(t, c, "fine", 60); got != 1 {
		t.Errorf("fine returned %d", got)
	}
	if len(c.Programs) != 2 {
		t.Errorf("%d programs, want fine and uses_huge", len(c.Programs))
	}
	var skipped []string
	for _, e := range o.Skipped {
		skipped = append(skipped, e.Error())
	}
	for _, want := range []string{"program type:", "program section:", "program helper:", "program uses_strange: needs map strange", "map strange:"} {
		if !strings.Contains(strings.Join(skipped, "\n"), want) {
			t.Errorf("%q is not among the skipped: %q", want, skipped)
		}
	}
}

func TestMapReplacements(t *testing.T) {
	m := newMachine(t)
	a, err := New(m, loadObject(t, "basic.o"), nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := New(m, loadObject(t, "basic.o"), &Options{MapReplacements: map[string]*gmaps.Map{"counters": a.Maps["counters"]}})
	if err != nil {
		t.Fatal(err)
	}
	ret(t, a, "count", 60)
	ret(t, b, "count", 40)
	var n uint64
	if err := a.Maps["counters"].Lookup(uint32(1), &n); err != nil || n != 100 {
		t.Errorf("counters[1] = %d, %v, want 100", n, err)
	}
	spec := loadObject(t, "basic.o")
	spec.Maps["counters"].MaxEntries = 5
	_, err = New(m, spec, &Options{MapReplacements: map[string]*gmaps.Map{"counters": a.Maps["counters"]}})
	if want := "load: map counters: replacement has max entries 4, the object wants 5"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestSpecOfParser loads a spec that the library parsed by itself.
func TestSpecOfParser(t *testing.T) {
	spec, err := ebpf.LoadCollectionSpec("testdata/strong.o")
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(newMachine(t), spec.Copy(), &Options{Kconfig: map[string]any{"CONFIG_NOBODY_KNOWS": -5}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Programs["need"].Run(context.Background(), &vm.RunOptions{Data: make([]byte, 60)})
	if err != nil || int32(r) != -5 {
		t.Errorf("need returned %d, %v", int32(r), err)
	}
}
