package vm_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/gbpf/gbpf/helpers"
	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
	"github.com/gbpf/gbpf/vm"
)

// seq joins instructions and pairs of them.
func seq(parts ...any) (all []isa.Insn) {
	for _, p := range parts {
		switch p := p.(type) {
		case isa.Insn:
			all = append(all, p)
		case []isa.Insn:
			all = append(all, p...)
		}
	}
	return all
}

// TestPolicies holds programs against each policy: what is refused at load and by which rule, or how the run ends.
func TestPolicies(t *testing.T) {
	mov := one(isa.OpMov64Imm, 0, 0, 0, 2)
	for _, tt := range []struct {
		name  string
		insns []isa.Insn
		// want has what becomes of it under linux, strict and sandboxed: "" for a run that returns 2, the verifier's code
		// for a refusal, "trap: " and the trap's.
		want [3]string
	}{
		{"plain", seq(mov, exit), [3]string{}},
		{"unwritten stack", seq(one(isa.OpLdxDW, 1, 10, -8, 0), mov, exit), [3]string{"", "uninit", ""}},
		{"unwritten register", seq(one(isa.OpMov64Reg, 3, 7, 0, 0), mov, exit), [3]string{"uninit", "uninit", ""}},
		{"address in the return value", seq(one(isa.OpMov64Reg, 0, 10, 0, 0), exit), [3]string{"returns", "leak", "returns"}},
		{"beyond the packet", seq(one(isa.OpLdxW, 1, 1, 0, 0), one(isa.OpLdxB, 0, 1, 4000, 0), mov, exit),
			[3]string{"bounds", "bounds", "trap: bad memory access"}},
		{"endless", seq(mov, one(isa.OpJneImm, 0, 0, -1, 3), exit), [3]string{"loop", "loop", "trap: out of fuel"}},
		{"dead code", seq(mov, exit, mov, exit), [3]string{"structure", "structure", ""}},
		{"jump out", seq(one(isa.OpJa, 0, 0, 9, 0), mov, exit), [3]string{"structure", "structure", "structure"}},
		{"helper of another type", seq(one(isa.OpCallHelper, 0, 0, 0, 34), mov, exit), [3]string{"helper", "helper", ""}},
	} {
		for policy, want := range tt.want {
			policy := vm.Policy(policy)
			m := machine(t, vm.Options{CPUs: 1, Policy: policy, Fuel: 1000})
			got, proven := "", false
			p, err := m.NewProgram(&vm.ProgramSpec{Name: "p", Type: progtype.XDP, Insns: tt.insns, License: "GPL"})
			var ve *verifier.Error
			switch {
			case errors.As(err, &ve):
				got = string(ve.Code)
			case err != nil:
				got = err.Error()
			default:
				proven = p.Stats().Engine != "checked"
				r, err := p.Run(context.Background(), &vm.RunOptions{Data: make([]byte, 64)})
				var trap *vm.Trap
				switch {
				case errors.As(err, &trap):
					got = "trap: " + trap.Code.String()
				case err != nil:
					got = err.Error()
				case r != 2:
					got = "returns"
				}
			}
			if got != want {
				t.Errorf("%s under %s: %q, want %q (%v)", tt.name, policy, got, want, err)
			}
			if p != nil && proven != (policy != vm.PolicySandboxed) {
				t.Errorf("%s under %s: runs in fast mode: %v", tt.name, policy, proven)
			}
		}
	}
}

