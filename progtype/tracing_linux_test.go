package progtype_test

import (
	"testing"

	"github.com/cilium/ebpf/btf"

	"github.com/gbpf/gbpf/internal/kernel"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/progtype"
)

// kernelID is the number of a type among the kernel's.
func kernelID(t *testing.T, typ btf.Type, name string) uint32 {
	t.Helper()
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		t.Skipf("left out: %v", err)
	}
	list, err := spec.AnyTypesByName(name)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for _, l := range list {
		_, isFunc := l.(*btf.Func)
		if _, want := typ.(*btf.Func); isFunc == want {
			id, err := spec.TypeID(l)
			if err != nil {
				t.Fatal(err)
			}
			return uint32(id)
		}
	}
	t.Fatalf("%s: no such type in the kernel", name)
	return 0
}

// TestTracingReturns compares the return values of the tracing programs that can be loaded here.
func TestTracingReturns(t *testing.T) {
	if err := kernel.Available(); err != nil {
		t.Skipf("left out: %v", err)
	}
	compared := 0
	for _, c := range []struct {
		attach uint32
		id     uint32
	}{
		{progtype.AttachTraceRawTP, kernelID(t, &btf.Typedef{}, "btf_trace_sched_switch")},
		{progtype.AttachTraceIter, kernelID(t, &btf.Func{}, "bpf_iter_task")},
	} {
		r := progtype.Tracing.ReturnsFor(c.attach)
		for _, ret := range []int32{-4096, -1, 0, 1, 2, 3, 1000} {
			raw, err := isa.Encode([]isa.Insn{isa.New(isa.OpMov64Imm, 0, 0, 0, int64(ret)), isa.New(isa.OpExit, 0, 0, 0, 0)})
			if err != nil {
				t.Fatal(err)
			}
			p, v, err := kernel.Load(&kernel.Prog{Type: progtype.Tracing.Kernel, AttachType: c.attach, AttachBTFID: c.id, Insns: raw})
			if err != nil {
				t.Fatal(err)
			}
			if p != nil {
				p.Close()
			}
			compared++
			if r.Contains(ret) != v.Accepted {
				t.Errorf("%s returns %d: ours %v, the kernel's %v: %s", progtype.AttachName(c.attach), ret, r.Contains(ret), v.Accepted, v.LastLine)
			}
		}
	}
	t.Logf("%d return values compared with the live kernel", compared)
}
