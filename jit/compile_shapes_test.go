package jit

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gbpf/gbpf/internal/fuel"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

// hostileShapes are programs of n instructions that take long to compile where something is looked for again and again.
func hostileShapes(n int) map[string][]isa.Insn {
	in := isa.New
	nop := in(isa.OpMov64Imm, 0, 0, 0, 1)
	exit := in(isa.OpExit, 0, 0, 0, 0)
	m := map[string][]isa.Insn{}
	ja := func(at, to int) isa.Insn { return in(isa.OpJa32, 0, 0, 0, int64(to-at-1)) }
	const S = 4000
	cj := func(at, to int) isa.Insn { return in(isa.OpJeqImm, 0, 0, int16(to-at-1), 7) }
	far := func(f func(p []isa.Insn)) []isa.Insn {
		p := make([]isa.Insn, n)
		for i := range p {
			p[i] = nop
		}
		p[n-1] = exit
		f(p)
		return p
	}
	m["forward1"] = far(func(p []isa.Insn) {
		for i := 0; i < n-2; i += 1 {
			p[i] = cj(i, i+1+i%2)
			if i+2 >= n {
				p[i] = nop
			}
		}
	})
	m["toend"] = far(func(p []isa.Insn) {
		for i := 0; i < n-2; i++ {
			p[i] = cj(i, min(i+S, n-1))
		}
	})
	m["tohead"] = far(func(p []isa.Insn) {
		for i := 1; i < n-2; i++ {
			p[i] = cj(i, max(i-S, 0))
		}
	})
	m["tofar0"] = far(func(p []isa.Insn) {
		for i := 1; i+2 < n-2; i += 2 {
			p[i] = cj(i, i+2)
			p[i+1] = ja(i+1, 0)
		}
	})
	m["nest"] = far(func(p []isa.Insn) { // nested loops, n/2 deep, by ja over conditionals
		h := n/3 - 1
		for k := 0; k < h; k++ {
			at := h + 2*k
			p[at] = cj(at, at+2)
			p[at+1] = ja(at+1, h-1-k)
		}
	})
	m["nestblocks"] = far(func(p []isa.Insn) {
		const B = 4000
		for base := 0; base+B < n-2; base += B {
			for k := 0; k < B/2; k++ {
				at := base + B/2 + k
				p[at] = cj(at, base+B/2-1-k)
			}
		}
	})
	m["nestouter"] = far(func(p []isa.Insn) { // nested loops around one label to which all else jumps
		D := n / 60
		base := n - 3*D - 2
		c := base + D
		const K = 1000
		at := 0
		for ; at+2*K+1 < base; at += 2*K + 1 {
			for k := 0; k < K; k++ {
				p[at+k] = cj(at+k, at+K+1+k)
				p[at+K+1+k] = ja(at+K+1+k, c)
			}
			p[at+K] = ja(at+K, at+2*K+1)
		}
		for k := 0; k < D-1; k++ {
			p[c+1+k] = cj(c+1+k, c-1-k)
		}
	})
	m["countmany"] = far(func(p []isa.Insn) { // ends of turns to which all ways lead by way of one block that many jump to
		H := min(n/60, 3500)
		at := H // heads before
		P := at
		p[P] = in(isa.OpJeqImm, 0, 0, 1, 7)
		j := P + 2 + 12*H
		p[P+1] = ja(P+1, j)
		for ; j+2 < n-2; j += 2 {
			p[j] = cj(j, j+2)
			p[j+1] = ja(j+1, P)
		}
		p[j] = ja(j, P)
		at = P + 2
		var tree func(lo, hi int)
		tree = func(lo, hi int) {
			if hi-lo == 1 {
				p[at] = in(isa.OpAdd64Imm, 3, 0, 0, 1)
				p[at+1] = in(isa.OpJltImm, 3, 0, int16(lo-(at+1)-1), 5)
				p[at+2] = ja(at+2, n-1)
				at += 3
				return
			}
			node := at
			p[node] = cj(node, node+2)
			at += 2
			tree(lo, (lo+hi)/2)
			p[node+1] = ja(node+1, at)
			tree((lo+hi)/2, hi)
		}
		tree(0, H)
	})
	m["nestturn1"] = far(func(p []isa.Insn) { // loops that count to one, one in the other, in nests
		for base := 0; base+1100 < n; base += 1100 {
			p[base] = in(isa.OpMov64Imm, 3, 0, 0, 10)
			for k := 0; k < 250; k++ {
				at := base + 300 + 3*k
				p[at] = in(isa.OpMov64Imm, 3, 0, 0, 10)
				p[at+1] = in(isa.OpAdd64Imm, 3, 0, 0, 1)
				p[at+2] = in(isa.OpJltImm, 3, 0, int16(base+299-k-(at+2)-1), 5)
			}
			for k := 0; k < 20; k++ {
				p[base+1060+k] = cj(base+1060+k, base+1+k)
			}
		}
	})
	rng := rand.New(rand.NewPCG(1, 2))
	m["random"] = far(func(p []isa.Insn) {
		for i := 1; i < n-2; i += 2 {
			p[i] = cj(i, min(n-1, max(0, i+rng.IntN(2*S)-S)))
		}
	})
	m["randomback"] = far(func(p []isa.Insn) {
		for i := 1; i < n-2; i += 2 {
			p[i] = cj(i, max(0, i-rng.IntN(S)))
		}
	})
	m["randomnear"] = far(func(p []isa.Insn) {
		for i := 1; i < n-2; i += 2 {
			p[i] = cj(i, min(n-1, max(0, i+rng.IntN(200)-100)))
		}
	})
	m["smallloops"] = far(func(p []isa.Insn) {
		for i := 4; i < n-2; i += 4 {
			p[i] = cj(i, i-2)
		}
	})
	m["counted"] = far(func(p []isa.Insn) {
		for i := 4; i+1 < n-2; i += 4 {
			p[i-2] = in(isa.OpMov64Imm, 3, 0, 0, 10)
			p[i-1] = in(isa.OpAdd64Imm, 3, 0, 0, 1)
			p[i] = in(isa.OpJneImm, 3, 0, -2, 12)
		}
	})
	m["maygoto"] = far(func(p []isa.Insn) {
		for i := 1; i < n-2; i++ {
			p[i] = in(isa.OpMayGoto, 0, 0, int16(max(i-S, 0)-i-1), 0)
		}
	})
	m["grow"] = far(func(p []isa.Insn) { // bounds that grow at each label
		for i := 4; i+4 < n-2; i += 4 {
			p[i] = in(isa.OpLdxB, 3, 4, 0, 0)
			p[i+1] = in(isa.OpAdd64Reg, 4, 3, 0, 0)
			p[i+2] = in(isa.OpAdd64Imm, 5, 0, 0, 1)
			p[i+3] = cj(i+3, max(0, i-1-rng.IntN(100)))
		}
	})
	m["stores"] = far(func(p []isa.Insn) {
		for i := 0; i < n-2; i++ {
			p[i] = in(isa.OpStxDW, 10, 0, -8*int16(1+i%64), 0)
		}
	})
	m["divs"] = far(func(p []isa.Insn) {
		for i := 0; i < n-2; i += 2 {
			p[i] = in(isa.OpDiv64Reg, 3, 4, 0, 0)
			p[i+1] = cj(i+1, max(0, i-20))
		}
	})
	m["self"] = far(func(p []isa.Insn) {
		for i := 0; i < n-2; i += 1 {
			p[i] = in(isa.OpMov32Reg, 3, 3, 0, 0)
		}
	})
	m["fold"] = far(func(p []isa.Insn) {
		for i := 0; i+4 < n-2; i += 4 {
			p[i] = in(isa.OpMov64Reg, 3, 4, 0, 0)
			p[i+1] = in(isa.OpLsh64Imm, 3, 0, 0, 3)
			p[i+2] = in(isa.OpAdd64Reg, 3, 5, 0, 0)
			p[i+3] = in(isa.OpLdxDW, 3, 3, 8, 0)
		}
	})
	return m
}