// TestRefusal is a refusal as the caller sees it: one line, which says everything once, and the verifier's error behind it.
func TestRefusal(t *testing.T) {
	m := machine(t, vm.Options{CPUs: 1})
	_, err := m.NewProgram(&vm.ProgramSpec{
		Name: "peek", Type: progtype.XDP,
		Insns: seq(one(isa.OpLdxW, 1, 1, 0, 0), one(isa.OpLdxB, 0, 1, 14, 0), exit),
		Lines: []vm.Line{{Insn: 0, File: "peek.c", Num: 3, Text: "  void *p = ctx->data;"}, {Insn: 1, File: "peek.c", Num: 4, Text: "  return p[14];"}},
	})
	var le *vm.LoadError
	var ve *verifier.Error
	if !errors.As(err, &le) || !errors.As(err, &ve) || le.Unwrap() != ve {
		t.Fatalf("%T: %v", err, err)
	}
	if le.Program != "peek" || le.Insn != 1 || le.Insn != ve.Insn || le.Reason != ve.Reason || le.Unsupported || ve.Code != verifier.CodeBounds {
		t.Errorf("%+v of %+v", le, ve)
	}
	if want := "load program: peek: insn 1: " + ve.Reason + " (peek.c:4: return p[14];)"; err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
	report := fmt.Sprintf("%+v", err)
	if first, rest, _ := strings.Cut(report, "\n"); first != err.Error() || !strings.Contains(rest, "data_end") || fmt.Sprint(err) != err.Error() || fmt.Sprintf("%q", err) != strconv.Quote(err.Error()) {
		t.Errorf("as a report:\n%s", report)
	}
	if strings.Count(err.Error(), "peek:") != 1 || strings.Count(err.Error(), ve.Reason) != 1 || strings.Contains(err.Error(), "verify") || strings.Contains(err.Error(), "\n") {
		t.Errorf("not one line that says everything once: %q", err)
	}
}

// TestLimits bounds a verification.
func TestLimits(t *testing.T) {
	// 8 independent branches, each of which makes two paths.
	insns := seq(one(isa.OpLdxW, 2, 1, 16, 0), one(isa.OpMov64Imm, 0, 0, 0, 0))
	for i := range 8 {
		insns = append(insns, one(isa.OpJsetImm, 2, 0, 1, 1<<i), one(isa.OpAdd64Imm, 0, 0, 0, 1<<i))
	}
	insns = append(insns, one(isa.OpAnd64Imm, 0, 0, 0, 2), exit)
	for _, tt := range []struct {
		o    vm.Options
		want string
	}{{vm.Options{}, ""}, {vm.Options{VerifySteps: 20}, "limit"}, {vm.Options{VerifyMemory: 1}, "limit"}} {
		tt.o.CPUs = 1
		_, err := machine(t, tt.o).NewProgram(&vm.ProgramSpec{Name: "p", Type: progtype.XDP, Insns: insns})
		var ve *verifier.Error
		if got := errors.As(err, &ve); got != (tt.want != "") || got && string(ve.Code) != tt.want {
			t.Errorf("%d steps, %d bytes: %v, want %q", tt.o.VerifySteps, tt.o.VerifyMemory, err, tt.want)
		}
	}
}

// TestUnsupported has refusals that are about the machine, not the program.
func TestUnsupported(t *testing.T) {
	m := machine(t, vm.Options{CPUs: 1})
	unknown := seq(one(isa.OpCallHelper, 0, 0, 0, 4711), one(isa.OpMov64Imm, 0, 0, 0, 2), exit)
	for _, tt := range []struct {
		name  string
		insns []isa.Insn
		want  string
	}{
		{"helper", unknown, "load program: p: insn 0: helper unknown#4711 is unknown to this machine: register it with RegisterHelper"},
		{"helper of the kernel's", seq(one(isa.OpMov64Reg, 1, 10, 0, 0), one(isa.OpCallHelper, 0, 0, 0, 9999), exit),
			"load program: p: insn 1: helper unknown#9999 is unknown to this machine: register it with RegisterHelper"},
		{"kfunc", seq(one(isa.OpCallKfunc, 0, 2, 0, 0), one(isa.OpMov64Imm, 0, 0, 0, 2), exit),
			"load program: p: insn 0: kfunc no_such_kfunc is unknown to this machine"},
	} {
		_, err := m.NewProgram(&vm.ProgramSpec{Name: "p", Type: progtype.XDP, Insns: tt.insns, Kfuncs: []string{"no_such_kfunc"}})
		var le *vm.LoadError
		if !errors.As(err, &le) || err.Error() != tt.want || !le.Unsupported {
			t.Errorf("%s: got  %v, unsupported %v\nwant %s", tt.name, err, le != nil && le.Unsupported, tt.want)
		}
	}
	// Where no path leads, nothing is missed: programs ask for what there is before they use it.
	dead := seq(one(isa.OpMov64Imm, 0, 0, 0, 2), one(isa.OpJeqImm, 0, 0, 1, 2), one(isa.OpCallHelper, 0, 0, 0, 4711), exit)
	p, err := m.NewProgram(&vm.ProgramSpec{Name: "p", Type: progtype.XDP, Insns: dead})
	if err != nil {
		t.Fatal(err)
	}
	if r, _, err := p.Test(make([]byte, 64)); r != 2 || err != nil {
		t.Error(r, err)
	}
}

