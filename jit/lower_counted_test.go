package jit

import (
	"testing"

	"github.com/gbpf/gbpf/internal/asm"
	"github.com/gbpf/gbpf/internal/fuel"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

// TestWaysInCounted: a loop with several ways back inside one that counts is compiled. Found by gbpf fuzz: ways out of line once
// looked like other ways into the loop around.
func TestWaysInCounted(t *testing.T) {
	insns := asm.Must(`r9 = 2; r6 = 0; r7 = 0
	top: r8 = 0
	in: r8 += 1
	if r8 == 5 goto on
	r6 += 1
	on: if r8 s< r9 goto in
	if r8 == 0 goto in
	r7 += 1
	if r7 != 2 goto top
	r0 = 0; exit`)
	for _, policy := range []verifier.Policy{verifier.PolicyLinux, verifier.PolicySandboxed} {
		proof, err := verifier.Verify(&verifier.Spec{Name: "nest", Type: progtype.ByName("xdp"), GPL: true, Insns: insns}, verifier.Options{Policy: policy})
		if err != nil {
			t.Fatal(err)
		}
		for _, arch := range Archs {
			if _, err := Assemble(proof, Config{
				Mask: 1<<32 - 1, Fuel: fuel.New(insns), Const: func(pc int) uint64 { return uint64(insns[pc].Imm) }, TailCall: func(int) bool { return false },
			}, arch); err != nil {
				t.Errorf("%s under policy %v: %v", arch, policy, err)
			}
		}
	}
}
