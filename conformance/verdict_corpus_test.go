package conformance

import (
	"testing"

	"github.com/gbpf/gbpf/internal/kernel"
)

// scaleDir holds programs that take the verifier thousands of instructions.
const scaleDir = "../testdata/scale"

func TestCorpusKernel(t *testing.T) {
	if err := kernel.Available(); err != nil {
		t.Skip(err)
	}
	for _, o := range corpus(t) {
		progs, err := corpusProgs(o)
		if err != nil {
			t.Logf("%s: %s: %v", o.origin, o.name, err)
			continue
		}
		for _, p := range progs {
			p.ask()
			if p.kernel == nil {
				t.Logf("%v: silent: %s", p, p.silent)
			} else {
				t.Logf("%v: %v %d %d %s", p, p.kernel.Accepted, p.kernel.Processed, p.kernel.States, p.kernel.LastLine)
			}
		}
	}
}