// TestProof holds what runs against what was verified.
func TestProof(t *testing.T) {
	insns := seq(one(isa.OpMov64Imm, 0, 0, 0, 2), exit)
	m := machine(t, vm.Options{CPUs: 1})
	p := load(t, m, "xdp", nil, insns...)
	insns[0] = one(isa.OpMov64Imm, 0, 0, 0, 1) // the caller's copy is the caller's
	proof := p.Proof()
	if proof == nil || proof.Policy() != vm.PolicyLinux || !proof.Fact(0).Has(verifier.Reached) || proof.Stats().Insns != 2 {
		t.Fatalf("%+v", proof)
	}
	if &proof.Insns()[0] != &p.Interp().Insns()[0] || !p.Interp().Proven() {
		t.Error("what runs is not what was verified")
	}
	if r, _, err := p.Test(make([]byte, 64)); r != 2 || err != nil {
		t.Error(r, err)
	}
	sandboxed := load(t, machine(t, vm.Options{CPUs: 1, Policy: vm.PolicySandboxed}), "xdp", nil, insns...)
	if proof := sandboxed.Proof(); proof == nil || proof.Policy() != vm.PolicySandboxed || proof.Fact(0).Flags != 0 || sandboxed.Interp().Proven() {
		t.Errorf("a sandboxed program's proof: %+v", proof)
	}
}

// TestFastMode finds out in which mode a program runs by a helper that breaks its promise: it returns a pointer to what is no
// object, and checked mode traps on the access.
func TestFastMode(t *testing.T) {
	insns := seq(one(isa.OpMov64Imm, 6, 0, 0, 0), one(isa.OpCallHelper, 0, 0, 0, 5000), one(isa.OpLdxW, 0, 0, 0, 0), one(isa.OpMov64Imm, 0, 0, 0, 2), exit)
	liar := helpers.Helper{
		Proto: &proto.Proto{ID: 5000, Name: "liar", Args: [5]proto.Arg{}, Ret: proto.Ret{Kind: proto.RetPtrToSocket}},
		Func:  func(*helpers.Call) uint64 { return 1 << 20 }, // no object lies there
	}
	for _, tt := range []struct {
		o      vm.Options
		engine string
		traps  bool
	}{
		{vm.Options{Engine: vm.EngineInterp}, "interp", false},
		{vm.Options{Checked: true}, "checked", true},
		{vm.Options{Policy: vm.PolicySandboxed}, "checked", true},
	} {
		tt.o.CPUs, tt.o.Helpers = 1, []helpers.Helper{liar}
		p := load(t, machine(t, tt.o), "sched_cls", nil, insns...)
		o := vm.RunOptions{Data: make([]byte, 64)}
		_, err := p.Run(context.Background(), &o)
		if traps := errors.Is(err, &vm.Trap{Code: vm.TrapBadAccess}); traps != tt.traps || err != nil && !traps {
			t.Errorf("policy %s, checked %v: %v", tt.o.Policy, tt.o.Checked, err)
		}
		if s := p.Stats(); s.Engine != tt.engine || s.Reason == "" {
			t.Errorf("policy %s, checked %v: %+v", tt.o.Policy, tt.o.Checked, s)
		}
		if !tt.traps && o.Insns != 5 {
			t.Errorf("%d instructions counted, want 5", o.Insns)
		}
	}
}

