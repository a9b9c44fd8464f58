package verifier_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/verifier"
)

// TestLocks is about spin locks, those that may fail among them.
func TestLocks(t *testing.T) { checkTypestates(t, lockTable) }

var lockTable = []typestate{
	{name: "direct value", text: "r1 = map_value[lock1]; call spin_lock; r1 = map_value[lock1]; call spin_unlock"},
	{name: "direct value and a lookup", text: "r1 = map_value[lock1]; r6 = r1; *(u32 *)(r10 -4) = 0; r1 = map[lock1]; r2 = r10; r2 += -4; call map_lookup_elem; if r0 == 0 goto out; r7 = r0; r1 = r6; call spin_lock; r1 = r7; call spin_unlock", reason: "bpf_spin_unlock of different lock"},
	{name: "in a for_each callback", text: "r1 = map[lock]; r2 = func f; r3 = 0; r4 = 0; call for_each_map_elem; goto out --- f: r6 = r3; r1 = r6; call spin_lock; r1 = r6; call spin_unlock; r0 = 0; exit"},
	{name: "held across a for_each callback", text: "r1 = map[lock]; r2 = func f; r3 = 0; r4 = 0; call for_each_map_elem; goto out --- f: r1 = r3; call spin_lock; r0 = 0; exit", reason: "function calls are not allowed while holding a lock"},
	{name: "taken in a function", text: "$lock; r1 = r7; call f; r1 = r7; call spin_unlock; goto out --- f: call spin_lock; r0 = 0; exit"},
	{name: "given back in a function", text: "$lock; r1 = r7; call spin_lock; r1 = r7; call f; goto out --- f: call spin_unlock; r0 = 0; exit"},
	{name: "socket filter", in: "socket", text: "$lock", reason: "socket filter progs cannot use bpf_spin_lock yet"},
	{name: "tracing", in: "raw_tp", text: "$lock", reason: "tracing progs cannot use bpf_spin_lock yet"},
	{name: "packet access while held", in: "xdp", text: "r6 = *(u32 *)(r1 +0); r8 = *(u32 *)(r1 +4); r9 = r6; r9 += 8; if r9 > r8 goto out; r1 = map_value[lock1]; call spin_lock; r2 = *(u64 *)(r6 +0); r1 = map_value[lock1]; call spin_unlock"},
	{name: "second lock of another kind", text: "r1 = map_value[lock1]; call spin_lock; r1 = map_value[res1]; kfunc bpf_res_spin_lock; if r0 != 0 goto no; r1 = map_value[res1]; kfunc bpf_res_spin_unlock; no: r1 = map_value[lock1]; call spin_unlock"},
	{name: "loop while held", text: "r1 = map_value[lock1]; call spin_lock; $numNew2; next: $numNext2; if r0 != 0 goto next; $numEnd2; r1 = map_value[lock1]; call spin_unlock"},

	{name: "res", text: "$resLock; if r0 != 0 goto out; $resUnlock"},
	{name: "res, result not looked at", text: "$resLock; $resUnlock", reason: "bpf_res_spin_unlock without taking a lock"},
	{name: "res, held at the end", text: "$resLock; if r0 != 0 goto out", reason: "BPF_EXIT instruction in main prog cannot be used inside"},
	{name: "res, unlocked where it failed", text: "$resLock; if r0 == 0 goto out; $resUnlock", reason: "BPF_EXIT instruction in main prog cannot be used inside"},
	{name: "res, result compared by sign", text: "$resLock; if r0 s< 0 goto out; $resUnlock"},
	{name: "res, result compared in 32 bits", text: "$resLock; if w0 != 0 goto out; $resUnlock"},
	{name: "res, two", text: "$resLock; if r0 != 0 goto out; $resLock2; if r0 != 0 goto no; $resUnlock2; no: $resUnlock"},
	{name: "res, two, out of order", text: "$resLock; if r0 != 0 goto out; $resLock2; if r0 != 0 goto no; $resUnlock; $resUnlock2; goto out; no: $resUnlock", reason: "bpf_res_spin_unlock cannot be out of order"},
	{name: "res, the same twice", text: "$resLock; if r0 != 0 goto out; $resLock; if r0 != 0 goto no; $resUnlock; no: $resUnlock", reason: "Acquiring the same lock again, AA deadlock detected"},
	{name: "res, two values of a map", text: "$res; r8 = r7; $res; r1 = r8; kfunc bpf_res_spin_lock; if r0 != 0 goto out; r1 = r7; kfunc bpf_res_spin_lock; if r0 != 0 goto no; r1 = r7; kfunc bpf_res_spin_unlock; no: r1 = r8; kfunc bpf_res_spin_unlock"},
	{name: "res, at a wrong place", text: "$res; r1 = r7; r1 += 8; kfunc bpf_res_spin_lock", reason: "off 8 doesn't point to 'struct bpf_res_spin_lock' that is at 0"},
	{name: "res, of a map without", text: "$value; r1 = r7; kfunc bpf_res_spin_lock", reason: "map 'array' has to have BTF in order to use bpf_res_spin_lock"},
	{name: "res, as a plain lock", text: "r1 = map_value[res1]; call spin_lock", reason: "map 'res1' has no valid bpf_spin_lock"},
	{name: "res, plain lock as one", text: "r1 = map_value[lock1]; kfunc bpf_res_spin_lock", reason: "map 'lock1' has no valid bpf_res_spin_lock"},
	{name: "res, helper while held", text: "$resLock; if r0 != 0 goto out; call get_prandom_u32; $resUnlock", reason: "function calls are not allowed while holding a lock"},
	{name: "res, plain lock while held", text: "$resLock; if r0 != 0 goto out; r1 = map_value[lock1]; call spin_lock; r1 = map_value[lock1]; call spin_unlock; $resUnlock", reason: "function calls are not allowed while holding a lock"},
	{name: "res, not locked", text: "$resUnlock", reason: "bpf_res_spin_unlock without taking a lock"},
	{name: "res, read", text: "$res; r1 = *(u32 *)(r7 +0)", reason: "bpf_res_spin_lock cannot be accessed directly by load/store"},
	{name: "res, beside", text: "$resLock; if r0 != 0 goto out; r1 = map_value[res1]; *(u64 *)(r1 +8) = 1; $resUnlock"},
	{name: "res, in a tracing program", in: "raw_tp", text: "$resLock; if r0 != 0 goto out; $resUnlock", reason: "tracing progs cannot use bpf_spin_lock yet"},
	{name: "res, where the program sleeps", in: "syscall", text: "$resLock; if r0 != 0 goto out; $sleep; $resUnlock", reason: "function calls are not allowed while holding a lock"},
	{name: "res, in a loop", text: "$numNew2; next: $numNext2; if r0 == 0 goto done; $resLock; if r0 != 0 goto next; $resUnlock; goto next; done: $numEnd2"},
	{name: "res, taken in a loop", text: "$numNew2; next: $numNext2; if r0 == 0 goto done; $resLock; goto next; done: $numEnd2", reason: "BPF_EXIT instruction in main prog cannot be used inside"},
	{name: "res, taken in a function", text: "call f; if r0 != 0 goto out; $resUnlock; goto out --- f: $resLock; exit"},
	{name: "res irq", text: "$resLockIRQ; if r0 != 0 goto out; $resUnlockIRQ"},
	{name: "res irq, unlocked as without", text: "$resLockIRQ; if r0 != 0 goto out; $resUnlock", reason: "bpf_res_spin_unlock of different lock"},
	{name: "res irq, without unlocked as with", text: "$resLock; if r0 != 0 goto out; $resUnlockIRQ", reason: "bpf_res_spin_unlock of different lock"},
	{name: "res irq, flags restored alone", text: "$resLockIRQ; if r0 != 0 goto out; $irqRestore; $resUnlock", reason: "function calls are not allowed while holding a lock"},
	{name: "res irq, other flags", text: "$irqSave2; $resLockIRQ; if r0 != 0 goto no; r1 = map_value[res1]; r2 = r10; r2 += -24; kfunc bpf_res_spin_unlock_irqrestore; $irqRestore; goto out; no: $irqRestore2", reason: "irq flag acquired by native kfuncs cannot be restored with lock kfuncs"},
	{name: "res irq, flags unset where it failed", text: "$resLockIRQ; if r0 == 0 goto ok; $irqRestore; goto out; ok: $resUnlockIRQ", reason: "expected an initialized irq flag as arg#0"},
	{name: "res irq, flags out of order", text: "$resLockIRQ; if r0 != 0 goto out; $irqSave2; $resUnlockIRQ; $irqRestore2", reason: "function calls are not allowed while holding a lock"},
	{name: "res irq, flags in order", text: "$irqSave2; $resLockIRQ; if r0 != 0 goto no; $resUnlockIRQ; no: $irqRestore2"},
	{name: "irq saved while held", text: "$resLock; if r0 != 0 goto out; $irqSave2; $irqRestore2; $resUnlock", reason: "function calls are not allowed while holding a lock"},
	{name: "res irq, two", text: "$resLockIRQ; if r0 != 0 goto out; r1 = map_value[res2]; r2 = r10; r2 += -24; kfunc bpf_res_spin_lock_irqsave; if r0 != 0 goto no; r1 = map_value[res2]; r2 = r10; r2 += -24; kfunc bpf_res_spin_unlock_irqrestore; no: $resUnlockIRQ"},
}

