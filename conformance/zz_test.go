package conformance

import (
	"fmt"
	"os"
	"strconv"
	"testing"

	"github.com/gbpf/gbpf/internal/asm"
	"github.com/gbpf/gbpf/internal/fuzzgen"
	"github.com/gbpf/gbpf/verifier"
)

func TestAsk(t *testing.T) {
	b, _ := os.ReadFile(os.Getenv("ASK"))
	insns, err := asm.Parse(string(b))
	if err != nil {
		t.Fatal(err)
	}
	k, err := newKernelJudge()
	if err != nil {
		t.Skip(err)
	}
	tp, _ := strconv.Atoi(os.Getenv("TYPE"))
	if tp == 0 {
		tp = 6
	}
	p := &fuzzgen.Program{Type: uint32(tp), Insns: insns, Maps: fuzzgen.Palette(), Kfuncs: []string{"bpf_iter_num_new", "bpf_iter_num_next", "bpf_iter_num_destroy"}, Typed: os.Getenv("TYPED") != ""}
	fmt.Println(p)
	v, err := k.judge(p, 2)
	fmt.Println(v.Log, err)
	fmt.Println(verifyGenerated(p, verifier.Options{Log: os.Stdout}))
}

func TestOne(t *testing.T) {
	seed, _ := strconv.Atoi(os.Getenv("SEED"))
	n, _ := strconv.Atoi(os.Getenv("NUM"))
	k, err := newKernelJudge()
	if err != nil {
		t.Skip(err)
	}
	sound, _ := NewSoundness()
	g := &fuzzgen.Generator{Seed: uint64(seed), Helpers: fuzzHelpers()}
	p := g.Program(uint64(n))
	fmt.Println(p)
	d, err := compareVerdicts(k, p, verifier.Options{})
	fmt.Println(d == nil, err)
	fmt.Print("EXPLAIN ")
	fmt.Println(explain(k, sound, p))
	for _, e := range explanations {
		q := p.Clone()
		e.rewrite(q)
		v, err := k.judge(q, 4)
		fmt.Println(e.why, err, v.LastLine)
		if os.Getenv("WHY") != "" {
			fmt.Println(q)
		}
	}
	s, _ := VerifierSpec(p)
	fmt.Println(sound.Check(s, 1, 2000))
}
