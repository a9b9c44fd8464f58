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
