package conformance

import (
	"fmt"
	"slices"
	"testing"

	"github.com/cilium/ebpf/btf"

	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/internal/kernel"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/verifier"
)

// btfMapTypes are maps that helpers with arguments of kernel types work on.
var btfMapTypes = map[string]verifier.Map{
	"sk_storage_get": {Type: 24}, "sk_storage_delete": {Type: 24}, "task_storage_get": {Type: 29}, "task_storage_delete": {Type: 29},
	"inode_storage_get": {Type: 28}, "inode_storage_delete": {Type: 28}, "cgrp_storage_get": {Type: 32}, "cgrp_storage_delete": {Type: 32},
	"skb_output": {Type: maps.PerfEventArray}, "xdp_output": {Type: maps.PerfEventArray}, "perf_event_output": {Type: maps.PerfEventArray},
	"ringbuf_output": {Type: maps.RingBuf}, "map_update_elem": {Type: maps.Hash}, "map_lookup_elem": {Type: maps.Hash},
	"map_push_elem": {Type: maps.Queue},
}

// useMap gives the point's programs a map: their first load of a map is of it.
func (p *btfPoint) useMap(m verifier.Map) {
	r := p.rig
	r.t.Helper()
	m.Name, m.KeySize, m.ValueSize, m.MaxEntries = "m", 4, 8, 16
	s := kernel.MapSpec{Name: "m", Type: uint32(m.Type)}
	switch m.Type {
	case maps.PerfEventArray:
		m.ValueSize = 4
	case maps.RingBuf:
		m.KeySize, m.ValueSize, m.MaxEntries = 0, 0, 4096
	case maps.Queue:
		m.KeySize = 0
	case 24, 28, 29, 32:
		m.MaxEntries, m.Flags = 0, 1 // no preallocation
		info, err := loadTypes(&btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}, &btf.Int{Name: "u64", Size: 8})
		if err != nil {
			r.t.Fatal(err)
		}
		s.BTF, s.BTFKeyType, s.BTFValueType = info.btf, info.ids[0], info.ids[1]
		r.t.Cleanup(func() { info.btf.Close() })
	}
	s.KeySize, s.ValueSize, s.MaxEntries, s.Flags = m.KeySize, m.ValueSize, m.MaxEntries, m.Flags
	km, err := kernel.NewMap(s)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { km.Close() })
	p.ours.Maps, p.km = []*verifier.Map{&m}, km
}

// pointerKinds are ways to pointers of many kinds: of each structure wanted every state that chains of pointers come to.
func (r *btfRig) pointerKinds(p *btfPoint, start []isa.Insn, limit int) (list []*btfSource) {
	type node struct {
		body  []isa.Insn
		depth int
	}
	seen := map[string]bool{}
	queue := []node{{start, 0}}
	for ; len(queue) > 0 && len(list) < limit; queue = queue[1:] {
		n := queue[0]
		src := &btfSource{point: p, body: n.body}
		ours, theirs := p.ask(src.with()...)
		if !ours.accepted || ours != theirs || seen[ours.state] {
			continue
		}
		seen[ours.state] = true
		src.typ = ours.state
		list = append(list, src)
		s := r.structOfState(ours.state)
		if s == nil {
			continue
		}
		queue = append(queue, node{append(slices.Clone(n.body), isa.New(isa.OpJeqImm, isa.R2, 0, 0, 0)), n.depth})
		if n.depth == 3 {
			continue
		}
		for _, off := range r.pointers(s) {
			if off < 1<<15 {
				queue = append(queue, node{append(slices.Clone(n.body), loadInsn(isa.R2, isa.R2, off, 8)), n.depth + 1})
			}
		}
	}
	return list
}

// helperCall is the call of a helper with R7 in argument at, and whatever fits in the others. It is
// nil if there is nothing that fits.
func helperCall(pr *proto.Proto, at, off int) (body []isa.Insn) {
	for i := range pr.NumArgs() {
		reg := isa.R1 + isa.Reg(i)
		a := &pr.Args[i]
		if i == at {
			body = append(body, mov(reg, isa.R7))
			if off != 0 {
				body = append(body, addImm(reg, off))
			}
			continue
		}
		switch a.Kind {
		case proto.Anything:
			body = append(body, movImm(reg, 0))
		case proto.ConstSize, proto.ConstSizeOrZero, proto.ConstAllocSizeOrZero:
			body = append(body, movImm(reg, 8))
		case proto.PtrToCtx:
			body = append(body, mov(reg, isa.R6))
		case proto.ConstMapPtr:
			wide := isa.LoadImm64(isa.OpLddwMapFD, reg, 0)
			body = append(body, wide[:]...)
		case proto.PtrToMem, proto.PtrToMapKey, proto.PtrToMapValue:
			body = append(body, mov(reg, isa.R10), addImm(reg, -16))
		default:
			if a.Flags&proto.MaybeNull == 0 {
				return nil
			}
			body = append(body, movImm(reg, 0))
		}
	}
	return append(body, isa.New(isa.OpCallHelper, 0, 0, 0, int64(pr.ID)), mov(isa.R2, isa.R0))
}

