package verifier_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gbpf/gbpf/internal/asm"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

// TestKfuncs verifies calls of kernel functions. The rules are held against the live kernel by the tests of
// package conformance.
func TestKfuncs(t *testing.T) {
	const (
		task    = "r6 = *(u64 *)(r1 +0); "
		acquire = task + "r1 = r6; call bpf_task_acquire; if r0 == 0 goto out; r7 = r0; "
	)
	tests := []struct {
		name, text string
		code       verifier.Code
	}{
		{"acquired and released", acquire + "r1 = r7; call bpf_task_release", ""},
		{"leaked", acquire, verifier.CodeReference},
		{"released twice", acquire + "r1 = r7; call bpf_task_release; r1 = r7; call bpf_task_release", verifier.CodeType},
		{"used after the release", acquire + "r1 = r7; call bpf_task_release; r0 = *(u32 *)(r7 +0)", verifier.CodeType},
		{"not acquired", task + "r1 = r6; call bpf_task_release", verifier.CodeReference},
		{"may be NULL", task + "r1 = r6; call bpf_task_acquire; r1 = r0; call bpf_task_release", verifier.CodeNull},
		{"an argument that may be NULL", "r1 = *(u64 *)(r1 +8); call bpf_task_acquire", verifier.CodeNull},
		{"a number", "r1 = 1; call bpf_task_acquire", verifier.CodeType},
		{"a parent, which RCU protects", task + "r1 = *(u64 *)(r6 +8); call bpf_task_acquire; if r0 == 0 goto out; r1 = r0; call bpf_task_release", ""},
		{"another task, which nothing protects", task + "r1 = *(u64 *)(r6 +16); call bpf_task_acquire", verifier.CodeType},
		{"with an offset", acquire + "r1 = r7; r1 += 8; call bpf_task_release", verifier.CodeType},

		{"RCU", "call bpf_rcu_read_lock; call bpf_rcu_read_unlock", ""},
		{"RCU, not ended", "call bpf_rcu_read_lock", verifier.CodeLock},
		{"RCU, not begun", "call bpf_rcu_read_unlock", verifier.CodeLock},
		{"RCU, nested", "call bpf_rcu_read_lock; call bpf_rcu_read_lock; call bpf_rcu_read_unlock", verifier.CodeLock},
		{"after RCU", task + "r6 = *(u64 *)(r6 +8); call bpf_rcu_read_lock; call bpf_rcu_read_unlock; r1 = r6; call bpf_task_acquire", verifier.CodeType},
		{"preemption", "call bpf_preempt_disable; call bpf_preempt_disable; call bpf_preempt_enable; call bpf_preempt_enable", ""},
		{"preemption, once too few", "call bpf_preempt_disable; call bpf_preempt_disable; call bpf_preempt_enable", verifier.CodeLock},
		{"preemption, once too often", "call bpf_preempt_enable", verifier.CodeLock},
		{"interrupts", "r1 = r10; r1 += -8; call bpf_local_irq_save; r1 = r10; r1 += -8; call bpf_local_irq_restore", ""},
		{"interrupts, not restored", "r1 = r10; r1 += -8; call bpf_local_irq_save", verifier.CodeLock},
		{"interrupts, not saved", "r1 = r10; r1 += -8; call bpf_local_irq_restore", verifier.CodeUninit},
		{"interrupts, in the wrong order", "r1 = r10; r1 += -8; call bpf_local_irq_save; r1 = r10; r1 += -16; call bpf_local_irq_save; r1 = r10; r1 += -8; call bpf_local_irq_restore", verifier.CodeLock},
		{"interrupts, read", "r1 = r10; r1 += -8; call bpf_local_irq_save; r0 = *(u64 *)(r10 -8)", verifier.CodeType},

		{"iterator that does not fit", "r1 = r10; r1 += -8; r2 = map_value[0]+0; r3 = 16; call bpf_iter_bits_new", verifier.CodeBounds},
		{"sleeping", "r1 = r10; r1 += -8; call bpf_iter_kmem_cache_new", verifier.CodeHelper},
		{"iterator of 16 bytes", "r1 = r10; r1 += -16; r2 = map_value[0]+0; r3 = 1; call bpf_iter_bits_new; bits: r1 = r10; r1 += -16; call bpf_iter_bits_next; if r0 == 0 goto end; r0 = *(u32 *)(r0 +0); goto bits; end: r1 = r10; r1 += -16; call bpf_iter_bits_destroy", ""},
		{"iterator of another kind", "r1 = r10; r1 += -16; r2 = map_value[0]+0; r3 = 1; call bpf_iter_bits_new; r1 = r10; r1 += -16; call bpf_iter_num_next", verifier.CodeUninit},
		{"iterator that was not made", "r1 = r10; r1 += -8; call bpf_iter_num_next", verifier.CodeUninit},
		{"iterator that is kept", "r1 = r10; r1 += -8; r2 = 0; r3 = 4; call bpf_iter_num_new", verifier.CodeReference},
		{"CPU mask on the stack", "*(u64 *)(r10 -40) = 0; *(u64 *)(r10 -32) = 0; *(u64 *)(r10 -24) = 0; *(u64 *)(r10 -16) = 0; *(u64 *)(r10 -8) = 0; r1 = r10; r1 += -40; call bpf_cpumask_first", ""},
		{"CPU mask beyond the stack", "r1 = r10; r1 += -24; call bpf_cpumask_first", verifier.CodeBounds},
		{"of another type of program", "r1 = r1; r2 = 0; r3 = r10; r3 += -16; call bpf_dynptr_from_skb", verifier.CodeType},
		{"unknown", "call no_such_function", verifier.CodeUnsupported},
		{"not supported", "r1 = 0; call bpf_throw", verifier.CodeUnsupported},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			insns, kfuncs := withKfuncs(tt.text)
			_, err := verifier.Verify(&verifier.Spec{
				Name: "p", Type: progtype.Tracing, Attach: progtype.AttachTraceRawTP, GPL: true, AttachBTF: tracepoint, Types: smallKernel,
				Maps:  []*verifier.Map{{Name: "m", Type: maps.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1}},
				Insns: insns, Kfuncs: kfuncs,
			}, verifier.Options{})
			checkCode(t, err, tt.code)
		})
	}
	insns, kfuncs := withKfuncs("call bpf_preempt_disable; call bpf_preempt_enable")
	_, err := verifier.Verify(&verifier.Spec{Name: "p", Type: progtype.XDP, Insns: insns, Kfuncs: kfuncs}, verifier.Options{})
	checkCode(t, err, verifier.CodeHelper) // the licence
}