// TestCallbacks is about functions that helpers call back.
func TestCallbacks(t *testing.T) { checkTypestates(t, callbackTable) }

var callbackTable = []typestate{
	{name: "reference taken", text: "r1 = 3; r2 = func f; r3 = 0; r4 = 0; call loop; goto out --- f: r1 = 1; kfunc bpf_task_from_pid; r0 = 0; exit", reason: "BPF_EXIT instruction in main prog would lead to reference leak"},
	{name: "reference taken and kept in the caller's frame", text: "*(u64 *)(r10 -8) = 0; r1 = 1; r2 = func f; r3 = r10; r3 += -8; r4 = 0; call loop; r1 = *(u64 *)(r10 -8); if r1 == 0 goto out; kfunc bpf_task_release; goto out --- f: r6 = r2; r1 = 1; kfunc bpf_task_from_pid; if r0 == 0 goto no; *(u64 *)(r6 +0) = r0; no: r0 = 0; exit"},
	{name: "reference of the caller released", text: "$task; r1 = 1; r2 = func f; r3 = r6; r4 = 0; call loop; goto out --- f: r1 = r2; kfunc bpf_task_release; r0 = 1; exit", reason: "R3 type=ptr_ expected=fp"},
	{name: "reference of the caller used", text: "$task; *(u64 *)(r10 -8) = r6; r1 = 3; r2 = func f; r3 = r10; r3 += -8; r4 = 0; call loop; $putTask; goto out --- f: r1 = *(u64 *)(r2 +0); r1 = *(u32 *)(r1 +0); r0 = 0; exit"},
	{name: "reference replaced", text: "$task; *(u64 *)(r10 -8) = r6; r1 = 3; r2 = func f; r3 = r10; r3 += -8; r4 = 0; call loop; r1 = *(u64 *)(r10 -8); kfunc bpf_task_release; goto out --- f: r6 = r2; r1 = 1; kfunc bpf_task_from_pid; if r0 == 0 goto no; r7 = r0; r1 = *(u64 *)(r6 +0); *(u64 *)(r6 +0) = r7; kfunc bpf_task_release; no: r0 = 0; exit"},
	{name: "result", text: "r1 = 3; r2 = func f; r3 = 0; r4 = 0; call loop; goto out --- f: r0 = 2; exit", reason: "At callback return the register R0 has smin=2 smax=2 should have been"},
	{name: "result negative", text: "r1 = 3; r2 = func f; r3 = 0; r4 = 0; call loop; goto out --- f: r0 = -1; exit", reason: "At callback return the register R0 has smin=-1 smax=-1 should have"},
	{name: "result unset", text: "r1 = 3; r2 = func f; r3 = 0; r4 = 0; call loop; goto out --- f: exit", reason: "R0 not a scalar value"},
	{name: "result a pointer", text: "r1 = 3; r2 = func f; r3 = 0; r4 = 0; call loop; goto out --- f: r0 = r10; exit", reason: "cannot return stack pointer to the caller"},
	{name: "result in 32 bits", text: "r1 = 3; r2 = func f; r3 = 0; r4 = 0; call loop; goto out --- f: r0 = 0x100000000 ll; exit", reason: "At callback return the register R0 has smin=4294967296"},
	{name: "result a bool", text: "r1 = 3; r2 = func f; r3 = 0; r4 = 0; call loop; goto out --- f: r0 = r1; r0 &= 1; exit"},
	{name: "flags", text: "r1 = 3; r2 = func f; r3 = 0; r4 = 5; call loop; goto out --- f: r0 = 0; exit"},
	{name: "flags unknown", text: "$value; r4 = *(u64 *)(r7 +0); r1 = 3; r2 = func f; r3 = 0; call loop; goto out --- f: r0 = 0; exit"},
	{name: "flags of for_each", text: "r1 = map[array]; r2 = func f; r3 = 0; r4 = 5; call for_each_map_elem; goto out --- f: r0 = 0; exit"},
	{name: "count unknown", text: "$value; r1 = *(u64 *)(r7 +0); r2 = func f; r3 = 0; r4 = 0; call loop; goto out --- f: r0 = 0; exit"},
	{name: "count zero, fault inside", text: "r1 = 0; r2 = func f; r3 = 0; r4 = 0; call loop; goto out --- f: r0 = *(u64 *)(r9 +0); r0 = 0; exit"},
	{name: "fault at the second call", text: "*(u64 *)(r10 -8) = 0; r1 = 2; r2 = func f; r3 = r10; r3 += -8; r4 = 0; call loop; goto out --- f: r1 = *(u64 *)(r2 +0); if r1 == 1 goto bad; *(u64 *)(r2 +0) = 1; r0 = 0; exit; bad: r0 = *(u64 *)(r1 +0); exit", reason: "R1 invalid mem access 'scalar'"},
	{name: "fault at the second call of one", text: "*(u64 *)(r10 -8) = 0; r1 = 1; r2 = func f; r3 = r10; r3 += -8; r4 = 0; call loop; goto out --- f: r1 = *(u64 *)(r2 +0); if r1 == 1 goto bad; *(u64 *)(r2 +0) = 1; r0 = 0; exit; bad: r0 = *(u64 *)(r1 +0); exit"},
	{name: "index in bounds", text: "$value; *(u64 *)(r10 -16) = r7; r1 = 16; r2 = func f; r3 = r10; r3 += -16; r4 = 0; call loop; goto out --- f: if r1 > 15 goto no; r2 = *(u64 *)(r2 +0); r2 += r1; r3 = *(u8 *)(r2 +0); no: r0 = 0; exit"},
	{name: "index not tested", text: "$value; *(u64 *)(r10 -16) = r7; r1 = 16; r2 = func f; r3 = r10; r3 += -16; r4 = 0; call loop; goto out --- f: r2 = *(u64 *)(r2 +0); r2 += r1; r3 = *(u8 *)(r2 +0); r0 = 0; exit", reason: "math between map_value pointer and register with unbounded min value"},
	{name: "counter in the caller's frame", text: "*(u64 *)(r10 -8) = 0; r1 = 100; r2 = func f; r3 = r10; r3 += -8; r4 = 0; call loop; $value; r6 = *(u64 *)(r10 -8); goto out --- f: r1 = *(u64 *)(r2 +0); r1 += 1; *(u64 *)(r2 +0) = r1; r0 = 0; exit"},
	{name: "counter in the caller's frame as an index", text: "*(u64 *)(r10 -8) = 0; r1 = 5; r2 = func f; r3 = r10; r3 += -8; r4 = 0; call loop; r6 = *(u64 *)(r10 -8); *(u32 *)(r10 -12) = 0; r1 = map[array]; r2 = r10; r2 += -12; call map_lookup_elem; if r0 == 0 goto out; r0 += r6; r1 = *(u8 *)(r0 +0); goto out --- f: r1 = *(u64 *)(r2 +0); r1 += 1; *(u64 *)(r2 +0) = r1; r0 = 0; exit"},
	{name: "counter in the caller's frame as an index, tested", text: "*(u64 *)(r10 -8) = 0; r1 = 5; r2 = func f; r3 = r10; r3 += -8; r4 = 0; call loop; r6 = *(u64 *)(r10 -8); *(u32 *)(r10 -12) = 0; r1 = map[array]; r2 = r10; r2 += -12; call map_lookup_elem; if r0 == 0 goto out; if r6 > 15 goto out; r0 += r6; r1 = *(u8 *)(r0 +0); goto out --- f: r1 = *(u64 *)(r2 +0); r1 += 1; *(u64 *)(r2 +0) = r1; r0 = 0; exit"},
	{name: "pointer in the caller's frame overwritten", text: "$value; *(u64 *)(r10 -16) = r7; r1 = 5; r2 = func f; r3 = r10; r3 += -16; r4 = 0; call loop; r1 = *(u64 *)(r10 -16); r1 = *(u64 *)(r1 +0); goto out --- f: *(u64 *)(r2 +0) = 0; r0 = 0; exit", reason: "R1 invalid mem access 'scalar'"},
	{name: "pointer in the caller's frame moved", text: "$value; *(u64 *)(r10 -16) = r7; r1 = 5; r2 = func f; r3 = r10; r3 += -16; r4 = 0; call loop; goto out --- f: r1 = *(u64 *)(r2 +0); r3 = *(u8 *)(r1 +0); r1 += 4; *(u64 *)(r2 +0) = r1; r0 = 0; exit", reason: "R1 min value is outside of the allowed memory range"},
	{name: "nested", text: "r1 = 3; r2 = func f; r3 = 0; r4 = 0; call loop; goto out --- f: r1 = 3; r2 = func g; r3 = 0; r4 = 0; call loop; r0 = 0; exit; g: r0 = 0; exit"},
	{name: "nested, counter two frames up", text: "*(u64 *)(r10 -8) = 0; r1 = 3; r2 = func f; r3 = r10; r3 += -8; r4 = 0; call loop; goto out --- f: r3 = r2; r1 = 3; r2 = func g; r4 = 0; call loop; r0 = 0; exit; g: r1 = *(u64 *)(r2 +0); r1 += 1; *(u64 *)(r2 +0) = r1; r0 = 0; exit"},
	{name: "nested, fault depends on the count", text: "*(u64 *)(r10 -8) = 0; r1 = 3; r2 = func f; r3 = r10; r3 += -8; r4 = 0; call loop; goto out --- f: r3 = r2; r1 = 3; r2 = func g; r4 = 0; call loop; r0 = 0; exit; g: r1 = *(u64 *)(r2 +0); if r1 == 7 goto bad; r1 += 1; *(u64 *)(r2 +0) = r1; r0 = 0; exit; bad: r0 = *(u64 *)(r9 +0); exit", reason: "R9 !read_ok"},
	{name: "itself", text: "r1 = 3; r2 = func f; r3 = 0; r4 = 0; call loop; goto out --- f: r1 = 3; r2 = func f; r3 = 0; r4 = 0; call loop; r0 = 0; exit", reason: "the call stack of 9 frames is too deep", code: verifier.CodeLimit},
	{name: "the program itself", text: "main: r1 = 3; r2 = func main; r3 = 0; r4 = 0; call loop", reason: "the call stack of 9 frames is too deep", code: verifier.CodeLimit},
	{name: "by each element", text: "*(u64 *)(r10 -8) = 0; r1 = map[hash]; r2 = func f; r3 = r10; r3 += -8; r4 = 0; call for_each_map_elem; goto out --- f: r5 = *(u32 *)(r2 +0); r6 = *(u64 *)(r3 +8); *(u64 *)(r3 +8) = r5; *(u64 *)(r4 +0) = r6; r0 = 0; exit"},
	{name: "by each element, key written", text: "r1 = map[hash]; r2 = func f; r3 = 0; r4 = 0; call for_each_map_elem; goto out --- f: *(u32 *)(r2 +0) = 0; r0 = 0; exit", reason: "write to change key R2 not allowed"},
	{name: "by each element, value beyond", text: "r1 = map[hash]; r2 = func f; r3 = 0; r4 = 0; call for_each_map_elem; goto out --- f: r0 = *(u64 *)(r3 +9); r0 = 0; exit", reason: "R3 min value is outside of the allowed memory range"},
	{name: "by each element, element deleted", text: "r1 = map[hash]; r2 = func f; r3 = 0; r4 = 0; call for_each_map_elem; goto out --- f: call map_delete_elem; r0 = 0; exit"},
	{name: "by each element, context a number", text: "r1 = map[hash]; r2 = func f; r3 = 5; r4 = 0; call for_each_map_elem; goto out --- f: r0 = 0; exit", reason: "R3 type=scalar expected=fp"},
	{name: "by each element, context a value", text: "$value; r1 = map[hash]; r2 = func f; r3 = r7; r4 = 0; call for_each_map_elem; goto out --- f: r0 = 0; exit", reason: "R3 type=map_value expected=fp"},
	{name: "context NULL used", text: "r1 = 3; r2 = func f; r3 = 0; r4 = 0; call loop; goto out --- f: r0 = *(u64 *)(r2 +0); r0 = 0; exit", reason: "R2 invalid mem access 'scalar'"},
	{name: "in a task's memory", text: "$current; r1 = r6; r2 = 0; r3 = func f; r4 = 0; r5 = 0; call find_vma; goto out --- f: r0 = *(u32 *)(r1 +0); r0 = *(u64 *)(r2 +0); r0 = 0; exit"},
	{name: "in a task's memory, task acquired", text: "$current; r1 = r6; r2 = 0; r3 = func f; r4 = 0; r5 = 0; call find_vma; goto out --- f: kfunc bpf_task_acquire; if r0 == 0 goto no; r1 = r0; kfunc bpf_task_release; no: r0 = 0; exit"},
	{name: "in a task's memory, written", text: "$current; r1 = r6; r2 = 0; r3 = func f; r4 = 0; r5 = 0; call find_vma; goto out --- f: *(u64 *)(r2 +0) = 1; r0 = 0; exit", reason: "only read is supported"},
	{name: "in a task's memory, task of an RCU section", text: "$kptrs; r6 = *(u64 *)(r7 +0); if r6 == 0 goto out; r1 = r6; r2 = 0; r3 = func f; r4 = 0; r5 = 0; call find_vma; goto out --- f: r2 = 9; r3 = 1; r4 = 0; kfunc bpf_send_signal_task; r0 = 0; exit", reason: "R1 must be referenced or trusted"},
	{name: "in a task's memory, result", text: "$current; r1 = r6; r2 = 0; r3 = func f; r4 = 0; r5 = 0; call find_vma; goto out --- f: r0 = 2; exit", reason: "At callback return the register R0 has smin=2 smax=2 should have been"},
	{name: "stack on stack", text: "*(u64 *)(r10 -400) = 0; r1 = 3; r2 = func f; r3 = 0; r4 = 0; call loop; goto out --- f: *(u64 *)(r10 -200) = 0; r0 = 0; exit", reason: "combined stack size of 2 calls is 608. Too large", code: verifier.CodeLimit},
	{name: "packet pointer of the caller", in: "xdp", text: "r6 = *(u32 *)(r1 +0); r7 = *(u32 *)(r1 +4); r8 = r6; r8 += 8; if r8 > r7 goto out; *(u64 *)(r10 -8) = r6; r1 = 3; r2 = func f; r3 = r10; r3 += -8; r4 = 0; call loop; r1 = *(u64 *)(r6 +0); goto out --- f: r1 = *(u64 *)(r2 +0); r1 = *(u64 *)(r1 +0); r0 = 0; exit"},
	{name: "packet moved inside", in: "xdp", text: "r9 = r1; r6 = *(u32 *)(r1 +0); r7 = *(u32 *)(r1 +4); r8 = r6; r8 += 8; if r8 > r7 goto out; *(u64 *)(r10 -8) = r9; r1 = 3; r2 = func f; r3 = r10; r3 += -8; r4 = 0; call loop; r1 = *(u64 *)(r6 +0); goto out --- f: r1 = *(u64 *)(r2 +0); r2 = 4; call xdp_adjust_head; r0 = 0; exit", reason: "R6 invalid mem access 'scalar'"},
	{name: "number where the function should be", text: "r1 = 3; r2 = 5; r3 = 0; r4 = 0; call loop", reason: "R2 type=scalar expected=func"},
	{name: "address of the function moved", text: "r1 = 3; r2 = func f; r2 += 8; r3 = 0; r4 = 0; call loop; goto out --- f: r0 = 0; exit", reason: "dereference of modified func ptr R2 off=8 disallowed"},
	{name: "two functions in one call", text: "$value; r6 = *(u64 *)(r7 +0); r2 = func f; if r6 == 0 goto a; r2 = func g; a: r1 = 3; r3 = 0; r4 = 0; call loop; goto out --- f: r0 = 0; exit; g: r0 = 1; exit"},
	{name: "two functions in one call, one faults", text: "$value; r6 = *(u64 *)(r7 +0); r2 = func f; if r6 == 0 goto a; r2 = func g; a: r1 = 3; r3 = 0; r4 = 0; call loop; goto out --- f: r0 = 0; exit; g: r0 = *(u64 *)(r9 +0); exit", reason: "R9 !read_ok"},
}

