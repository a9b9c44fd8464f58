package conformance

import (
	"testing"

	"github.com/gbpf/gbpf/helpers"
	"github.com/gbpf/gbpf/internal/fuzzgen"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
	"github.com/gbpf/gbpf/vm"
)

// TestLastWalked checks that the instruction that the kernel complains of is found.
func TestLastWalked(t *testing.T) {
	log := "func#0 @0\n0: R1=ctx() R10=fp0\n0: (b7) r0 = 2                        ; R0=2\n12: (0f) r1 += r0\nmark_precise: frame0: last_idx 2\nmath between\nprocessed 3 insns\n"
	if got := lastWalked(log); got != 12 {
		t.Errorf("got %d, want 12", got)
	}
	if got := lastWalked("unreachable insn 3\n"); got != -1 {
		t.Errorf("got %d for a log without instructions, want -1", got)
	}
}

// TestRewritings checks that the programs that explain a difference do what the explained ones do: both
// run on the same packets.
func TestRewritings(t *testing.T) {
	g := &fuzzgen.Generator{Seed: 77}
	changed, compared := 0, 0
	programs, least := uint64(2500), 100
	if testing.Short() {
		// Each program has a machine of its own, whose window user-mode emulators never forget.
		programs, least = 60, 5
	}
	for n := range programs {
		p := g.Program(n)
		if p.Type != 6 || p.Raw != nil || verifyGenerated(p, verifier.Options{Steps: shrinkSteps}) != nil {
			continue
		}
		for _, e := range explanations {
			q := p.Clone()
			e.rewrite(q)
			if q.Len() == p.Len() && same(q.Insns, p.Insns) {
				continue
			}
			changed++
			// A number in R0 tells more than a return value: what the program computed last.
			a, okA := returned(t, p)
			b, okB := returned(t, q)
			if !okA || !okB {
				continue
			}
			compared++
			for i := range a {
				if a[i] != b[i] {
					t.Fatalf("%s: program %d returns %#x, rewritten %#x on packet %d\n%v\nrewritten:\n%v", e.why, n, a[i], b[i], i, p, q)
				}
			}
		}
	}
	t.Logf("%d rewritten programs, %d compared", changed, compared)
	if compared < least {
		t.Errorf("%d of %d rewritten programs were compared", compared, changed)
	}
}

// returned is what an XDP program returns for some packets, or that a run ended early. It is not ok for a program that
// cannot be loaded.
func returned(t *testing.T, p *fuzzgen.Program) (list []uint64, ok bool) {
	t.Helper()
	var ticks uint64
	m, err := vm.NewMachine(vm.Options{
		CPUs: 1, MemoryLimit: 16 << 20, Policy: vm.PolicySandboxed, Fuel: 1 << 16,
		Env: &helpers.Env{Clock: func() uint64 { ticks += 0x1234567; return ticks }, Rand: func() uint32 { ticks += 0x9e3779b1; return uint32(ticks) }},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	spec := &vm.ProgramSpec{Name: "rewritten", Type: progtype.XDP, License: "GPL", Insns: p.Insns, Kfuncs: p.Kfuncs}
	for _, fm := range p.Maps {
		made, err := m.NewMap(machineMap(fm))
		if err != nil {
			return nil, false
		}
		spec.Maps = append(spec.Maps, made)
	}
	prog, err := m.NewProgram(spec)
	if err != nil {
		return nil, false
	}
	for i := range 6 {
		packet := make([]byte, 14+20*i)
		for j := range packet {
			packet[j] = byte(j * (i + 3))
		}
		o := vm.RunOptions{Data: packet, NoOutput: true}
		r0, err := prog.Run(t.Context(), &o)
		if err != nil {
			r0 = 0xdead
		}
		list = append(list, r0)
	}
	return list, true
}

func machineMap(m *fuzzgen.Map) *maps.Spec {
	s := &maps.Spec{
		Name: m.Name, Type: maps.Type(m.Type), KeySize: m.KeySize, ValueSize: m.ValueSize, MaxEntries: m.MaxEntries, Flags: m.Flags,
	}
	v := verifierMap(m)
	s.Fields = v.Fields
	if m.Inner != nil {
		s.Inner = machineMap(m.Inner)
	}
	if m.Contents != nil {
		s.Contents = []maps.KeyValue{{Key: make([]byte, m.KeySize), Value: m.Contents}}
	}
	return s
}