// takesBTF reports whether an argument may be a pointer to a kernel structure.
func takesBTF(a *proto.Arg) bool {
	switch a.Kind {
	case proto.PtrToBTFID, proto.PtrToBTFIDSockCommon, proto.PtrToPercpuBTFID, proto.PtrToSockCommon, proto.PtrToSocket, proto.PtrToMem,
		proto.PtrToMapKey, proto.PtrToMapValue:
		return true
	}
	return false
}

// inside is where a structure of a type lies in another, 0 for nowhere or at the start.
func (r *btfRig) inside(s *verifier.Struct, want string, depth int) int {
	if s == nil || want == "" || depth > 4 {
		return 0
	}
	for _, m := range s.Members {
		if m.Kind != verifier.MemberStruct || m.Off > 1<<14 {
			continue
		}
		if m.Type == want {
			return int(m.Off)
		}
		if at := r.inside(r.known.Struct(m.Type), want, depth+1); at > 0 {
			return int(m.Off) + at
		}
	}
	return 0
}

// TestBTFHelperArgs compares which pointers to kernel structures helpers take, and what they return.
func TestBTFHelperArgs(t *testing.T) {
	r := newBTFRig(t)
	kinds, helpers := 0, map[int32]bool{}
	for _, start := range []struct {
		point *btfPoint
		get   []isa.Insn
	}{
		{r.tracepoint("sched_switch"), []isa.Insn{loadInsn(isa.R2, isa.R1, 8, 8)}},
		{r.tracepoint("tcp_probe"), []isa.Insn{loadInsn(isa.R2, isa.R1, 0, 8)}},
		{r.tracepoint("kfree_skb"), []isa.Insn{loadInsn(isa.R2, isa.R1, 0, 8)}},
		{r.iterator("task_file"), []isa.Insn{loadInsn(isa.R2, isa.R1, 24, 8)}},
		{r.iterator("task"), []isa.Insn{loadInsn(isa.R2, isa.R1, 0, 8)}},
		{r.iterator("tcp"), []isa.Insn{loadInsn(isa.R2, isa.R1, 8, 8)}},
		{r.sleepableIterator("cgroup"), []isa.Insn{loadInsn(isa.R2, isa.R1, 8, 8)}},
		{r.ops("tcp_congestion_ops:ssthresh"), []isa.Insn{loadInsn(isa.R2, isa.R1, 0, 8)}},
		{r.untyped()[2], []isa.Insn{call("get_current_task_btf"), mov(isa.R2, isa.R0)}},
	} {
		limit := 8
		if *btfAll {
			limit = 60
		}
		list := r.pointerKinds(start.point, start.get, limit)
		if len(list) < 5 {
			t.Errorf("%s: only %d kinds of pointer", start.point.name, len(list))
		}
		kinds += len(list)
		for id := int32(1); id <= proto.MaxID; id++ {
			p := *start.point
			pr := proto.For(p.theirs.Type, id)
			if pr == nil || pr.Callback != nil {
				continue
			}
			if m, ok := btfMapTypes[pr.Name]; ok {
				p.useMap(m)
			} else if slices.ContainsFunc(pr.Args[:], func(a proto.Arg) bool { return a.Kind == proto.ConstMapPtr }) {
				continue
			}
			for i := range pr.NumArgs() {
				if !takesBTF(&pr.Args[i]) {
					continue
				}
				for _, src := range list {
					offs := []int{0, 16}
					if at := r.inside(r.structOfState(src.typ), pr.Args[i].BTF, 0); at > 0 {
						offs = append(offs, at)
					}
					for n, off := range offs {
						c := helperCall(pr, i, off)
						if c == nil || off != 0 && pr.Args[i].Kind == proto.PtrToMem || n == 1 && !*btfAll && id%4 != 0 {
							continue
						}
						body := []isa.Insn{mov(isa.R6, isa.R1), isa.New(isa.OpStDW, isa.R10, 0, -8, 0), isa.New(isa.OpStDW, isa.R10, 0, -16, 0)}
						body = append(append(append(body, src.body...), mov(isa.R7, isa.R2)), c...)
						helpers[id] = true
						s := btfSource{body: body}
						p.compare(fmt.Sprintf("%s with %s+%d as argument %d", pr.Name, src.typ, off, i+1), s.with()...)
					}
				}
			}
		}
	}
	r.report(fmt.Sprintf("%d helpers with arguments of %d kinds of pointer", len(helpers), kinds))
}
