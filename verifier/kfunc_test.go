package verifier_test

import (
	"testing"

	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/verifier"
)

// TestKfuncs is about arguments and results of kernel functions, and the references in them.
func TestKfuncs(t *testing.T) { checkTypestates(t, kfuncTable) }

var kfuncTable = []typestate{
	{name: "acquire and release", text: "$task; $putTask"},
	{name: "leak", text: "$task", reason: "reference leak", code: isRef},
	{name: "leak of what may be NULL", text: "r1 = 1; kfunc bpf_task_from_pid", reason: "reference leak", code: isRef},
	{name: "release twice", text: "$task; $putTask; $putTask", reason: "arg#0 pointer type STRUCT task_struct must point to"},
	{name: "release of a copy", text: "$task; r7 = r6; r1 = r7; kfunc bpf_task_release"},
	{name: "copy after release", text: "$task; r7 = r6; $putTask; r1 = *(u32 *)(r7 +0)", reason: "invalid mem access 'scalar'"},
	{name: "copy on the stack after release", text: "$task; *(u64 *)(r10 -8) = r6; $putTask; r7 = *(u64 *)(r10 -8); r1 = *(u32 *)(r7 +0)", reason: "invalid mem access 'scalar'"},
	{name: "release at an offset", text: "$task; r1 = r6; r1 += 8; kfunc bpf_task_release", reason: "must have zero offset", code: isType},
	{name: "release at a variable offset", text: "$value; r7 = *(u64 *)(r7 +0); r7 &= 8; $task; r1 = r6; r1 += r7; kfunc bpf_task_release", reason: "variable", code: isType},
	{name: "release unchecked", text: "r1 = 1; kfunc bpf_task_from_pid; r1 = r0; kfunc bpf_task_release", reason: "Possibly NULL pointer passed to trusted arg0", code: isNull},
	{name: "release of NULL", text: "r1 = 0; kfunc bpf_task_release", reason: "Possibly NULL pointer passed to trusted arg0", code: isNull},
	{name: "release of what is not referenced", text: "$current; $putTask", reason: "release kernel function bpf_task_release expects refcounted PTR_TO_BTF_ID", code: isRef},
	{name: "release of another structure", text: "$cgroup; r1 = r8; kfunc bpf_task_release", reason: "expected pointer to STRUCT task_struct but R1 has a pointer to STRUCT cgroup", code: isType},
	{name: "release in a function", text: "$task; r1 = r6; call f; goto out --- f: kfunc bpf_task_release; r0 = 0; exit"},
	{name: "release in a function, used after", text: "$task; r1 = r6; call f; r1 = *(u32 *)(r6 +0); goto out --- f: kfunc bpf_task_release; r0 = 0; exit", reason: "invalid mem access 'scalar'"},
	{name: "release on one path", text: "$value; r9 = *(u64 *)(r7 +0); $task; if r9 == 0 goto out; $putTask", reason: "reference leak", code: isRef},
	{name: "acquire of a trusted one", text: "$current; r1 = r6; kfunc bpf_task_acquire; if r0 == 0 goto out; r1 = r0; kfunc bpf_task_release"},
	{name: "acquire of a referenced one", text: "$task; r1 = r6; kfunc bpf_task_acquire; r7 = r0; $putTask; if r7 == 0 goto out; r1 = r7; kfunc bpf_task_release"},
	{name: "acquire of NULL", text: "r1 = 0; kfunc bpf_task_acquire", reason: "Possibly NULL pointer passed to trusted arg0", code: isNull},
	{name: "acquire of what may be NULL", text: "r1 = 1; kfunc bpf_task_from_pid; r6 = r0; r1 = r0; kfunc bpf_task_acquire", reason: "Possibly NULL pointer passed to trusted arg0", code: isNull},
	{name: "acquire of a number", text: "r1 = 5; kfunc bpf_task_acquire", reason: "arg#0 pointer type STRUCT task_struct must point to", code: isType},
	{name: "acquire of the stack", text: "r1 = r10; r1 += -8; kfunc bpf_task_acquire", reason: "arg#0 pointer type STRUCT task_struct must point to", code: isType},
	{name: "acquire of the context", text: "kfunc bpf_task_acquire", reason: "arg#0 pointer type STRUCT task_struct must point to", code: isType},
	{name: "acquire at an offset", text: "$task; r1 = r6; r1 += 8; kfunc bpf_task_acquire; $putTask", reason: "expected pointer to STRUCT task_struct but R1", code: isType},
	{name: "acquire of another structure", text: "$cgroup; r1 = r8; kfunc bpf_task_acquire", reason: "expected pointer to STRUCT task_struct but R1 has a pointer to STRUCT cgroup", code: isType},
	{name: "never NULL", text: "$mask; r1 = r9; kfunc bpf_cpumask_acquire; r1 = r0; kfunc bpf_cpumask_release; $putMask", in: "syscall"},
	{name: "two references at once", in: "syscall", text: "$mask; r1 = 1; kfunc bpf_task_from_pid; if r0 == 0 goto no; r1 = r0; kfunc bpf_task_release; no: $putMask"},
	{name: "first member for the structure", in: "syscall", text: "$mask; r1 = r9; kfunc bpf_cpumask_first; $putMask"},
	{name: "structure for its first member", in: "syscall", text: "$cgroup; $rcu; r1 = r10; r1 += -24; r2 = r8; r3 = 3; kfunc bpf_iter_css_new; r1 = r10; r1 += -24; kfunc bpf_iter_css_destroy; $unrcu; $putCgrp"},
	{name: "whole mask", in: "syscall", text: "$mask; r1 = r9; kfunc bpf_cpumask_setall; r1 = 3; r2 = r9; kfunc bpf_cpumask_set_cpu; r1 = r9; r2 = r9; r3 = r9; kfunc bpf_cpumask_and; $putMask"},
	{name: "mask on the stack", in: "syscall", text: "*(u64 *)(r10 -8) = 0; *(u64 *)(r10 -16) = 0; *(u64 *)(r10 -24) = 0; *(u64 *)(r10 -32) = 0; r1 = r10; r1 += -32; kfunc bpf_cpumask_first"},
	{name: "mask on the stack, too short", in: "syscall", text: "r1 = r10; r1 += -24; kfunc bpf_cpumask_first", reason: "invalid", code: bounds},
	{name: "mask in a map", in: "syscall", text: "r1 = map_value[data]; kfunc bpf_cpumask_first"},
	{name: "mask in a map, too short", in: "syscall", text: "r1 = map_value[data]+40; kfunc bpf_cpumask_first", reason: "outside of the allowed memory range", code: bounds},
	{name: "mask in a map, writable wanted", in: "syscall", text: "r1 = map_value[data]; kfunc bpf_cpumask_setall"},
	{name: "mask in constants", in: "syscall", text: "r1 = map_value[rodata]; kfunc bpf_cpumask_first", reason: "write into map forbidden", code: isType},
	{name: "mask NULL", in: "syscall", text: "r1 = 0; kfunc bpf_cpumask_first", reason: "Possibly NULL", code: isNull},
	{name: "mask released as its member", in: "syscall", text: "$mask; r1 = r9; r1 += 0; kfunc bpf_cpumask_release"},
	{name: "mask populated", in: "syscall", text: "$mask; *(u64 *)(r10 -8) = 0; r1 = r9; r2 = r10; r2 += -8; r3 = 8; kfunc bpf_cpumask_populate; $putMask"},
	{name: "mask populated, size 0", in: "syscall", text: "$mask; r1 = r9; r2 = r10; r2 += -8; r3 = 0; kfunc bpf_cpumask_populate; $putMask"},
	{name: "mask populated, too much", in: "syscall", text: "$mask; r1 = r9; r2 = r10; r2 += -8; r3 = 16; kfunc bpf_cpumask_populate; $putMask", reason: "memory, len pair leads to invalid memory access", code: bounds},
	{name: "mask populated, size unknown", in: "syscall", text: "$value; r7 = *(u64 *)(r7 +0); $mask; r1 = r9; r2 = map_value[data]; r3 = r7; kfunc bpf_cpumask_populate; $putMask", reason: "memory, len pair leads to invalid memory access"},
	{name: "mask populated, size bounded", in: "syscall", text: "$value; r7 = *(u64 *)(r7 +0); r7 &= 63; $mask; r1 = r9; r2 = map_value[data]; r3 = r7; kfunc bpf_cpumask_populate; $putMask"},
	{name: "mask populated, size bounded beyond", in: "syscall", text: "$value; r7 = *(u64 *)(r7 +0); r7 &= 127; $mask; r1 = r9; r2 = map_value[data]; r3 = r7; kfunc bpf_cpumask_populate; $putMask", reason: "memory, len pair leads to invalid memory access", code: bounds},
	{name: "mask populated, NULL of size 0", in: "syscall", text: "$mask; r1 = r9; r2 = 0; r3 = 0; kfunc bpf_cpumask_populate; $putMask", reason: "Possibly NULL", code: isNull},
	{name: "mask populated from a kernel structure", in: "syscall", text: "$current; $mask; r1 = r9; r2 = r6; r3 = 8; kfunc bpf_cpumask_populate; $putMask", reason: "is not supported", code: isType},
	{name: "number from a pointer", in: "syscall", text: "$mask; r1 = r10; r2 = r9; kfunc bpf_cpumask_set_cpu; $putMask", reason: "R1 is not a scalar", code: isType},

	{name: "strings", in: "syscall", text: "$current; r1 = r6; r2 = map_value[rodata]; r3 = r10; kfunc bpf_strcmp"},
	{name: "any pointer where it is not looked at", in: "syscall", text: "r1 = 5; kfunc bpf_strlen"},
	{name: "unset where it is not looked at", in: "syscall", text: "kfunc bpf_strcmp"},
	{name: "constant string", text: "r1 = 1; r2 = map_value[rodata]; r3 = r10; r3 += -8; r4 = 0; r5 = 0; kfunc bpf_stream_vprintk_impl"},
	{name: "NULL of size 0", text: "r1 = 1; r2 = map_value[rodata]; r3 = 0; r4 = 0; r5 = 0; kfunc bpf_stream_vprintk_impl", reason: "Possibly NULL pointer passed to trusted arg2", code: isNull},
	{name: "constant string on the stack", text: "*(u64 *)(r10 -8) = 0; r1 = 1; r2 = r10; r2 += -8; r3 = 0; r4 = 0; r5 = 0; kfunc bpf_stream_vprintk_impl", reason: "doesn't point to a const string", code: isType},
	{name: "constant string that is not", text: "r1 = 1; r2 = map_value[data]; r3 = 0; r4 = 0; r5 = 0; kfunc bpf_stream_vprintk_impl", reason: "does not point to a readonly map", code: isType},

	{name: "wrong type of program", in: "xdp", text: "$mask; $putMask", reason: "calling kernel function bpf_cpumask_create is not allowed", code: isHelper},
	{name: "unknown", text: "kfunc bpf_fentry_test1", reason: "calling kernel function bpf_fentry_test1 is not allowed", code: isHelper},
	{name: "trap", text: "kfunc __bpf_trap", reason: "unexpected __bpf_trap()", code: isHelper},

	{name: "context cast", in: "xdp", text: "kfunc bpf_cast_to_kern_ctx; r6 = r0"},
	{name: "context cast of something else", in: "xdp", text: "r1 = r10; kfunc bpf_cast_to_kern_ctx", reason: "expected pointer to ctx", code: isType},
	{name: "context cast at an offset", in: "xdp", text: "r1 += 4; kfunc bpf_cast_to_kern_ctx", reason: "modified ctx", code: isType},
	{name: "context cast, no structure", in: "syscall", text: "kfunc bpf_cast_to_kern_ctx", reason: "is not a struct", code: isHelper},
	{name: "cast to nothing", text: "r1 = 5; r2 = 0; kfunc bpf_rdonly_cast; r1 = *(u64 *)(r0 +8)"},
	{name: "cast to nothing, written", text: "r1 = 5; r2 = 0; kfunc bpf_rdonly_cast; *(u64 *)(r0 +8) = 1", reason: "cannot write into rdonly_untrusted_mem", code: isType},
	{name: "cast to a type that is not known", text: "$value; r2 = *(u64 *)(r7 +0); r1 = 5; kfunc bpf_rdonly_cast", reason: "R2 must be a known constant", code: isType},

	{name: "map of the kernel", text: "r1 = map[hash]; kfunc bpf_map_sum_elem_count"},
	{name: "map of the kernel, value", text: "r1 = map_value[data]; kfunc bpf_map_sum_elem_count", reason: "arg#0 pointer type STRUCT bpf_map must point to", code: isType},

	{name: "conntrack", in: "xdp", text: "$ct; r1 = r6; kfunc bpf_ct_release"},
	{name: "conntrack, leaked", in: "xdp", text: "$ct", reason: "reference leak", code: isRef},
	{name: "conntrack, inserted", in: "xdp", text: "$newCt; r1 = r6; kfunc bpf_ct_insert_entry; if r0 == 0 goto out; r1 = r0; kfunc bpf_ct_release"},
	{name: "conntrack, inserted, old used", in: "xdp", text: "$newCt; r1 = r6; kfunc bpf_ct_insert_entry; if r0 == 0 goto out; r1 = r0; kfunc bpf_ct_release; r1 = r6; r2 = 5; kfunc bpf_ct_set_timeout", reason: "arg#0 pointer type STRUCT nf_conn___init must point to"},
	{name: "conntrack, new one released as a whole one", in: "xdp", text: "$newCt; r1 = r6; kfunc bpf_ct_release", reason: "expected pointer to STRUCT nf_conn but R1 has a pointer to STRUCT nf_conn___init", code: isType},
	{name: "conntrack, whole one as a new one", in: "xdp", text: "$ct; r1 = r6; r2 = 5; kfunc bpf_ct_set_timeout; r1 = r6; kfunc bpf_ct_release", reason: "expected pointer to STRUCT nf_conn___init but R1 has a pointer to STRUCT nf_conn", code: isType},
	{name: "conntrack, new one changed as a whole one", in: "xdp", text: "$newCt; r1 = r6; r2 = 5; kfunc bpf_ct_change_timeout; r1 = r6; kfunc bpf_ct_insert_entry; if r0 == 0 goto out; r1 = r0; kfunc bpf_ct_release", reason: "expected pointer to STRUCT nf_conn but R1 has a pointer to STRUCT nf_conn___init", code: isType},
	{name: "conntrack, options too short", in: "xdp", text: "r6 = r1; *(u64 *)(r10 -8) = 0; *(u64 *)(r10 -16) = 0; r1 = r6; r2 = r10; r2 += -16; r3 = 12; r4 = r10; r4 += -8; r5 = 12; kfunc bpf_xdp_ct_lookup; if r0 == 0 goto out; r1 = r0; kfunc bpf_ct_release", reason: "memory, len pair leads to invalid memory access", code: bounds},
	{name: "conntrack, options a context", in: "xdp", text: "r6 = r1; *(u64 *)(r10 -8) = 0; *(u64 *)(r10 -16) = 0; r1 = r6; r2 = r6; r3 = 12; r4 = r10; r4 += -16; r5 = 12; kfunc bpf_xdp_ct_lookup; if r0 == 0 goto out; r1 = r0; kfunc bpf_ct_release", reason: "memory, len pair leads to invalid memory access", code: isType},
	{name: "conntrack, context is another", in: "xdp", text: "*(u64 *)(r10 -8) = 0; *(u64 *)(r10 -16) = 0; r1 = r10; r1 += -16; r2 = r10; r2 += -16; r3 = 12; r4 = r10; r4 += -16; r5 = 12; kfunc bpf_xdp_ct_lookup", reason: "expected pointer to ctx", code: isType},
	{name: "packet moved", in: "xdp", text: "r6 = r1; r7 = *(u32 *)(r1 +0); r8 = *(u32 *)(r1 +4); r9 = r7; r9 += 8; if r9 > r8 goto out; r1 = r6; r2 = 8; kfunc bpf_xdp_pull_data; r1 = *(u64 *)(r7 +0)", reason: "invalid mem access 'scalar'"},
	{name: "packet not moved", in: "xdp", text: "r6 = r1; r7 = *(u32 *)(r1 +0); r8 = *(u32 *)(r1 +4); r9 = r7; r9 += 8; if r9 > r8 goto out; kfunc bpf_rcu_read_lock; kfunc bpf_rcu_read_unlock; r1 = *(u64 *)(r7 +0)"},
	{name: "packet as memory", in: "xdp", text: "r6 = r1; r7 = *(u32 *)(r1 +0); r8 = *(u32 *)(r1 +4); r9 = r7; r9 += 16; if r9 > r8 goto out; *(u64 *)(r10 -8) = 0; *(u64 *)(r10 -16) = 0; r1 = r6; r2 = r7; r3 = 12; r4 = r10; r4 += -16; r5 = 12; kfunc bpf_xdp_ct_lookup; if r0 == 0 goto out; r1 = r0; kfunc bpf_ct_release"},
	{name: "packet as memory, unchecked", in: "xdp", text: "r6 = r1; r7 = *(u32 *)(r1 +0); *(u64 *)(r10 -8) = 0; *(u64 *)(r10 -16) = 0; r1 = r6; r2 = r7; r3 = 12; r4 = r10; r4 += -16; r5 = 12; kfunc bpf_xdp_ct_lookup; if r0 == 0 goto out; r1 = r0; kfunc bpf_ct_release", reason: "memory, len pair leads to invalid memory access", code: bounds},

	{name: "arena pages", in: "syscall", text: "r1 = map[arena]; r2 = 0; r3 = 1; r4 = 0; r5 = 0; kfunc bpf_arena_alloc_pages; r6 = r0; r1 = map[arena]; r2 = r6; r3 = 1; kfunc bpf_arena_free_pages"},
	{name: "arena pages, no sleeper", text: "r1 = map[arena]; r2 = 0; r3 = 1; r4 = 0; r5 = 0; kfunc bpf_arena_alloc_pages", reason: "must be sleepable", code: isHelper},
	{name: "clobbered", text: "r1 = 1; r2 = 7; kfunc bpf_task_from_pid; r6 = r2; if r0 == 0 goto out; r1 = r0; kfunc bpf_task_release", reason: "R2 !read_ok", code: verifier.CodeUninit},
	{name: "nothing returned", text: "kfunc bpf_rcu_read_lock; r6 = r0; kfunc bpf_rcu_read_unlock", reason: "R0 !read_ok", code: verifier.CodeUninit},
	{name: "cgroup of a task", text: "$task; r1 = r6; r2 = 0; kfunc bpf_task_get_cgroup1; r8 = r0; $putTask; if r8 == 0 goto out; $putCgrp"},
	{name: "under a cgroup", text: "$cgroup; $current; r1 = r6; r2 = r8; kfunc bpf_task_under_cgroup; $putCgrp"},
	{name: "ancestor", text: "$cgroup; r1 = r8; r2 = 0; kfunc bpf_cgroup_ancestor; r9 = r0; $putCgrp; if r9 == 0 goto out; r1 = r9; kfunc bpf_cgroup_release"},
}

// TestKfuncKinds calls every kernel function of the table with nothing in its registers: the verifier has a
// rule for each kind of argument, and none takes what is not there.
func TestKfuncKinds(t *testing.T) {
	f := newTypestateFixture(t)
	refused := 0
	for _, k := range proto.Kfuncs() {
		s, err := f.spec(&typestate{text: "call get_prandom_u32; kfunc " + k.Name, in: "syscall"})
		if err != nil {
			t.Fatal(err)
		}
		var need bool
		for _, a := range k.Args {
			need = need || a.Kind != proto.KfuncIgnored && a.Kind != proto.KfuncProg
		}
		_, err = verifier.Verify(s, verifier.Options{})
		if err == nil && need {
			t.Errorf("%s is accepted without arguments", k.Name)
		}
		if err != nil {
			refused++
		}
	}
	t.Logf("%d kernel functions, %d refused", len(proto.Kfuncs()), refused)
}