// TestSlices verifies pointers into packets that dynptrs give.
func TestSlices(t *testing.T) {
	const (
		make  = "r6 = r1; r2 = 0; r3 = r10; r3 += -16; call bpf_dynptr_from_xdp; "
		slice = make + "r1 = r10; r1 += -16; r2 = 0; r3 = 0; r4 = 14; call bpf_dynptr_slice; if r0 == 0 goto out; "
	)
	tests := []struct {
		name, text string
		code       verifier.Code
	}{
		{"read", slice + "r0 = *(u16 *)(r0 +12)", ""},
		{"beyond", slice + "r0 = *(u32 *)(r0 +12)", verifier.CodeBounds},
		{"written", slice + "*(u8 *)(r0 +0) = 1", verifier.CodeType},
		{"to be written", make + "r1 = r10; r1 += -16; r2 = 0; r3 = r10; r3 += -32; r4 = 14; call bpf_dynptr_slice_rdwr; if r0 == 0 goto out; *(u8 *)(r0 +0) = 1", ""},
		{"not tested", make + "r1 = r10; r1 += -16; r2 = 0; r3 = 0; r4 = 14; call bpf_dynptr_slice; r0 = *(u8 *)(r0 +0)", verifier.CodeNull},
		{"of a size that is not known", make + "r4 = *(u32 *)(r6 +16); r4 &= 15; r1 = r10; r1 += -16; r2 = 0; r3 = 0; call bpf_dynptr_slice", verifier.CodeType},
		{"after the packet moved", slice + "r7 = r0; r1 = r6; r2 = 0; call xdp_adjust_head; r0 = *(u8 *)(r7 +0)", verifier.CodeType},
		{"after the dynptr is gone", slice + "r7 = r0; *(u64 *)(r10 -16) = 0; r0 = *(u8 *)(r7 +0)", verifier.CodeType},
		{"of a copy", make + "r1 = r10; r1 += -16; r2 = r10; r2 += -32; call bpf_dynptr_clone; r1 = r10; r1 += -32; r2 = 0; r3 = 0; r4 = 4; call bpf_dynptr_slice; if r0 == 0 goto out; r0 = *(u32 *)(r0 +0)", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			insns, kfuncs := withKfuncs(tt.text)
			_, err := verifier.Verify(&verifier.Spec{Name: "p", Type: progtype.XDP, GPL: true, Insns: insns, Kfuncs: kfuncs}, verifier.Options{})
			checkCode(t, err, tt.code)
		})
	}
}

// withKfuncs reads a program in which calls name kernel functions, and ends it.
func withKfuncs(text string) (insns []isa.Insn, kfuncs []string) {
	out := ""
	for _, s := range strings.Split(text, ";") {
		s = strings.TrimSpace(s)
		if label, rest, ok := strings.Cut(s, ": "); ok {
			out += label + ":\n"
			s = rest
		}
		if name, ok := strings.CutPrefix(s, "call "); ok && (strings.HasPrefix(name, "bpf_") || strings.HasPrefix(name, "no_")) {
			s = fmt.Sprintf("call kfunc[%d]", len(kfuncs))
			kfuncs = append(kfuncs, name)
		}
		out += s + "\n"
	}
	return asm.Must(out + "out:\nr0 = 0\nexit"), kfuncs
}
