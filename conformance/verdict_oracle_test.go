package conformance

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"
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

// A judgement is what gbpf's verifier says about a program.
type judgement struct {
	accepted bool
	// out is the feature that the verifier does not know, "" for a verdict that counts.
	out   string
	err   error // why the program was refused
	stats verifier.Stats
}

func (j *judgement) String() string {
	switch {
	case j.out != "":
		return "unsupported"
	case j.accepted:
		return "accept"
	}
	return "reject"
}

// judge verifies a program. A panic of the verifier is a failure of the test, whatever the kernel said.
func judge(t testing.TB, spec *verifier.Spec) (j *judgement) {
	t.Helper()
	defer func() {
		if r := recover(); r != nil {
			t.Errorf("%s: the verifier panicked: %v", spec.Name, r)
			j = &judgement{err: fmt.Errorf("panic: %v", r), out: "panic"}
		}
	}()
	proof, err := verifier.Verify(spec, verifier.Options{})
	if err == nil {
		return &judgement{accepted: true, stats: proof.Stats()}
	}
	j = &judgement{err: err}
	var ve *verifier.Error
	if !errors.As(err, &ve) {
		t.Errorf("%s: the verifier's error is a %T, want *verifier.Error: %v", spec.Name, err, err)
		return j
	}
	j.stats = ve.Stats
	if ve.Code == verifier.CodeUnsupported {
		j.out = ve.Reason
	}
	return j
}

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
		Sleepable: p.Flags&flagSleepable != 0, StrictAlignment: p.Flags&flagStrictAlignment != 0, Insns: insns,
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

// An exception is a program about which gbpf and the kernel differ, and may.
type exception struct {
	accept bool // gbpf accepts it
	reason string
	seen   bool
}

// readExceptions reads a list of lines "KEY accept|reject REASON", where the verdict is gbpf's and
// the kernel's is the other one. Empty lines and those that begin with # are comments.
func readExceptions(t *testing.T, file string) map[string]*exception {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	list := map[string]*exception{}
	for lines, n := bufio.NewScanner(f), 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		key, rest, _ := strings.Cut(line, " ")
		verdict, reason, _ := strings.Cut(strings.TrimSpace(rest), " ")
		reason = strings.TrimSpace(reason)
		if verdict != "accept" && verdict != "reject" || reason == "" {
			t.Fatalf("%s:%d: %q: want KEY accept|reject REASON", file, n, line)
		}
		if list[key] != nil {
			t.Fatalf("%s:%d: %s is listed twice", file, n, key)
		}
		list[key] = &exception{accept: verdict == "accept", reason: reason}
	}
	return list
}

// verdicts counts how two verifiers agree.
type verdicts struct {
	accepted, rejected         int // by both
	unsafe, falseReject        int // by gbpf alone, by the kernel alone
	excepted                   int // differing, and listed as an exception
	out                        map[string]int
	kernelInsns, insns         int // processed for programs that both accepted
	kernelRejected, ourRejects int // processed for programs that both refused
}

func (v *verdicts) leaveOut(why string) {
	if v.out == nil {
		v.out = map[string]int{}
	}
	v.out[why]++
}

func (v *verdicts) inScope() int {
	return v.accepted + v.rejected + v.unsafe + v.falseReject + v.excepted
}

func (v *verdicts) String() string {
	n := v.inScope()
	left := 0
	for _, c := range v.out {
		left += c
	}
	return fmt.Sprintf("%d programs in scope (%.1f %% of %d): both accept %d, both reject %d, unsafe acceptances %d, false rejections %d, listed exceptions %d\n"+
		"processed instructions of those accepted: kernel %d, gbpf %d (%.3f); of those rejected: kernel %d, gbpf %d\n%s",
		n, 100*float64(n)/float64(max(1, n+left)), n+left, v.accepted, v.rejected, v.unsafe, v.falseReject, v.excepted,
		v.kernelInsns, v.insns, float64(v.insns)/float64(max(1, v.kernelInsns)), v.kernelRejected, v.ourRejects, histogram(v.out))
}

// add counts one program and returns what to report, "" when the verdicts agree or the
// difference is listed.
func (v *verdicts) add(key string, accepted bool, line string, processed int, j *judgement, list map[string]*exception) string {
	if j.out != "" {
		v.leaveOut(j.out)
		return ""
	}
	if accepted == j.accepted {
		if accepted {
			v.accepted++
			v.kernelInsns += processed
			v.insns += j.stats.Processed
		} else {
			v.rejected++
			v.kernelRejected += processed
			v.ourRejects += j.stats.Processed
		}
		return ""
	}
	if e := list[key]; e != nil && e.accept == j.accepted {
		e.seen = true
		v.excepted++
		return ""
	}
	if j.accepted {
		v.unsafe++
		return fmt.Sprintf("UNSAFE: accepted, the kernel rejects: %s", line)
	}
	v.falseReject++
	return fmt.Sprintf("FALSE REJECTION, the kernel accepts: %v", j.err)
}

// checkExceptions fails for listed programs about which the two do not differ (any more).
func checkExceptions(t *testing.T, file string, list map[string]*exception) {
	t.Helper()
	for key, e := range list {
		if !e.seen {
			t.Errorf("%s: %s is listed (%s), but gbpf and the kernel do not differ in that way", file, key, e.reason)
		}
	}
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
		if text := v.add(fmt.Sprint(p.ID), accepted, p.Live.LastLine, p.Live.Processed, j, list); text != "" {
			t.Errorf("%s: %s", p, text)
		}
	}
	checkExceptions(t, oracleExceptionsFile, list)
	t.Log(v.String())
}