// TestHostHelpers calls helpers that the kernel does not have, and one that it has but would not let the program call,
// of which the host has its own.
func TestHostHelpers(t *testing.T) {
	anything := proto.Arg{Kind: proto.Anything}
	own := helpers.Helper{
		Proto: &proto.Proto{ID: 70000, Name: "sum", Args: [5]proto.Arg{anything, anything}},
		Func:  func(c *helpers.Call) uint64 { return c.Args[0] + c.Args[1] },
	}
	uid := helpers.Helper{Proto: &proto.Proto{ID: 47, Name: "get_socket_uid"}, Func: func(*helpers.Call) uint64 { return 1 }}
	insns := seq(
		one(isa.OpCallHelper, 0, 0, 0, 47), one(isa.OpMov64Reg, 1, 0, 0, 0), one(isa.OpMov64Imm, 2, 0, 0, 1),
		one(isa.OpCallHelper, 0, 0, 0, 70000), one(isa.OpAnd64Imm, 0, 0, 0, 3), exit)
	for _, policy := range []vm.Policy{vm.PolicyLinux, vm.PolicyStrict} {
		m := machine(t, vm.Options{CPUs: 1, Policy: policy, Helpers: []helpers.Helper{own, uid}})
		p := load(t, m, "xdp", nil, insns...)
		if r, _, err := p.Test(make([]byte, 64)); r != 2 || err != nil || p.Stats().Engine == "checked" {
			t.Errorf("%s: %d, %v, %s", policy, r, err, p.Stats().Engine)
		}
		// Its prototype is the host's: what it is not given is not initialised.
		_, err := m.NewProgram(&vm.ProgramSpec{Name: "p", Type: progtype.XDP, License: "GPL", Insns: seq(one(isa.OpCallHelper, 0, 0, 0, 70000), exit)})
		var ve *verifier.Error
		if !errors.As(err, &ve) || ve.Code != verifier.CodeUninit && ve.Code != verifier.CodeLeak {
			t.Errorf("%s: without arguments: %v", policy, err)
		}
	}
}

// TestMapsOfVerifier describes maps as they are: an index within the array is in bounds, a frozen value is a constant.
func TestMapsOfVerifier(t *testing.T) {
	m := machine(t, vm.Options{CPUs: 1})
	ro, err := m.NewMap(&maps.Spec{Name: "ro", Type: maps.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1, Flags: maps.RdonlyProg,
		Contents: []maps.KeyValue{{Key: uint32(0), Value: uint64(7)}}})
	if err != nil {
		t.Fatal(err)
	}
	ref := isa.LoadImm64(isa.OpLddwMapValue, 1, 0)
	// An endless loop, if the constant were not 7.
	insns := seq(ref[:], one(isa.OpLdxDW, 2, 1, 0, 0), one(isa.OpJneImm, 2, 0, -1, 7), one(isa.OpMov64Imm, 0, 0, 0, 2), exit)
	spec := &vm.ProgramSpec{Name: "p", Type: progtype.XDP, Insns: insns, Maps: []*maps.Map{ro}}
	if _, err := m.NewProgram(spec); err == nil {
		t.Error("the value may change, and the loop may not end")
	}
	if err := ro.Freeze(); err != nil {
		t.Fatal(err)
	}
	p, err := m.NewProgram(spec)
	if err != nil {
		t.Fatal(err)
	}
	if r, _, err := p.Test(make([]byte, 64)); r != 2 || err != nil {
		t.Error(r, err)
	}
	d := vm.DescribeMap(ro)
	if d.Name != "ro" || d.Type != maps.Array || len(d.Contents) != 8 || d.Contents[0] != 7 || d.Inner != nil {
		t.Errorf("%+v", d)
	}
	outer, err := m.NewMap(&maps.Spec{Name: "outer", Type: maps.ArrayOfMaps, KeySize: 4, ValueSize: 4, MaxEntries: 1,
		Inner: &maps.Spec{Name: "in", Type: maps.Hash, KeySize: 2, ValueSize: 3, MaxEntries: 4, Fields: []maps.Field{{Kind: maps.FieldTimer, Size: 16}}}})
	if err != nil {
		t.Fatal(err)
	}
	if in := vm.DescribeMap(outer).Inner; in == nil || in.Type != maps.Hash || in.KeySize != 2 || in.ValueSize != 3 || len(in.Fields) != 1 {
		t.Errorf("%+v", in)
	}
}

// TestSmallContext runs a syscall program on less than it accesses: the verifier took the size for granted.
func TestSmallContext(t *testing.T) {
	m := machine(t, vm.Options{CPUs: 1})
	p, err := m.NewProgram(&vm.ProgramSpec{Name: "p", Type: progtype.Syscall, Sleepable: true, License: "GPL",
		Insns: seq(one(isa.OpLdxDW, 0, 1, 16, 0), exit)})
	if err != nil {
		t.Fatal(err)
	}
	ctx := make([]byte, 24)
	ctx[16] = 9
	if r, err := p.Run(context.Background(), &vm.RunOptions{Context: ctx}); r != 9 || err != nil {
		t.Error(r, err)
	}
	_, err = p.Run(context.Background(), &vm.RunOptions{Context: ctx[:16]})
	var in *progtype.InputError
	if !errors.As(err, &in) || in.What != "ctx" {
		t.Errorf("%v", err)
	}
}
