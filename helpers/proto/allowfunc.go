package proto

import (
	"slices"
	"strings"
)

// pathFuncs are the kernel functions whose tracing programs may call bpf_d_path.
var pathFuncs = []string{
	"security_file_permission", "security_inode_getattr", "security_file_open", "security_path_truncate",
	"vfs_truncate", "vfs_fallocate", "dentry_open", "vfs_getattr", "filp_close",
}

// tcpHelpers are what only congestion control has of the helpers of struct_ops programs.
var tcpHelpers = []string{"sk_storage_get", "sk_storage_delete", "setsockopt", "getsockopt", "tcp_send_ack"}

// AllowedOn reports whether a program may call a helper that its program type and expected attach type
// have (see [AllowedAttach]), given the kernel function or tracepoint that it attaches to: "bpf_iter_task" for an
// iterator, "tcp_congestion_ops:init" for a member of a structure of operations. Few helpers depend on that.
func AllowedOn(progType, attachType uint32, fn string, id int32) bool {
	name := Name(id)
	switch progType {
	case typeTracing:
		switch name {
		case "d_path":
			return attachType == attachTraceIter || attachType != attachRawTP && slices.Contains(pathFuncs, fn)
		case "setsockopt", "getsockopt":
			return attachType != attachTraceIter || fn == "bpf_iter_tcp" || fn == "bpf_iter_unix"
		}
	case typeStructOps:
		ops, member, _ := strings.Cut(fn, ":")
		switch {
		case ops == "bpf_dummy_ops":
			return false
		case ops != "tcp_congestion_ops":
			return !slices.Contains(tcpHelpers, name)
		case member == "release":
			return name != "setsockopt" && name != "getsockopt"
		}
	}
	return true
}
