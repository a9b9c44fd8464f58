package conformance

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/verifier"
)

// A btfSource is a way to a pointer to a kernel structure: the program that ends with one in R2.
type btfSource struct {
	point *btfPoint
	typ   string
	body  []isa.Insn
}

// sources are the structures that tracepoints and iterators hand over, each once.
func (r *btfRig) sources() (list []*btfSource) {
	r.t.Helper()
	seen := map[string]bool{}
	var points []*btfPoint
	for _, name := range r.tracepoints() {
		points = append(points, r.tracepoint(name))
	}
	for _, name := range r.iterators() {
		points = append(points, r.iterator(name))
	}
	for _, p := range points {
		for i, a := range p.ours.AttachBTF.Args {
			if a.Class != verifier.ArgBTF || seen[a.Type] || i >= 12 {
				continue
			}
			seen[a.Type] = true
			s := &btfSource{point: p, typ: a.Type, body: []isa.Insn{loadInsn(isa.R2, isa.R1, 8*i, 8)}}
			if a.Nullable || proto.TracepointNullable(p.ours.AttachBTF.Name, i) {
				s.body = append(s.body, isa.New(isa.OpJeqImm, isa.R2, 0, 0, 0))
			}
			list = append(list, s)
		}
	}
	return list
}

// with is the source's program with more behind it, and jumps to where it ends if the pointer is NULL.
func (s *btfSource) with(more ...isa.Insn) []isa.Insn {
	body := append(slices.Clone(s.body), more...)
	for pc := range s.body {
		if body[pc].Op == isa.OpJeqImm {
			body[pc].Off = out(pc, len(body))
		}
	}
	return body
}

// edges are offsets at which something of a structure begins or ends.
func (r *btfRig) edges(s *verifier.Struct, base int, depth int, f func(off int)) {
	for _, m := range s.Members {
		f(base + int(m.Off))
		f(base + int(m.Off) + int(m.Size))
		if m.Array {
			f(base + int(m.Off) + int(m.ElemSize))
		}
		if m.Kind == verifier.MemberStruct && depth < 4 {
			if in := r.known.Struct(m.Type); in != nil {
				r.edges(in, base+int(m.Off), depth+1, f)
			}
		}
	}
}

// TestBTFStructs compares loads of each size from kernel structures: at all offsets of some, else where members
// begin and end.
func TestBTFStructs(t *testing.T) {
	r := newBTFRig(t)
	rng := rand.New(rand.NewPCG(3, 4))
	list := r.sources()
	structs := 0
	for _, src := range btfSample(list, 4) {
		s := r.known.Struct(src.typ)
		if s == nil {
			t.Errorf("struct %s is not known", src.typ)
			continue
		}
		structs++
		at := map[int]bool{-1: true, int(s.Size) + 64: true}
		r.edges(s, 0, 0, func(off int) {
			for d := -1; d <= 1; d++ {
				at[off+d] = true
			}
		})
		if *btfAll && s.Size < 8192 {
			for off := -8; off < int(s.Size)+64; off++ {
				at[off] = true
			}
		}
		var offs []int
		for off := range at {
			if off > -1<<15 && off < 1<<15 {
				offs = append(offs, off)
			}
		}
		slices.Sort(offs)
		if !*btfAll && len(offs) > 64 {
			rng.Shuffle(len(offs), func(i, j int) { offs[i], offs[j] = offs[j], offs[i] })
			offs = offs[:64]
		}
		for _, off := range offs {
			for _, size := range []int{8, 4, 2, 1} {
				src.point.compare(fmt.Sprintf("%d bytes at %d of %s", size, off, src.typ), src.with(loadInsn(isa.R2, isa.R2, off, size))...)
			}
		}
	}
	r.report(fmt.Sprintf("loads from %d of %d structures", structs, len(list)))
}
