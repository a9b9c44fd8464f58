package proto_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"

	"github.com/gbpf/gbpf/helpers/proto"
)

var r0State = regexp.MustCompile(`R0=(\w+)`)

// result is what the log says of R0 behind a call, "" when it is not readable.
func (p *kfuncProber) result(b *probe, k *proto.KfuncProto) string {
	bad := *b
	bad.after = asm.Instructions{asm.Mov.Reg(asm.R1, asm.R0), asm.LoadMem(asm.R1, asm.RFP, 8, asm.DWord)}
	if k.Flags&proto.KfuncIterNext != 0 {
		// The log comes to the end of the iterator first.
		bad.after = append(asm.Instructions{asm.JEq.Imm(asm.R0, 0, "end"), asm.LoadMem(asm.R1, asm.RFP, 8, asm.DWord)}, b.after...)
		bad.after[2] = bad.after[2].WithSymbol("end")
	}
	log := p.ask(bad)
	_, log, _ = strings.Cut(log, fmt.Sprintf("(85) call %s#", k.Name))
	if strings.Contains(log, "R0 !read_ok") {
		return ""
	}
	all := r0State.FindAllStringSubmatch(log, -1)
	for i := len(all) - 1; i >= 0; i-- {
		if k.Flags&proto.KfuncIterNext == 0 {
			return all[0][1]
		}
		if all[i][1] != "0" {
			return all[i][1]
		}
	}
	return "?"
}

// state is how the kernel's log writes a result.
func state(r proto.KfuncRet) string {
	s := ""
	switch r.Kind {
	case proto.KfuncRetScalar:
		return "scalar"
	case proto.KfuncRetMem:
		s = "mem"
	case proto.KfuncRetBTF:
		s = "ptr_"
		if r.Flags&proto.MaybeNull != 0 {
			s += "or_null_"
		}
		s += r.BTF
	}
	for _, f := range []struct {
		flag proto.Flag
		name string
	}{{proto.Untrusted, "untrusted_"}, {proto.Trusted, "trusted_"}, {proto.RCU, "rcu_"}, {proto.Rdonly, "rdonly_"}} {
		if r.Flags&f.flag != 0 {
			s = f.name + s
		}
	}
	if r.Kind == proto.KfuncRetMem && r.Flags&proto.MaybeNull != 0 {
		s += "_or_null"
	}
	return s
}

// TestKfuncFlags compares the flags and results of kfuncs with how the live kernel treats calls of them.
func TestKfuncFlags(t *testing.T) {
	p := newKfuncProber(t)
	rights, left := 0, []string{}
	for _, k := range proto.Kfuncs() {
		b := p.build(k)
		if b == nil {
			left = append(left, k.Name)
			continue
		}
		rights++
		log := p.ask(*b)
		leaks := strings.Contains(log, "reference leak")
		if log != "" && !leaks {
			t.Errorf("%s in %s: right call refused: %s", k.Name, b.flavour.name, last(log))
			continue
		}
		if want := k.Flags&proto.KfuncAcquire != 0 && k.Flags&proto.KfuncRelease == 0; leaks != want {
			t.Errorf("%s: acquires is %v, the kernel says %s", k.Name, want, last(log))
		}
		r := k.Ret
		if k.Flags&proto.KfuncIterNext != 0 {
			r.Flags &^= proto.MaybeNull
		}
		if got := p.result(b, k); k.Ret.Kind != proto.KfuncRetSpecial && got != state(r) {
			t.Errorf("%s: result is %q, the kernel says %q", k.Name, state(r), got)
		}
		p.sleeps(k, b)
		p.trusts(k, b)
	}
	t.Logf("%d kfuncs compared, in %d programs; left out: %s", rights, p.asked, strings.Join(left, ", "))
}

// sleeps checks that programs which are not sleepable may not call what sleeps.
func (p *kfuncProber) sleeps(k *proto.KfuncProto, b *probe) {
	p.t.Helper()
	awake := *b
	if b.flavour.sleepable {
		awake.flavour = kfuncFlavour("tp_btf")
	}
	if !proto.KfuncAllowed(uint32(awake.flavour.typ), uint32(awake.flavour.attach), k.Name) {
		return
	}
	awake.before, awake.after = nil, nil // what makes the arguments may itself sleep
	awake.call = b.call[len(b.call)-1:]
	if got := strings.Contains(p.ask(awake), "program must be sleepable to call sleepable kfunc "+k.Name); got != (k.Flags&proto.KfuncSleepable != 0) {
		p.t.Errorf("%s: sleepable is %v, the kernel's %v", k.Name, !got, got)
	}
}

