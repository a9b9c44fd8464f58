package conformance

import (
	"flag"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gbpf/gbpf/internal/fuzzgen"
	"github.com/gbpf/gbpf/internal/kernel"
	"github.com/gbpf/gbpf/isa"
)

var (
	enginePrograms = flag.Int("engines.programs", 3000, "generated programs that TestEngines runs in gbpf's engines")
	engineSeed     = flag.Uint64("engines.seed", 1, "where they start")
)

// gbpfEngines are those of gbpf that work here, beside the interpreter.
func gbpfEngines(t testing.TB) []Engine {
	list := []Engine{EngineChecked}
	if err := jitAvailable(); err != nil {
		t.Logf("without machine code: %v", err)
	} else {
		list = append(list, EngineJIT)
	}
	return list
}

// TestEngines is a slice of what gbpf fuzz --against jit,checked does.
func TestEngines(t *testing.T) {
	c := EngineCampaign{Seed: *engineSeed, Programs: *enginePrograms, Engines: gbpfEngines(t)}
	if testing.Short() {
		c.Programs = min(c.Programs, 400)
	}
	campaign(t, &c)
}

// TestEnginesKernel is a slice of what gbpf fuzz --against kernel does.
func TestEnginesKernel(t *testing.T) {
	if err := kernel.Available(); err != nil {
		t.Skip(err)
	}
	c := EngineCampaign{Seed: *engineSeed, First: 1 << 40, Programs: min(*enginePrograms, 1000), Engines: []Engine{EngineKernel}}
	if testing.Short() {
		c.Programs = min(c.Programs, 200)
	}
	if r := campaign(t, &c); r.KernelRuns < c.Programs/10 {
		t.Errorf("%d runs compared with the kernel", r.KernelRuns)
	}
}

func campaign(t *testing.T, c *EngineCampaign) *EngineReport {
	t.Helper()
	r, err := c.Run()
	if err != nil {
		t.Fatal(err)
	}
	for _, class := range r.Classes {
		t.Error(class)
	}
	t.Logf("against %v: %s", c.Engines, r.Summary())
	if r.Runs < c.Programs/2 {
		t.Errorf("only %d runs", r.Runs)
	}
	return r
}

// TestEngineCases runs the programs again in which engines once differed, and some that are told to be compared
// for good.
func TestEngineCases(t *testing.T) {
	files, err := filepath.Glob("testdata/engines/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	engines := gbpfEngines(t)
	if err := kernel.Available(); err != nil {
		t.Logf("without a kernel: %v", err)
	} else {
		engines = append(engines, EngineKernel)
	}
	for _, name := range files {
		c, err := ReadEngineCase(name)
		if err != nil {
			t.Fatal(err)
		}
		why, err := c.Replay(engines)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if why != "" {
			t.Errorf("%s: %s\n%s", name, why, strings.Join(c.Text, "\n"))
		}
	}
	t.Logf("%d cases, against %v", len(files), engines)
}

// TestEnginesNotice holds that a comparison sees differences: a program that shows its address in R0 has to
// differ between two places.
func TestEnginesNotice(t *testing.T) {
	p := &fuzzgen.Program{Type: 6, Insns: []isa.Insn{isa.New(isa.OpMov64Reg, isa.R0, isa.R1, 0, 0), isa.New(isa.OpExit, 0, 0, 0, 0)}}
	same, err := steady(p, 1, 2)
	if err != nil || same {
		t.Errorf("a program that returns the address of its context: steady %v, %v", same, err)
	}
	if !discloses(p) {
		t.Error("a program that returns the address of its context discloses nothing")
	}
	p.Insns[0] = isa.New(isa.OpMov64Imm, isa.R0, 0, 0, 1)
	if same, err := steady(p, 1, 2); err != nil || !same {
		t.Errorf("a program that returns 1: steady %v, %v", same, err)
	}
	if discloses(p) {
		t.Error("a program that returns 1 discloses an address")
	}
}

// fuzzTypes are the program types that FuzzEngines knows by number.
var fuzzTypes = []uint32{6, 3, 1, 8, 17, 31, 5}

// fuzzBytes is the input of FuzzEngines that makes a program: its type, the number of its inputs, its bytecode.
func fuzzBytes(p *fuzzgen.Program) []byte {
	for i, t := range fuzzTypes {
		if t == p.Type && len(p.Kfuncs) == 0 && len(p.Funcs) == 0 {
			b := []byte{byte(i), 1}
			for _, in := range p.Insns {
				if at := int(in.ImmLow()); (in.Op == isa.OpLddwMapFD || in.Op == isa.OpLddwMapValue) && at >= 0 && at < len(p.Maps) {
					for k, m := range fuzzgen.Palette() {
						if m == p.Maps[at] {
							in.Imm = in.Imm&^0xffffffff | int64(k)
						}
					}
				}
				b = in.AppendTo(b)
			}
			return b
		}
	}
	return nil
}

// FuzzEngines runs programs of any bytecode that the verifier accepts in all engines of gbpf.
func FuzzEngines(f *testing.F) {
	g := fuzzgen.Generator{Seed: 7}
	for n := range uint64(200) {
		if b := fuzzBytes(g.Program(n)); b != nil {
			f.Add(b)
		}
	}
	e, err := newEngines(gbpfEngines(f), 2, newEngineReport())
	if err != nil {
		f.Fatal(err)
	}
	defer e.close()
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 10 || len(b) > 4000 {
			return
		}
		p := &fuzzgen.Program{Type: fuzzTypes[int(b[0])%len(fuzzTypes)], Raw: b[2 : 2+(len(b)-2)&^7], Maps: fuzzgen.Palette(), Typed: true}
		if p.Type == 31 {
			p.Flags = fuzzgen.Sleepable
		}
		if insns, err := isa.Decode(p.Raw); err == nil {
			p.Insns, p.Raw = insns, nil
		}
		d, err := e.compare(p, uint64(b[1]))
		if err != nil {
			t.Fatal(err)
		}
		if d != nil {
			t.Fatalf("%s: %s\n%s", d.kind(), d.text, p)
		}
	})
}
