package conformance

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/vm"
)

// oracleDir holds verdicts and results that a live kernel gave to small programs. It is not part of
// the repository.
const oracleDir = "../../shared/oracle"

// oracleProg is a program of the oracle, see the README beside it.
type oracleProg struct {
	ID         int    `json:"id"`
	File       string `json:"file"`
	Name       string `json:"name"`
	ProgType   uint32 `json:"prog_type"`
	AttachType uint32 `json:"expected_attach_type"`
	AttachFunc string `json:"attach_func"`
	Flags      uint32 `json:"prog_flags"`
	License    string `json:"license"`
	Insns      string `json:"insns"`
	MapRelocs  []struct {
		Insn int    `json:"insn"`
		Map  string `json:"map"`
	} `json:"map_relocs"`
	KfuncRelocs []struct {
		Insn  int    `json:"insn"`
		Kfunc string `json:"kfunc"`
	} `json:"kfunc_relocs"`
	BTFTypes   string `json:"btf_types"`
	BTFStrings string `json:"btf_strings"`
	Runs       []struct {
		Data      string `json:"data"`
		IsPointer bool   `json:"retval_is_pointer"`
	} `json:"runs"`
	Live struct {
		Verdict   string `json:"verdict"`
		Errno     string `json:"errno_name"`
		LastLine  string `json:"last_log_line"`
		Processed int    `json:"processed_insns"`
		Runs      []struct {
			Errno  int    `json:"errno"`
			Retval uint32 `json:"retval"`
		} `json:"runs"`
	} `json:"live"`
}

func (p *oracleProg) String() string { return fmt.Sprintf("%s %d %q", p.File, p.ID, p.Name) }

type oracleMap struct {
	Kind       string `json:"kind"`
	Type       uint32 `json:"type"`
	TypeName   string `json:"type_name"`
	KeySize    uint32 `json:"key_size"`
	ValueSize  uint32 `json:"value_size"`
	MaxEntries uint32 `json:"max_entries"`
	Flags      uint32 `json:"flags"`
	BTFKey     uint32 `json:"btf_key_type_id"`
	BTFValue   uint32 `json:"btf_value_type_id"`
	Init       []struct {
		Key, Value string
	} `json:"init"`
	ProgArray struct {
		Slots map[string]int `json:"slots"`
	} `json:"prog_array"`
}

// readOracle returns the oracle's programs and map kinds; without it the test is skipped.
func readOracle(t *testing.T) ([]*oracleProg, map[string]*oracleMap) {
	t.Helper()
	f, err := os.Open(filepath.Join(oracleDir, "verifier_tests_6.1.jsonl.gz"))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("the oracle's programs are not on this machine")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var progs []*oracleProg
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		p := &oracleProg{}
		if err := json.Unmarshal(lines.Bytes(), p); err != nil {
			t.Fatal(err)
		}
		progs = append(progs, p)
	}
	if lines.Err() != nil {
		t.Fatal(lines.Err())
	}
	raw, err := os.ReadFile(filepath.Join(oracleDir, "maps_verifier.json"))
	if err != nil {
		t.Fatal(err)
	}
	var list []*oracleMap
	if err := json.Unmarshal(raw, &list); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]*oracleMap{}
	for _, m := range list {
		kinds[m.Kind] = m
	}
	return progs, kinds
}

// oracleExceptions are programs that are left out by number, and why.
var oracleExceptions = map[int]string{
	854: "it reads the kernel's own struct bpf_map",
	855: "it reads the kernel's own struct bpf_map",
}

// outOfScope is why a program is not compared.
type outOfScope string

func (e outOfScope) Error() string { return string(e) }

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// makeMap makes a map of one of the oracle's kinds.
func makeMap(t *testing.T, m *vm.Machine, k *oracleMap, typ *progtype.Type) (*maps.Map, error) {
	if !maps.Type(k.Type).Supported() {
		return nil, outOfScope("map type " + k.TypeName)
	}
	spec := &maps.Spec{Name: k.Kind, Type: maps.Type(k.Type), KeySize: k.KeySize, ValueSize: k.ValueSize, MaxEntries: k.MaxEntries, Flags: k.Flags, Fields: valueFields[k.BTFValue]}
	if spec.Type.OfMaps() {
		spec.Inner = &maps.Spec{Type: maps.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1}
	}
	mp, err := m.NewMap(spec)
	if err != nil {
		return nil, err
	}
	for _, kv := range k.Init {
		if err := mp.Put(unhex(t, kv.Key), unhex(t, kv.Value)); err != nil {
			return nil, err
		}
	}
	for slot, v := range k.ProgArray.Slots {
		var i uint32
		fmt.Sscan(slot, &i)
		p, err := filler(m, mp, typ, v)
		if err != nil {
			return nil, err
		}
		if err := mp.Put(i, p); err != nil {
			return nil, err
		}
	}
	return mp, nil
}

