package proto

// Trust is what a pointer that was loaded from a field of a kernel structure is worth.
type Trust uint8

// What such pointers are worth, when the pointer that they were loaded through was valid.
const (
	// TrustNone: a plain pointer within an RCU section, a stale one outside: loads through it are
	// checked at run time, and kfuncs refuse it.
	TrustNone Trust = iota
	// TrustRCU: valid within the RCU section, and not NULL.
	TrustRCU
	// TrustRCUOrNull: the same, but it may be NULL.
	TrustRCUOrNull
	// TrustFull: valid like the pointer that it was loaded through, and not NULL.
	TrustFull
	// TrustFullOrNull: the same, but it may be NULL.
	TrustFullOrNull
)

// safeField is a field whose pointer the kernel trusts.
type safeField struct {
	parent, field, target string
}

var safeFields = map[safeField]Trust{
	{"task_struct", "cpus_ptr", "cpumask"}:         TrustRCU,
	{"task_struct", "cgroups", "css_set"}:          TrustRCU,
	{"task_struct", "real_parent", "task_struct"}:  TrustRCU,
	{"task_struct", "group_leader", "task_struct"}: TrustRCU,
	{"cgroup", "kn", "kernfs_node"}:                TrustRCU,
	{"css_set", "dfl_cgrp", "cgroup"}:              TrustRCU,
	{"cgroup_subsys_state", "cgroup", "cgroup"}:    TrustRCU,
	{"mm_struct", "exe_file", "file"}:              TrustRCUOrNull,
	{"sk_buff", "sk", "sock"}:                      TrustRCUOrNull,
	{"request_sock", "sk", "sock"}:                 TrustRCUOrNull,
	{"bpf_iter_meta", "seq", "seq_file"}:           TrustFull,
	{"bpf_iter__task", "meta", "bpf_iter_meta"}:    TrustFull,
	{"bpf_iter__task", "task", "task_struct"}:      TrustFull,
	{"linux_binprm", "file", "file"}:               TrustFull,
	{"file", "f_inode", "inode"}:                   TrustFull,
	{"dentry", "d_inode", "inode"}:                 TrustFullOrNull,
	{"socket", "sk", "sock"}:                       TrustFullOrNull,
}

// FieldTrust is what a pointer is worth that was loaded through a valid pointer to the structure
// parent, from the member field, which points to the structure target. The member may lie in a structure
// inside parent: its own name counts.
//
// The kernel's rule in full, by the pointer that was loaded through:
//   - it may be stale (Untrusted): so is the result;
//   - it is trusted, referenced or valid under RCU: a TrustFull field gives the same trust again. Any
//     other gives, within an RCU section (where programs that do not sleep always are) and when the pointer
//     itself cannot be NULL, an RCU pointer for TrustRCU and TrustRCUOrNull fields and for those with the
//     type tag "rcu", which may be NULL, and a plain pointer for the rest; outside, one that may be stale;
//   - it is a plain pointer: so is the result.
//
// A pointer out of a union may be stale whatever else holds.
func FieldTrust(parent, field, target string) Trust {
	return safeFields[safeField{parent, field, target}]
}
