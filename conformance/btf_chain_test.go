package conformance

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/verifier"
)

// call calls a helper by its name.
func call(name string) isa.Insn {
	return isa.New(isa.OpCallHelper, 0, 0, 0, int64(proto.ByName(name).ID))
}

func mov(dst, src isa.Reg) isa.Insn { return isa.New(isa.OpMov64Reg, dst, src, 0, 0) }

func movImm(dst isa.Reg, n int64) isa.Insn { return isa.New(isa.OpMov64Imm, dst, 0, 0, n) }

func addImm(dst isa.Reg, n int) isa.Insn { return isa.New(isa.OpAdd64Imm, dst, 0, 0, int64(n)) }

// untyped are programs that do not attach to a kernel type but get at kernel structures through helpers.
func (r *btfRig) untyped() []*btfPoint {
	return []*btfPoint{
		r.point("kprobe", &ebpf.ProgramSpec{Type: ebpf.Kprobe, SectionName: "kprobe/x"}),
		r.point("raw_tp", &ebpf.ProgramSpec{Type: ebpf.RawTracepoint, SectionName: "raw_tp/x"}),
		r.point("syscall", &ebpf.ProgramSpec{Type: ebpf.Syscall, SectionName: "syscall", Flags: 1 << 4}),
		r.point("xdp", &ebpf.ProgramSpec{Type: ebpf.XDP, SectionName: "xdp"}),
	}
}

// currentTask gets the task that runs.
func currentTask(p *btfPoint) *btfSource {
	return &btfSource{point: p, typ: "task_struct", body: []isa.Insn{call("get_current_task_btf"), mov(isa.R2, isa.R0)}}
}

// pointers are the offsets of pointers in a structure, also inside others.
func (r *btfRig) pointers(s *verifier.Struct) (offs []int) {
	var walk func(s *verifier.Struct, base, depth int)
	walk = func(s *verifier.Struct, base, depth int) {
		for _, m := range s.Members {
			switch {
			case m.Kind == verifier.MemberPtr:
				offs = append(offs, base+int(m.Off))
			case m.Kind == verifier.MemberStruct && depth < 6:
				if in := r.known.Struct(m.Type); in != nil {
					walk(in, base+int(m.Off), depth+1)
				}
			}
		}
	}
	walk(s, 0, 0)
	slices.Sort(offs)
	return slices.Compact(offs)
}

// structOfState is the structure that the words of the log name.
func (r *btfRig) structOfState(state string) *verifier.Struct {
	_, name, ok := strings.Cut(state, "ptr_")
	if !ok {
		return nil
	}
	return r.known.Struct(strings.TrimPrefix(name, "or_null_"))
}

// TestBTFChains follows pointers from structure to structure and compares what they are worth, until nothing new is found
// or the bound is reached.
func TestBTFChains(t *testing.T) {
	r := newBTFRig(t)
	var start []*btfSource
	for _, p := range r.untyped()[:3] {
		start = append(start, currentTask(p))
	}
	for _, name := range []string{"task", "cgroup", "task_file", "bpf_map"} {
		p := r.sleepableIterator(name)
		start = append(start, &btfSource{point: p, body: []isa.Insn{loadInsn(isa.R2, isa.R1, 8, 8)}})
		start = append(start, &btfSource{point: p, body: []isa.Insn{loadInsn(isa.R2, isa.R1, 0, 8)}})
	}
	start = append(start, &btfSource{point: r.ops("tcp_congestion_ops:ssthresh"), body: []isa.Insn{loadInsn(isa.R2, isa.R1, 0, 8)}})
	start = append(start, r.sources()...)

	type node struct {
		*btfSource
		state string
	}
	seen := map[string]bool{}
	var queue []node
	visit := func(p *btfPoint, body []isa.Insn, what string) {
		s := &btfSource{point: p, body: body}
		if !p.compare(what, s.with()...) {
			return
		}
		ours, _ := p.ask(s.with()...)
		key := fmt.Sprint(ours.state, p.ours.Sleepable)
		if r.structOfState(ours.state) == nil && !strings.Contains(ours.state, "mem") || seen[key] {
			return
		}
		seen[key] = true
		queue = append(queue, node{s, ours.state})
	}
	for _, s := range start {
		visit(s.point, s.body, "the start")
	}
	limit := 40_000
	if testing.Short() || !*btfAll {
		limit = 8_000
	}
	nodes := 0
	for ; len(queue) > 0 && r.asked < limit; queue = queue[1:] {
		n := queue[0]
		nodes++
		add := func(what string, more ...isa.Insn) {
			visit(n.point, append(slices.Clone(n.body), more...), n.state+": "+what)
		}
		s := r.structOfState(n.state)
		add("a number", loadInsn(isa.R2, isa.R2, 0, 4))
		add("tested for NULL", isa.New(isa.OpJeqImm, isa.R2, 0, 0, 0))
		add("known not to be NULL", isa.New(isa.OpJneImm, isa.R2, 0, 1, 0), isa.New(isa.OpLdxDW, isa.R5, isa.R10, 16, 0))
		add("known not to be NULL, the other way", isa.New(isa.OpJeqImm, isa.R2, 0, 0, 0), isa.New(isa.OpJneImm, isa.R2, 0, 1, 0), isa.New(isa.OpLdxDW, isa.R5, isa.R10, 16, 0))
		add("with something added", addImm(isa.R2, 8), loadInsn(isa.R2, isa.R2, 0, 8))
		add("with something taken away", addImm(isa.R2, -8), loadInsn(isa.R2, isa.R2, 8, 8))
		add("a variable offset", loadInsn(isa.R3, isa.R2, 0, 1), isa.New(isa.OpAdd64Reg, isa.R2, isa.R3, 0, 0), loadInsn(isa.R2, isa.R2, 0, 8))
		add("added to a number", movImm(isa.R3, 8), isa.New(isa.OpAdd64Reg, isa.R3, isa.R2, 0, 0), mov(isa.R2, isa.R3), loadInsn(isa.R2, isa.R2, 0, 8))
		add("a store", isa.New(isa.OpStDW, isa.R2, 0, 0, 0))
		add("spilled", isa.New(isa.OpStxDW, isa.R10, isa.R2, -8, 0), loadInsn(isa.R2, isa.R10, -8, 8))
		if s == nil {
			add("a load far away", loadInsn(isa.R2, isa.R2, 0x7ff8, 8))
			continue
		}
		for _, off := range r.pointers(s) {
			if off < 1<<15 {
				add(fmt.Sprintf("the pointer at %d", off), loadInsn(isa.R2, isa.R2, off, 8))
			}
		}
	}
	r.report(fmt.Sprintf("chains of pointers, from %d kinds of pointer", nodes))
}