// filler makes the program that a prog array's slot holds: one that returns v, or for -1 one
// that tail-calls slot 1 of its own array and returns 41 when that fails.
func filler(m *vm.Machine, array *maps.Map, typ *progtype.Type, v int) (*vm.Program, error) {
	insns := []isa.Insn{isa.New(isa.OpMov64Imm, 0, 0, 0, int64(v)), isa.New(isa.OpExit, 0, 0, 0, 0)}
	if v < 0 {
		ref := isa.LoadImm64(isa.OpLddwMapFD, 2, 0)
		insns = append([]isa.Insn{isa.New(isa.OpMov64Imm, 3, 0, 0, 1)}, ref[:]...)
		insns = append(insns, isa.New(isa.OpCallHelper, 0, 0, 0, 12), isa.New(isa.OpMov64Imm, 0, 0, 0, 41), isa.New(isa.OpExit, 0, 0, 0, 0))
	}
	return m.NewProgram(&vm.ProgramSpec{Name: "filler", Type: typ, License: "GPL", Insns: insns, Maps: []*maps.Map{array}})
}

// build loads a program of the oracle into a machine of its own.
func build(t *testing.T, p *oracleProg, kinds map[string]*oracleMap, e vm.Engine) (*vm.Machine, *vm.Program, error) {
	typ := progtype.ByKernel(p.ProgType)
	if typ == nil {
		return nil, nil, outOfScope(fmt.Sprintf("program type %d", p.ProgType))
	}
	if len(p.KfuncRelocs) > 0 {
		return nil, nil, outOfScope("kfuncs")
	}
	insns, err := isa.Decode(unhex(t, p.Insns))
	if err != nil {
		return nil, nil, err
	}
	// The kernel's own CPU count does not matter to what is compared.
	m, err := vm.NewMachine(vm.Options{CPUs: 1, MemoryLimit: 16 << 20, Engine: e})
	if err != nil {
		return nil, nil, err
	}
	spec := &vm.ProgramSpec{Name: fmt.Sprintf("oracle_%d", p.ID), Type: typ, AttachType: p.AttachType, License: p.License, Insns: insns}
	made := map[string]int{}
	for _, r := range p.MapRelocs {
		i, ok := made[r.Map]
		if !ok {
			k := kinds[r.Map]
			if k == nil {
				m.Close()
				return nil, nil, outOfScope("map " + r.Map)
			}
			mp, err := makeMap(t, m, k, typ)
			if err != nil {
				m.Close()
				return nil, nil, err
			}
			i = len(spec.Maps)
			spec.Maps = append(spec.Maps, mp)
			made[r.Map] = i
		}
		in := &spec.Insns[r.Insn]
		in.Imm = int64(uint64(in.Imm)&^0xffffffff | uint64(i))
	}
	prog, err := m.NewProgram(spec)
	if err != nil {
		m.Close()
		var le *vm.LoadError
		if errors.As(err, &le) && le.Unsupported {
			return nil, nil, outOfScope(le.Reason)
		}
		return nil, nil, err
	}
	return m, prog, nil
}

// TestOracleRuns runs every program that the kernel accepted and ran, and compares return values, in machine code where it is made and in
// the interpreter.
func TestOracleRuns(t *testing.T) {
	t.Run("default", func(t *testing.T) { oracleRuns(t, vm.EngineAuto) })
	t.Run("interp", func(t *testing.T) { oracleRuns(t, vm.EngineInterp) })
}

func oracleRuns(t *testing.T, e vm.Engine) {
	progs, kinds := readOracle(t)
	programs, native, runs, agreed := 0, 0, 0, 0
	skipped := map[string]int{}
	for i, p := range progs {
		if testing.Short() && i%4 != 0 {
			continue
		}
		if p.Live.Verdict != "accept" || len(p.Live.Runs) == 0 {
			continue
		}
		if why, ok := oracleExceptions[p.ID]; ok {
			skipped[why]++
			continue
		}
		m, prog, err := build(t, p, kinds, e)
		if reason := outOfScope(""); errors.As(err, &reason) {
			skipped[string(reason)]++
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", p, err)
			continue
		}
		programs++
		if prog.Stats().Engine == "jit" {
			native++
		}
		for i, live := range p.Live.Runs {
			switch {
			case live.Errno != 0:
				skipped[fmt.Sprintf("the kernel cannot run it (errno %d)", live.Errno)]++
				continue
			case p.Runs[i].IsPointer:
				skipped["it returns a kernel address"]++
				continue
			}
			runs++
			got, err := prog.Run(context.Background(), &vm.RunOptions{Data: unhex(t, p.Runs[i].Data)})
			switch {
			case err != nil:
				t.Errorf("%s: run %d: %v", p, i, err)
			case uint32(got) != live.Retval:
				t.Errorf("%s: run %d: returned %#x, the kernel %#x", p, i, uint32(got), live.Retval)
			default:
				agreed++
			}
		}
		m.Close()
	}
	t.Logf("%d programs in scope, %d as machine code; %d runs compared with the kernel's, %d agree", programs, native, runs, agreed)
	t.Log(histogram(skipped))
	if runs < 500 && !testing.Short() {
		t.Errorf("only %d runs in scope, want at least 500", runs)
	}
}

// histogram prints counts, most first.
func histogram(count map[string]int) string {
	var keys []string
	total := 0
	for k, n := range count {
		keys = append(keys, k)
		total += n
	}
	sort.Slice(keys, func(i, j int) bool {
		if a, b := count[keys[i]], count[keys[j]]; a != b {
			return a > b
		}
		return keys[i] < keys[j]
	})
	var s strings.Builder
	fmt.Fprintf(&s, "left out: %d", total)
	for _, k := range keys {
		fmt.Fprintf(&s, "\n\t%d %s", count[k], k)
	}
	return s.String()
}
