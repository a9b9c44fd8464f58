package jit

import (
	"bytes"
	"fmt"
	"sync"
	"testing"

	"github.com/gbpf/gbpf/internal/fuel"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

// TestCompilationsShareNothing: whatever was compiled before in the same memory, and what is at the same time, machine code of a
// program is the same.
func TestCompilationsShareNothing(t *testing.T) {
	insnsOf := map[string][]isa.Insn{}
	for _, s := range shapes {
		for _, n := range []int{10, 200, 3000} {
			insnsOf[fmt.Sprint(s.name, n)] = shape(s.piece, n)
		}
	}
	if !testing.Short() { // emulators are slow
		for name, insns := range hostileShapes(3000) {
			insnsOf[name] = insns
		}
	}
	type program struct {
		proof *verifier.Proof
		cfg   Config
		want  [][]byte
	}
	var all []program
	for name, insns := range insnsOf {
		proof, err := verifier.Verify(&verifier.Spec{Name: name, Type: progtype.Raw, GPL: true, Insns: insns}, verifier.Options{Policy: verifier.PolicySandboxed})
		if err != nil {
			t.Fatal(err)
		}
		p := program{proof: proof, cfg: Config{Mask: 1<<32 - 1, Fuel: fuel.New(insns), Const: func(pc int) uint64 { return uint64(insns[pc].Imm) }, TailCall: func(int) bool { return false }}}
		for _, arch := range Archs {
			c, err := Assemble(proof, p.cfg, arch)
			if err != nil {
				t.Fatal(err)
			}
			p.want = append(p.want, c.Code)
		}
		all = append(all, p)
	}
	var wg sync.WaitGroup
	errs := make(chan error, 4)
	for g := range cap(errs) {
		wg.Go(func() {
			for i := range 3 * len(all) {
				p := &all[(i*(g+1)+g)%len(all)]
				for k, arch := range Archs {
					c, err := Assemble(p.proof, p.cfg, arch)
					if err == nil && !bytes.Equal(c.Code, p.want[k]) {
						err = fmt.Errorf("%s: machine code for %s depends on what was compiled before", p.proof.Insns()[0], arch)
					}
					if err != nil {
						errs <- err
						return
					}
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
}

// TestHugeIsNotKept: what a huge program was compiled in is given back.
func TestHugeIsNotKept(t *testing.T) {
	if testing.Short() {
		t.Skip("slow")
	}
	insns := hostileShapes(200_000)["tohead"]
	proof, err := verifier.Verify(&verifier.Spec{Name: "huge", Type: progtype.Raw, GPL: true, Insns: insns}, verifier.Options{Policy: verifier.PolicySandboxed})
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Mask: 1<<32 - 1, Fuel: fuel.New(insns), Const: func(pc int) uint64 { return uint64(insns[pc].Imm) }, TailCall: func(int) bool { return false }}
	if _, err := Assemble(proof, cfg, "arm64"); err != nil {
		t.Fatal(err)
	}
	if w := workspaces.Get().(*workspace); cap(w.ops) > maxKept {
		t.Errorf("room for %d ops is kept", cap(w.ops))
	}
}