// TestLockedCalls calls every helper and kernel function while a lock is held, without arguments: those that the
// kernel lets call there are refused for something else.
func TestLockedCalls(t *testing.T) {
	f := newTypestateFixture(t)
	if !f.live {
		t.Skip("no live kernel")
	}
	var calls []string
	for _, k := range proto.Kfuncs() {
		calls = append(calls, "kfunc "+k.Name)
	}
	for id := int32(1); id <= proto.MaxID; id++ {
		if p := proto.ByID(id); p != nil {
			calls = append(calls, "call "+p.Name)
		}
	}
	allowed := 0
	for _, call := range calls {
		s, err := f.spec(&typestate{text: "r1 = map_value[lock1]; call spin_lock; " + call})
		if err != nil {
			t.Fatalf("%s: %v", call, err)
		}
		v, err := f.judge(s)
		if err != nil {
			t.Fatal(err)
		}
		kernelSays := strings.Contains(v.LastLine, "not allowed while holding a lock")
		_, err = verifier.Verify(s, verifier.Options{})
		says := err != nil && strings.Contains(err.Error(), "while the lock taken at insn 2 is held")
		if !kernelSays {
			allowed++
		}
		var e *verifier.Error
		if kernelSays && errors.As(err, &e) && e.Code == verifier.CodeHelper {
			says = true // not for programs of this type anyhow
		}
		if says != kernelSays && call != "call spin_lock" { // which has a reason of its own
			t.Errorf("%s: the kernel says %q, gbpf %v", call, v.LastLine, err)
		}
	}
	t.Logf("%d calls, %d of them allowed", len(calls), allowed)
}
