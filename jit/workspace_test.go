package jit

import (
	"bytes"
	"fmt"
	"sync"
	"testing"

	"github.com/gbpf/gbpf/internal/fuel"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

// TestCompilationsShareNothing: whatever was compiled before in the same memory, and what is at the same time, machine code of a
// program is the same.
func TestCompilationsShareNothing(t *testing.T) {
	type program struct {
		proof *verifier.Proof
		cfg   Config
		want  [][]byte
	}
	var all []program
	for _, s := range shapes {
		for _, n := range []int{10, 200, 3000} {
			insns := shape(s.piece, n)
			proof, err := verifier.Verify(&verifier.Spec{Name: s.name, Type: progtype.ByName("raw"), GPL: true, Insns: insns}, verifier.Options{Policy: verifier.PolicySandboxed})
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
