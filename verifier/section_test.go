package verifier_test

import (
	"testing"

	"github.com/gbpf/gbpf/verifier"
)

const (
	isLock   = verifier.CodeLock
	isHelper = verifier.CodeHelper
	isRef    = verifier.CodeReference
	isType   = verifier.CodeType
	isNull   = verifier.CodeNull
)

// TestSections is about RCU read sections and sections without preemption or interrupts.
func TestSections(t *testing.T) { checkTypestates(t, sectionTable) }

var sectionTable = []typestate{
	{name: "rcu", text: "$rcu; $unrcu"},
	{name: "rcu twice", text: "$rcu; $unrcu; $rcu; $unrcu"},
	{name: "rcu nested", text: "$rcu; $rcu; $unrcu; $unrcu", reason: "nested rcu read lock", code: isLock},
	{name: "rcu unmatched", text: "$unrcu", reason: "unmatched rcu read unlock", code: isLock},
	{name: "rcu left open", text: "$rcu", reason: "bpf_rcu_read_lock-ed region", code: isLock},
	{name: "rcu left open in a function", text: "call f; goto out --- f: $rcu; r0 = 0; exit", reason: "bpf_rcu_read_lock-ed region", code: isLock},
	{name: "rcu closed in a function", text: "$rcu; call f; goto out --- f: $unrcu; r0 = 0; exit"},
	{name: "rcu on one path", text: "$value; r6 = *(u64 *)(r7 +0); if r6 == 0 goto a; $rcu; a: if r6 == 0 goto out; $unrcu"},
	{name: "rcu on one path, other", text: "$value; r6 = *(u64 *)(r7 +0); if r6 == 0 goto a; $rcu; a: $unrcu", reason: "unmatched rcu read unlock", code: isLock},
	{name: "rcu and tail call", text: "r6 = r1; $rcu; r1 = r6; r2 = map[progs]; r3 = 0; call tail_call; $unrcu", reason: "bpf_rcu_read_lock-ed region", code: isLock},
	{name: "rcu and legacy load", text: "r6 = r1; $rcu; r0 = *(u8 *)skb[0]; $unrcu", reason: "bpf_rcu_read_lock-ed region", code: isLock},
	{name: "rcu and sleeping", in: "syscall", text: "$rcu; $sleep; $unrcu", reason: "in rcu_read_lock region", code: isHelper},
	{name: "rcu, sleeping after", in: "syscall", text: "$rcu; $unrcu; $sleep"},
	{name: "rcu and sleeping kfunc", in: "syscall", text: "$rcu; r1 = 1; r2 = 0; kfunc bpf_lookup_user_key; if r0 == 0 goto no; r1 = r0; kfunc bpf_key_put; no: $unrcu", reason: "within rcu_read_lock region", code: isHelper},
	{name: "sleeping kfunc", in: "syscall", text: "r1 = 1; r2 = 0; kfunc bpf_lookup_user_key; if r0 == 0 goto out; r1 = r0; kfunc bpf_key_put"},
	{name: "sleeping kfunc, no sleeper", text: "r1 = 1; r2 = 0; kfunc bpf_lookup_user_key; if r0 == 0 goto out; r1 = r0; kfunc bpf_key_put", reason: "must be sleepable", code: isHelper},

	{name: "preempt", text: "kfunc bpf_preempt_disable; kfunc bpf_preempt_enable"},
	{name: "preempt nested", text: "kfunc bpf_preempt_disable; kfunc bpf_preempt_disable; kfunc bpf_preempt_enable; kfunc bpf_preempt_enable"},
	{name: "preempt nested, one open", text: "kfunc bpf_preempt_disable; kfunc bpf_preempt_disable; kfunc bpf_preempt_enable", reason: "bpf_preempt_disable-ed region", code: isLock},
	{name: "preempt unmatched", text: "kfunc bpf_preempt_enable", reason: "unmatched attempt to enable preemption", code: isLock},
	{name: "preempt and sleeping", in: "syscall", text: "kfunc bpf_preempt_disable; $sleep; kfunc bpf_preempt_enable", reason: "non-preemptible region", code: isHelper},
	{name: "preempt and sleeping kfunc", in: "syscall", text: "kfunc bpf_preempt_disable; r1 = 1; r2 = 0; kfunc bpf_lookup_user_key; if r0 == 0 goto no; r1 = r0; kfunc bpf_key_put; no: kfunc bpf_preempt_enable", reason: "non-preemptible region", code: isHelper},
	{name: "preempt and tail call", text: "r6 = r1; kfunc bpf_preempt_disable; r1 = r6; r2 = map[progs]; r3 = 0; call tail_call; kfunc bpf_preempt_enable", reason: "bpf_preempt_disable-ed region", code: isLock},
	{name: "preempt is no RCU section", in: "syscall", text: "$task; kfunc bpf_preempt_disable; r1 = map_value[kptrs1]; r1 = *(u64 *)(r1 +0); r9 = r1; if r9 == 0 goto a; r1 = r9; kfunc bpf_task_acquire; if r0 == 0 goto a; r1 = r0; kfunc bpf_task_release; a: kfunc bpf_preempt_enable; $putTask", reason: "must be a rcu pointer", code: isType},
	{name: "preempt across a function", text: "call f; kfunc bpf_preempt_enable; goto out --- f: kfunc bpf_preempt_disable; r0 = 0; exit"},

	{name: "irq", text: "$irqSave; $irqRestore"},
	{name: "irq left open", text: "$irqSave", reason: "bpf_local_irq_save-ed region", code: isLock},
	{name: "irq restored twice", text: "$irqSave; $irqRestore; $irqRestore", reason: "expected an initialized irq flag"},
	{name: "irq saved twice into one", text: "$irqSave; $irqSave; $irqRestore", reason: "expected uninitialized"},
	{name: "irq never saved", text: "*(u64 *)(r10 -8) = 0; $irqRestore", reason: "expected an initialized irq flag"},
	{name: "irq nested", text: "$irqSave; $irqSave2; $irqRestore2; $irqRestore"},
	{name: "irq out of order", text: "$irqSave; $irqSave2; $irqRestore; $irqRestore2", reason: "cannot restore irq state out of order", code: isLock},
	{name: "irq overwritten", text: "$irqSave; *(u64 *)(r10 -8) = 0; $irqRestore", reason: "expected an initialized irq flag"},
	{name: "irq overwritten in part", text: "$irqSave; *(u8 *)(r10 -8) = 0; $irqRestore", reason: "expected an initialized irq flag"},
	{name: "irq read", text: "$irqSave; r6 = *(u64 *)(r10 -8); $irqRestore", reason: "invalid read from stack"},
	{name: "irq given to a helper", text: "$irqSave; r1 = map[array]; r2 = r10; r2 += -8; call map_lookup_elem; $irqRestore", reason: "invalid read from stack"},
	{name: "irq at an odd place", text: "r1 = r10; r1 += -12; kfunc bpf_local_irq_save; r1 = r10; r1 += -12; kfunc bpf_local_irq_restore", reason: "expected uninitialized"},
	{name: "irq in a map", text: "r1 = map_value[data]; kfunc bpf_local_irq_save", reason: "doesn't point to an irq flag on stack", code: isType},
	{name: "irq and sleeping", in: "syscall", text: "$irqSave2; $sleep; $irqRestore2", reason: "IRQ-disabled region", code: isHelper},
	{name: "irq across functions", text: "r1 = r10; r1 += -8; call f; $irqRestore; goto out --- f: kfunc bpf_local_irq_save; r0 = 0; exit"},
	{name: "irq in a function's own frame", text: "call f; goto out --- f: $irqSave; r0 = 0; exit", reason: "bpf_local_irq_save-ed region", code: isLock},
	{name: "irq over a dynptr", text: "r1 = map_value[data]; r2 = 8; r3 = 0; r4 = r10; r4 += -16; call dynptr_from_mem; $irqSave; $irqRestore"},
	{name: "irq then dynptr", text: "$irqSave; r1 = map_value[data]; r2 = 8; r3 = 0; r4 = r10; r4 += -16; call dynptr_from_mem; $irqRestore", reason: "expected an initialized irq flag"},
	{name: "irq then iterator", text: "$irqSave; $numNew; $numEnd; $irqRestore", reason: "expected an initialized irq flag"},
	{name: "irq and legacy load", text: "r6 = r1; $irqSave; r0 = *(u8 *)skb[0]; $irqRestore", reason: "bpf_local_irq_save-ed region", code: isLock},

	{name: "throw", text: "r1 = 0; kfunc bpf_throw; r0 = 0; exit"},
	{name: "throw out of range", in: "cgroup", text: "r1 = 5; kfunc bpf_throw; r0 = 0; exit", reason: "At program exit the register R1", code: verifier.CodeReturn},
	{name: "throw in range", in: "cgroup", text: "r1 = 1; kfunc bpf_throw; r0 = 0; exit"},
	{name: "throw with a reference", text: "$task; r1 = 0; kfunc bpf_throw; r0 = 0; exit", reason: "bpf_throw would lead to reference leak", code: isRef},
	{name: "throw in a section", text: "$rcu; r1 = 0; kfunc bpf_throw; r0 = 0; exit", reason: "bpf_throw cannot be used inside bpf_rcu_read_lock-ed region", code: isLock},
	{name: "throw in a function", text: "call f; goto out --- f: r1 = 0; kfunc bpf_throw; r0 = 0; exit"},
	{name: "throw in a function with a caller's reference", text: "$task; call f; $putTask; goto out --- f: r1 = 0; kfunc bpf_throw; r0 = 0; exit", reason: "reference leak", code: isRef},
	{name: "throw a pointer", text: "kfunc bpf_throw; r0 = 0; exit", reason: "R1 is not a scalar", code: isType},
	{name: "what follows a throw is dead", text: "r1 = 0; kfunc bpf_throw; r0 = *(u64 *)(r9 +0); exit"},
	{name: "throw in a callback", text: "r1 = 1; r2 = func f; r3 = 0; r4 = 0; call loop; goto out --- f: r1 = 0; kfunc bpf_throw; r0 = 0; exit", reason: "cannot be called from callback subprog", code: isHelper},
	{name: "throw in a locked section", text: "$lockN; r1 = 0; kfunc bpf_throw; $unlockN", reason: "while holding a lock", code: isLock},

	{name: "sections in a callback", text: "$rcu; r1 = 3; r2 = func f; r3 = 0; r4 = 0; call loop; $unrcu; goto out --- f: r0 = 0; exit"},
	{name: "section left open in a callback", text: "r1 = 3; r2 = func f; r3 = 0; r4 = 0; call loop; goto out --- f: $rcu; r0 = 0; exit", reason: "bpf_rcu_read_lock-ed region", code: isLock},
	{name: "preemption left disabled in a callback", text: "r1 = 3; r2 = func f; r3 = 0; r4 = 0; call loop; goto out --- f: kfunc bpf_preempt_disable; r0 = 0; exit", reason: "bpf_preempt_disable-ed region", code: isLock},
	{name: "section closed in a callback", text: "$rcu; r1 = 1; r2 = func f; r3 = 0; r4 = 0; call loop; goto out --- f: $unrcu; r0 = 0; exit", reason: "bpf_rcu_read_lock-ed region"},
	{name: "section opened and closed in a callback", text: "r1 = 3; r2 = func f; r3 = 0; r4 = 0; call loop; goto out --- f: $rcu; $unrcu; r0 = 0; exit"},
}
