package conformance

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"

	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/isa"
)

var btfAll = flag.Bool("btfall", false, "compare all of the kernel's tracepoints, structures and variables, which takes minutes, not a sample")

// btfSample is every nth of a list, all of it if asked for.
func btfSample[T any](list []T, n int) []T {
	if *btfAll {
		return list
	}
	var some []T
	for i := 0; i < len(list); i += n {
		some = append(some, list[i])
	}
	return some
}

// iterators are the names of the kernel's iterators that gbpf knows too.
func (r *btfRig) iterators() (names []string) {
	for t, err := range r.types.All() {
		if err != nil {
			r.t.Fatal(err)
		}
		if f, ok := t.(*btf.Func); ok {
			if name, ok := strings.CutPrefix(f.Name, "bpf_iter_"); ok && proto.IterFields(name) != nil {
				names = append(names, name)
			}
		}
	}
	return names
}

// operations are the struct_ops programs that this kernel has, ops:member.
func (r *btfRig) operations() (names []string) {
	for _, ops := range []string{"tcp_congestion_ops", "bpf_dummy_ops"} {
		var s *btf.Struct
		if err := r.types.TypeByName(ops, &s); err != nil {
			continue
		}
		for _, m := range s.Members {
			if p, ok := btf.UnderlyingType(m.Type).(*btf.Pointer); ok {
				// get_info is not for programs.
				if _, ok := btf.UnderlyingType(p.Target).(*btf.FuncProto); ok && m.Name != "get_info" {
					names = append(names, ops+":"+m.Name)
				}
			}
		}
	}
	return names
}

// TestBTFArguments compares loads from the contexts that are the arguments of a kernel function.
func TestBTFArguments(t *testing.T) {
	r := newBTFRig(t)
	var points []*btfPoint
	for _, name := range btfSample(r.tracepoints(), 8) {
		points = append(points, r.tracepoint(name))
	}
	for _, name := range r.iterators() {
		points = append(points, r.iterator(name))
	}
	for _, name := range r.operations() {
		points = append(points, r.ops(name))
	}
	for i, p := range points {
		if p.ours.AttachBTF == nil {
			t.Errorf("%s: gbpf does not know what it attaches to", p.name)
			continue
		}
		end, step := 8*len(p.ours.AttachBTF.Args)+16, 8
		if i%16 == 0 {
			end, step = 8*13, 1
		}
		for off := -step; off <= end; off += step {
			for _, size := range []int{8, 4, 2, 1} {
				p.compare(fmt.Sprintf("%d bytes at %d", size, off), loadInsn(isa.R2, isa.R1, off, size))
			}
		}
		p.compare("a store", isa.New(isa.OpStxDW, isa.R1, isa.R1, 0, 0))
		p.compare("a load with sign extension", isa.New(isa.OpLdxsW, isa.R2, isa.R1, 0, 0))
	}
	r.report("arguments")
}
