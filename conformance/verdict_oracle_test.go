package conformance

import (
	"errors"
	"fmt"
	"testing"

	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

// oracleExceptionsFile lists the oracle's programs about which gbpf and the kernel differ.
const oracleExceptionsFile = "testdata/oracle_exceptions.txt"

// Flags of prog_flags that the oracle's programs have and that a verdict depends on.
const (
	flagStrictAlignment = 1 << 0
	flagSleepable       = 1 << 4
)

// valueFields are the special fields of the map values that mapbtf_6.12.json describes, by BTF type ID.
var valueFields = map[uint32][]maps.Field{
	3: {{Kind: maps.FieldSpinLock, Off: 4, Size: 4}},
	5: {{Kind: maps.FieldTimer, Off: 0, Size: 16}},
	14: {
		{Kind: maps.FieldKptrUntrusted, Off: 0, Size: 8, Type: "prog_test_ref_kfunc"},
		{Kind: maps.FieldKptr, Off: 8, Size: 8, Type: "prog_test_ref_kfunc"},
		{Kind: maps.FieldKptr, Off: 16, Size: 8, Type: "prog_test_member"},
	},
}

// iterTask is the function whose arguments are the context of an iterator over tasks.
var iterTask = &verifier.FuncType{
	Name: "bpf_iter_task",
	Args: []verifier.ArgType{
		{Class: verifier.ArgBTF, Size: 8, Type: "bpf_iter_meta", Trusted: true},
		{Class: verifier.ArgBTF, Size: 8, Type: "task_struct", Trusted: true, Nullable: true},
	},
	Ret: verifier.ArgType{Class: verifier.ArgScalar, Size: 4},
}

// oracleTypes has the kernel's structures that the oracle's programs look into.
type oracleTypes map[string]*verifier.Struct

func (o oracleTypes) Struct(name string) *verifier.Struct { return o[name] }

func (oracleTypes) StructByID(uint32) string { return "" }

func (oracleTypes) KernelSymbol(uint32) (string, *verifier.ArgType, bool, bool) {
	return "", nil, false, false
}

var kernelStructs = oracleTypes{
	"bpf_iter_meta": {Name: "bpf_iter_meta", Size: 24, Members: []verifier.Member{
		{Name: "seq", Off: 0, Size: 8, Kind: verifier.MemberPtr, Type: "seq_file"}, {Name: "session_id", Off: 8, Size: 8}, {Name: "seq_num", Off: 16, Size: 8},
	}},
	"prog_test_ref_kfunc": {Name: "prog_test_ref_kfunc", Size: 32, Members: []verifier.Member{
		{Name: "a", Off: 0, Size: 4}, {Name: "b", Off: 4, Size: 4}, {Name: "memb", Off: 8, Size: 8, Kind: verifier.MemberStruct, Type: "prog_test_member"},
		{Name: "next", Off: 16, Size: 8, Kind: verifier.MemberPtr, Type: "prog_test_ref_kfunc"}, {Name: "cnt", Off: 24, Size: 4, Kind: verifier.MemberStruct, Type: "refcount_struct"},
	}},
	"prog_test_member": {Name: "prog_test_member", Size: 8, Members: []verifier.Member{
		{Name: "m", Off: 0, Size: 4, Kind: verifier.MemberStruct, Type: "prog_test_member1"}, {Name: "c", Off: 4, Size: 4},
	}},
	"prog_test_member1": {Name: "prog_test_member1", Size: 4, Members: []verifier.Member{{Name: "a", Off: 0, Size: 4}}},
}

// verdictMap describes a map of one of the oracle's kinds to the verifier.
func verdictMap(k *oracleMap) *verifier.Map {
	m := &verifier.Map{
		Name: k.Kind, Type: maps.Type(k.Type), KeySize: k.KeySize, ValueSize: k.ValueSize,
		MaxEntries: k.MaxEntries, Flags: k.Flags, Fields: valueFields[k.BTFValue],
	}
	if m.Type.OfMaps() {
		m.Inner = &verifier.Map{Name: "inner", Type: maps.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1}
	}
	return m
}

// verdictSpec describes a program of the oracle to the verifier. The error is an
// outOfScope, or says that the bytes are no program.
func verdictSpec(t testing.TB, p *oracleProg, kinds map[string]*oracleMap) (*verifier.Spec, error) {
	typ := progtype.ByKernel(p.ProgType)
	if typ == nil {
		return nil, outOfScope(fmt.Sprintf("program type %d", p.ProgType))
	}
	insns, err := isa.Decode(unhex(t, p.Insns))
	if err != nil {
		return nil, err
	}
	s := &verifier.Spec{
		Name: fmt.Sprintf("oracle_%d", p.ID), Type: typ, Attach: p.AttachType, GPL: p.License == "GPL",
		Sleepable: p.Flags&flagSleepable != 0, StrictAlignment: p.Flags&flagStrictAlignment != 0, Insns: insns, Types: kernelStructs,
	}
	if p.AttachType == progtype.AttachTraceIter && p.AttachFunc == "task" {
		s.AttachBTF = iterTask
	}
	made := map[string]int{}
	for _, r := range p.MapRelocs {
		i, ok := made[r.Map]
		if !ok {
			k := kinds[r.Map]
			if k == nil {
				return nil, fmt.Errorf("no map kind %s", r.Map)
			}
			i = len(s.Maps)
			s.Maps = append(s.Maps, verdictMap(k))
			made[r.Map] = i
		}
		in := &s.Insns[r.Insn]
		in.Imm = int64(uint64(in.Imm)&^0xffffffff | uint64(i))
	}
	for _, r := range p.KfuncRelocs {
		s.Insns[r.Insn].Imm = int64(len(s.Kfuncs))
		s.Kfuncs = append(s.Kfuncs, r.Kfunc)
	}
	return s, nil
}

// TestOracleVerdicts verifies every program that the oracle's kernel judged and compares the verdicts.
func TestOracleVerdicts(t *testing.T) {
	progs, kinds := readOracle(t)
	list := readExceptions(t, oracleExceptionsFile)
	var v verdicts
	for _, p := range progs {
		if p.Live.Verdict == "not_judged" {
			v.leaveOut("the kernel did not judge it")
			continue
		}
		accepted := p.Live.Verdict == "accept"
		spec, err := verdictSpec(t, p, kinds)
		j := &judgement{err: err}
		if reason := outOfScope(""); errors.As(err, &reason) {
			j.out = string(reason)
		}
		if err == nil {
			j = judge(t, spec)
		}
		if !accepted && j.out == "" && !j.accepted && j.stats.Processed != p.Live.Processed && *elsewhere {
			t.Logf("%s: refused after %d instructions, by the kernel after %d: %q, gbpf: %v", p, j.stats.Processed, p.Live.Processed, p.Live.LastLine, j.err)
		}
		if text := v.add(fmt.Sprint(p.ID), accepted, p.Live.LastLine, p.Live.Processed, j, list); text != "" {
			t.Errorf("%s: %s\n%s", p, text, listing(spec))
		}
	}
	checkExceptions(t, oracleExceptionsFile, list)
	t.Log(v.String())
}
