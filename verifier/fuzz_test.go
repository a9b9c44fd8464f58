package verifier_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/gbpf/gbpf/internal/asm"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/loader"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

// fuzzSteps is the budget of one program under the fuzzer: its time.
const fuzzSteps = 20_000

// FuzzVerify gives the verifier bytes of any kind, and changed real programs, under every policy: it must
// answer within its budget, with a proof or an error that says something.
func FuzzVerify(f *testing.F) {
	add := func(insns []isa.Insn, typ *progtype.Type) {
		if b, err := isa.Encode(insns); err == nil && len(b) <= 8*4096 {
			f.Add(b, uint32(typ.Kernel), uint8(0))
		}
	}
	for _, list := range [][]regression{pruneRegressions} {
		for i := range list {
			r := &list[i]
			if insns, err := asm.Parse(r.text(r.good)); err == nil {
				add(insns, progtype.XDP)
			}
		}
	}
	objects, _ := filepath.Glob("../testdata/progs/*.o")
	for _, path := range objects {
		spec, err := loader.LoadSpecFile(path)
		if err != nil {
			f.Fatal(err)
		}
		specs, err := loader.VerifierSpecs(spec, nil)
		if err != nil {
			continue // an object for another test
		}
		for _, s := range specs {
			add(s.Insns, s.Type)
		}
	}
	if len(objects) == 0 && os.Getenv("CI") != "" {
		f.Fatal("no real programs to start from")
	}
	f.Fuzz(func(t *testing.T, b []byte, typ uint32, how uint8) {
		insns, err := isa.Decode(b)
		if err != nil || len(insns) == 0 {
			return
		}
		pt := progtype.ByKernel(typ)
		if pt == nil {
			pt = progtype.All()[int(typ)%len(progtype.All())]
		}
		for i := range insns {
			// Maps by index, whatever the number: most are there.
			switch in := &insns[i]; in.Op {
			case isa.OpLddwMapFD, isa.OpLddwMapIdx, isa.OpLddwMapValue, isa.OpLddwMapIdxValue:
				in.Imm = in.Imm&^0xffffffff | int64(uint32(in.ImmLow())%uint32(len(regressMaps)+1))
			}
		}
		spec := &verifier.Spec{
			Name: "fuzz", Type: pt, GPL: how&1 == 0, Sleepable: how&2 != 0, StrictAlignment: how&4 != 0,
			Insns: insns, Maps: regressMaps, Kfuncs: regressKfuncs,
		}
		for _, policy := range []verifier.Policy{verifier.PolicyLinux, verifier.PolicyStrict, verifier.PolicySandboxed} {
			proof, err := verifier.Verify(spec, verifier.Options{Policy: policy, Steps: fuzzSteps})
			if err == nil {
				if n := proof.Stats().Processed; n > 2*fuzzSteps {
					t.Errorf("%s: %d instructions processed of a budget of %d", policy, n, fuzzSteps)
				}
				continue
			}
			var ve *verifier.Error
			if !errors.As(err, &ve) {
				t.Fatalf("%s: a %T, want *verifier.Error", policy, err)
			}
			if ve.Reason == "" || ve.Code == "" || ve.Insn >= len(insns) {
				t.Errorf("%s: error %+v says too little", policy, ve)
			}
		}
	})
}