// trusts checks what a call asks of its pointers: it is made with NULL, and with a pointer that may be stale.
func (p *kfuncProber) trusts(k *proto.KfuncProto, b *probe) {
	p.t.Helper()
	trusted := k.Flags&(proto.KfuncTrustedArgs|proto.KfuncRelease) != 0
	for i, a := range k.Args {
		r := asm.R1 + asm.Register(i)
		switch a.Kind {
		case proto.KfuncScalar, proto.KfuncConst, proto.KfuncSize, proto.KfuncConstSize, proto.KfuncIgnored, proto.KfuncProg:
			continue
		}
		with := func(is ...asm.Instruction) string {
			p.t.Helper()
			other := *b
			call := b.call[:len(b.call)-1]
			other.call = append(append(append(asm.Instructions(nil), call...), is...), b.call[len(b.call)-1])
			return p.ask(other)
		}
		want := (trusted || k.Flags&proto.KfuncRCU != 0) && a.Flags&proto.KfuncNullable == 0
		if log := with(asm.Mov.Imm(r, 0)); strings.Contains(log, fmt.Sprintf("Possibly NULL pointer passed to trusted arg%d", i)) != want {
			p.t.Errorf("%s: argument %d may not be NULL is %v, the kernel says %s", k.Name, i+1, want, last(log))
		}
		if a.Kind != proto.KfuncBTF || a.Flags&proto.KfuncNullable != 0 {
			continue
		}
		// Memory stands in for structures that hold numbers only.
		if log := with(stackAt(r, atBuf)...); strings.Contains(log, "must point to scalar, or struct with scalar") == (a.Flags&proto.KfuncOrMem != 0) {
			p.t.Errorf("%s: argument %d may be memory is %v, the kernel says %s", k.Name, i+1, a.Flags&proto.KfuncOrMem != 0, last(log))
		}
		// Registers are saved, as R0 to R5 do not outlive the cast.
		other := *b
		other.before = append(append(asm.Instructions(nil), b.before...), asm.Mov.Imm(asm.R1, 0), asm.LoadImm(asm.R2, int64(p.types[a.BTF]), asm.DWord), p.call("bpf_rdonly_cast"), asm.Mov.Reg(asm.R9, asm.R0))
		call := b.call[:len(b.call)-1]
		other.call = append(append(asm.Instructions(nil), call...), asm.Mov.Reg(r, asm.R9), b.call[len(b.call)-1])
		log := p.ask(other)
		wants := ""
		switch {
		case k.Flags&proto.KfuncRCU != 0:
			wants = fmt.Sprintf("R%d must be a rcu pointer", i+1)
		case trusted:
			wants = fmt.Sprintf("R%d must be referenced or trusted", i+1)
		}
		if got := strings.Contains(log, "must be a rcu pointer") || strings.Contains(log, "must be referenced or trusted"); got != (wants != "") || !strings.Contains(log, wants) {
			p.t.Errorf("%s: a stale argument %d should be refused with %q, the kernel says %s", k.Name, i+1, wants, last(log))
		}
	}
}

// TestFieldTrustKfunc checks the trusted field of a structure that only a kfunc gives.
func TestFieldTrustKfunc(t *testing.T) {
	p := newKfuncProber(t)
	_, spec := kernelKfuncs(t)
	var css *btf.Struct
	if err := spec.TypeByName("cgroup_subsys_state", &css); err != nil {
		t.Fatal(err)
	}
	b := p.build(proto.Kfunc("bpf_iter_css_next"))
	compared := 0
	for _, m := range css.Members {
		to, _, ok := pointed(m.Type)
		if !ok {
			continue
		}
		target, _, ok := composite(to)
		if !ok {
			continue
		}
		probe := *b
		probe.after = append(asm.Instructions{
			asm.JEq.Imm(asm.R0, 0, "end"), asm.LoadMem(asm.R2, asm.R0, int16(m.Offset.Bytes()), asm.DWord), asm.LoadMem(asm.R3, asm.RFP, 8, asm.DWord),
		}, b.after...)
		probe.after[3] = probe.after[3].WithSymbol("end")
		want := "ptr_" + target
		if proto.FieldTrust(css.Name, m.Name, target) == proto.TrustRCU {
			want = "rcu_" + want
		}
		compared++
		if all := r2State.FindAllStringSubmatch(p.ask(probe), -1); len(all) == 0 || all[len(all)-1][1] != want {
			t.Errorf("%s.%s is %s, the kernel says %v", css.Name, m.Name, want, all)
		}
	}
	t.Logf("%d fields compared with the live kernel", compared)
}

// TestKernCtx compares the kernel's own contexts with what the live kernel says that a cast gives.
func TestKernCtx(t *testing.T) {
	p := newKfuncProber(t)
	compared := 0
	for i := range kfuncFlavours {
		f := &kfuncFlavours[i]
		log, err := loadSpec(f, asm.Instructions{p.call("bpf_cast_to_kern_ctx"), asm.LoadMem(asm.R1, asm.RFP, 8, asm.DWord), asm.Return()})
		if err != nil || strings.Contains(log, "programs can be sleepable") {
			continue
		}
		got := ""
		_, behind, _ := strings.Cut(log, "(85) call bpf_cast_to_kern_ctx#")
		if m := r0State.FindStringSubmatch(behind); m != nil {
			got = m[1]
		}
		want := proto.KernCtx(uint32(f.typ))
		if want != "" {
			want = "trusted_ptr_" + want
		}
		compared++
		if got != want {
			t.Errorf("%s: the kernel's context is %q, the kernel says %q: %s", f.name, want, got, last(log))
		}
	}
	t.Logf("%d casts compared with the live kernel", compared)
}