// compileShape compiles a program of which only the structure is proven.
func compileShape(t testing.TB, name string, insns []isa.Insn) func() {
	proof, err := verifier.Verify(&verifier.Spec{Name: name, Type: progtype.Raw, GPL: true, Insns: insns}, verifier.Options{Policy: verifier.PolicySandboxed})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return func() {
		cfg := Config{Mask: 1<<32 - 1, Fuel: fuel.New(insns), Const: func(pc int) uint64 { return uint64(insns[pc].Imm) }, TailCall: func(int) bool { return false }}
		for _, arch := range Archs {
			if _, err := Assemble(proof, cfg, arch); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
}

// TestCompileShapes compiles programs of hostile shapes for both architectures.
func TestCompileShapes(t *testing.T) {
	n := 20_000
	if testing.Short() {
		n = 3000
	}
	for name, insns := range hostileShapes(n) {
		compileShape(t, name, insns)()
	}
}

// BenchmarkCompileShapes shows whether an instruction of a large program takes longer than one of a small one, for both architectures
// together.
func BenchmarkCompileShapes(b *testing.B) {
	for _, n := range []int{10_000, 80_000} {
		for name, insns := range hostileShapes(n) {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				f := compileShape(b, name, insns)
				for b.Loop() {
					f()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/insn")
			})
		}
	}
}
