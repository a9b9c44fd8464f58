package proto

import "slices"

// kfuncProgram is a kind of program, as far as that decides which kfuncs it may call. Each has a bit in
// the values of kfuncAllow.
type kfuncProgram struct {
	typ, attach uint32
	sleepable   bool
}

// lsmKfuncs are what LSM programs have beside the kfuncs of other tracing programs.
var lsmKfuncs = []string{
	"bpf_get_task_exe_file", "bpf_put_file", "bpf_path_d_path", "bpf_get_file_xattr", "bpf_get_dentry_xattr", "bpf_set_dentry_xattr",
	"bpf_remove_dentry_xattr", "bpf_cgroup_read_xattr",
}

// KfuncAllowed reports whether the kernel lets programs of a type (BPF_PROG_TYPE_*) and
// expected attach type call a kfunc. It asks neither for a GPL-compatible licence, which all
// kfuncs need, nor whether the program is sleepable, as those with [KfuncSleepable] do. For attach
// types that the table does not have, it answers whether any program of the type may.
//
// It is false for the metadata of received frames, which only programs that are bound to a device
// may ask for, and for __bpf_trap, which is not to be reached.
func KfuncAllowed(progType, attachType uint32, name string) bool {
	if onTrampoline(progType, attachType) {
		// The kernel that the list was read from loads none. Their kfuncs are those of tp_btf.
		return KfuncAllowed(typeTracing, attachRawTP, name) || progType == typeLSM && slices.Contains(lsmKfuncs, name)
	}
	bits := kfuncAllow[name]
	known, any := false, false
	for i, p := range kfuncPrograms {
		if p.typ != progType {
			continue
		}
		has := bits>>i&1 != 0
		any = any || has
		if p.attach == attachType {
			known = true
			if has {
				return true
			}
		}
	}
	return !known && any
}

func onTrampoline(progType, attachType uint32) bool {
	switch progType {
	case typeLSM:
		return true
	case typeTracing:
		return attachType == attachFentry || attachType == attachFexit || attachType == attachModifyReturn
	}
	return false
}
