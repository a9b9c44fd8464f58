package conformance

import (
	"fmt"
	"testing"

	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/verifier"
)

// storeInsn is *(uN *)(dst + off) = 0.
func storeInsn(dst isa.Reg, off, size int) isa.Insn {
	op := map[int]isa.Op{1: isa.OpStB, 2: isa.OpStH, 4: isa.OpStW, 8: isa.OpStDW}[size]
	return isa.New(op, dst, 0, int16(off), 0)
}

// TestBTFStores compares which fields of kernel structures programs may store to.
func TestBTFStores(t *testing.T) {
	r := newBTFRig(t)
	tcp, dummy, tp := r.ops("tcp_congestion_ops:ssthresh"), r.ops("bpf_dummy_ops:test_1"), r.tracepoint("sched_switch")
	first := []isa.Insn{loadInsn(isa.R2, isa.R1, 0, 8)}
	for _, tt := range []struct {
		point *btfPoint
		typ   string
		get   []isa.Insn
		step  int
	}{
		{tcp, "tcp_sock", first, 1},
		{tcp, "sock", append(first, loadInsn(isa.R2, isa.R2, r.offset("sock", "sk_socket"), 8), loadInsn(isa.R2, isa.R2, r.offset("socket", "sk"), 8)), 16},
		{dummy, "bpf_dummy_ops_state", append(first, isa.New(isa.OpJeqImm, isa.R2, 0, 0, 0)), 1},
		{tp, "task_struct", []isa.Insn{loadInsn(isa.R2, isa.R1, 8, 8)}, 64},
	} {
		s := r.known.Struct(tt.typ)
		if s == nil {
			t.Fatalf("no struct %s", tt.typ)
		}
		src := &btfSource{point: tt.point, body: tt.get}
		step := tt.step
		if !*btfAll && s.Size > 256 {
			step = max(step, 3) // every offset within three words, and the sizes meet all others
		}
		for off := -4; off < int(s.Size)+8; off += step {
			for _, size := range []int{8, 4, 2, 1} {
				tt.point.compare(fmt.Sprintf("store of %d bytes at %d of %s", size, off, tt.typ), src.with(storeInsn(isa.R2, off, size))...)
			}
		}
		for _, m := range r.fields(s, 0, 0) {
			for _, size := range []int{8, 4, 2, 1} {
				tt.point.compare(fmt.Sprintf("store of %d bytes at %d of %s", size, m, tt.typ), src.with(storeInsn(isa.R2, m, size))...)
			}
		}
		tt.point.compare("a pointer stored", src.with(isa.New(isa.OpStxDW, isa.R2, isa.R2, 0, 0))...)
		tt.point.compare("an atomic", src.with(movImm(isa.R3, 1), isa.New(isa.OpAtomicAdd32, isa.R2, isa.R3, 16, 0))...)
		tt.point.compare("a load that acquires", src.with(isa.New(isa.OpLoadAcqDW, isa.R2, isa.R2, 0, 0))...)
	}
	r.report("stores")
}

// fields are the offsets of the members of a structure, also inside others.
func (r *btfRig) fields(s *verifier.Struct, base, depth int) (offs []int) {
	for _, m := range s.Members {
		offs = append(offs, base+int(m.Off))
		if in := r.known.Struct(m.Type); m.Kind == verifier.MemberStruct && in != nil && depth < 5 {
			offs = append(offs, r.fields(in, base+int(m.Off), depth+1)...)
		}
	}
	return offs
}

// offset is where a member lies.
func (r *btfRig) offset(typ, member string) int {
	r.t.Helper()
	s := r.known.Struct(typ)
	if s != nil {
		for _, m := range s.Members {
			if m.Name == member {
				return int(m.Off)
			}
		}
	}
	r.t.Fatalf("no %s.%s", typ, member)
	return 0
}
