package conformance

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gbpf/gbpf/internal/kernel"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/progtype"
)

// liveMaps makes the oracle's kinds of map in the live kernel, each once.
type liveMaps struct {
	kinds map[string]*oracleMap
	btf   *kernel.BTF
	made  map[string]*kernel.Map
	inner *kernel.Map
}

func newLiveMaps(t *testing.T, kinds map[string]*oracleMap) *liveMaps {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(oracleDir, "mapbtf_6.12.json"))
	if err != nil {
		t.Fatal(err)
	}
	var info struct {
		Types   string `json:"btf_types"`
		Strings string `json:"btf_strings"`
	}
	if err := json.Unmarshal(raw, &info); err != nil {
		t.Fatal(err)
	}
	l := &liveMaps{kinds: kinds, made: map[string]*kernel.Map{}}
	if l.btf, err = kernel.LoadBTF(unhex(t, info.Types), unhex(t, info.Strings)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		l.btf.Close()
		for _, m := range l.made {
			m.Close()
		}
		if l.inner != nil {
			l.inner.Close()
		}
	})
	return l
}

// get returns the map of a kind for a program. A prog array belongs to the first sort of program that
// uses it, so those are made for each program anew.
func (l *liveMaps) get(kind string, p *oracleProg) (*kernel.Map, error) {
	key := kind
	if k := l.kinds[kind]; k != nil && k.Type == 3 {
		key = fmt.Sprint(kind, " ", p.ID)
	}
	if m := l.made[key]; m != nil {
		return m, nil
	}
	k := l.kinds[kind]
	if k == nil {
		return nil, fmt.Errorf("no map kind %s", kind)
	}
	s := kernel.MapSpec{Name: kind, Type: k.Type, KeySize: k.KeySize, ValueSize: k.ValueSize, MaxEntries: k.MaxEntries, Flags: k.Flags}
	if k.BTFValue != 0 {
		s.BTF, s.BTFKeyType, s.BTFValueType = l.btf, k.BTFKey, k.BTFValue
	}
	if k.Type == 12 || k.Type == 13 { // maps of maps
		if l.inner == nil {
			m, err := kernel.NewMap(kernel.MapSpec{Name: "inner", Type: 2, KeySize: 4, ValueSize: 4, MaxEntries: 1})
			if err != nil {
				return nil, err
			}
			l.inner = m
		}
		s.Inner = l.inner
	}
	m, err := kernel.NewMap(s)
	if err != nil {
		return nil, err
	}
	l.made[key] = m
	return m, nil
}

// oracleFuncInfo is the function information of the oracle's programs with BTF: type 6 is that of
// functions that are called, type 7 that of callbacks.
func oracleFuncInfo(insns []isa.Insn) []byte {
	funcs := map[int]int{0: 6}
	for pc, in := range insns {
		switch in.Op {
		case isa.OpCallLocal:
			funcs[in.Target(pc)] = 6
		case isa.OpLddwFunc:
			funcs[in.Target(pc)] = 7
		}
	}
	var b []byte
	for _, at := range slices.Sorted(maps.Keys(funcs)) {
		b = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(b, uint32(at)), uint32(funcs[at]))
	}
	return b
}

// askLive gives a program of the oracle to the live kernel, put together from the same parts as
// verdictSpec has.
func askLive(t *testing.T, p *oracleProg, l *liveMaps) (*kernel.Verdict, error) {
	k := &kernel.Prog{
		Name: fmt.Sprintf("oracle_%d", p.ID), Type: p.ProgType, AttachType: p.AttachType, Flags: p.Flags, License: p.License,
		Insns: unhex(t, p.Insns), Maps: map[int]*kernel.Map{}, Kfuncs: map[int]string{},
	}
	for _, r := range p.MapRelocs {
		m, err := l.get(r.Map, p)
		if err != nil {
			return nil, err
		}
		k.Maps[r.Insn] = m
	}
	for _, r := range p.KfuncRelocs {
		k.Kfuncs[r.Insn] = r.Kfunc
	}
	if p.BTFTypes != "" {
		insns, err := isa.Decode(k.Insns)
		if err != nil {
			return nil, err
		}
		if k.BTF, err = kernel.LoadBTF(unhex(t, p.BTFTypes), unhex(t, p.BTFStrings)); err != nil {
			return nil, err
		}
		defer k.BTF.Close()
		k.FuncInfo = oracleFuncInfo(insns)
	}
	if p.AttachFunc != "" {
		name := p.AttachFunc
		switch {
		case p.AttachType == progtype.AttachTraceIter:
			name = "bpf_iter_" + name
		case p.ProgType == progtype.LSM.Kernel:
			name = "bpf_lsm_" + name
		}
		var err error
		if k.AttachBTFID, err = kernel.FuncID(name); err != nil {
			return nil, err
		}
	}
	prog, v, err := kernel.Load(k)
	if prog != nil {
		prog.Close()
	}
	return v, err
}

// TestOracleLive asks the live kernel about the oracle's programs again, so that a mistake in
// how the tests put them together is seen. Only the kernel that the oracle was recorded with has to agree.
func TestOracleLive(t *testing.T) {
	if err := kernel.Available(); err != nil {
		t.Skip(err)
	}
	progs, kinds := readOracle(t)
	held := newLiveMaps(t, kinds)
	asked, agree, sameCount, differ := 0, 0, 0, 0
	left := map[string]int{}
	for i, p := range progs {
		switch {
		case testing.Short() && i%4 != 0:
			continue
		case p.Live.Verdict == "not_judged":
			left["the kernel did not judge it"]++
			continue
		case len(p.Insns) > 16*kernel.MaxInsns:
			left["it is too large to load for a test"]++
			continue
		}
		v, err := askLive(t, p, held)
		if err != nil {
			t.Errorf("%s: %v", p, err)
			continue
		}
		asked++
		if v.Accepted != (p.Live.Verdict == "accept") || !v.Accepted && v.ErrnoName != p.Live.Errno {
			differ++
			t.Logf("%s: recorded %s %s %q, now %v %s %q", p, p.Live.Verdict, p.Live.Errno, p.Live.LastLine, v.Accepted, v.ErrnoName, v.LastLine)
			continue
		}
		agree++
		if v.Processed == p.Live.Processed {
			sameCount++
		}
	}
	t.Logf("kernel %s: %d programs, %d agree with what is recorded, %d of them to the instruction; %s", kernel.Release(), asked, agree, sameCount, histogram(left))
	if differ > 0 && minor(kernel.Release()) == knownKernel {
		t.Errorf("%d programs differ from what a kernel of the same release said", differ)
	}
}
