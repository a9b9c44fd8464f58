package proto

// The kernel that the allow list was read from loads no programs that need a trampoline. Their
// rows are derived from that of tp_btf, whose table of helpers they share, and from the helpers'
// manual.

const (
	attachModifyReturn = 26
	attachRawTP        = 23
	attachFentry       = 24
	attachFexit        = 25
	attachLSMMac       = 27
	attachTraceIter    = 28
	attachLSMCgroup    = 43
)

// trampoline are the helpers that programs on a trampoline have beside those of tp_btf.
var trampoline = []string{"get_func_ip", "get_attach_cookie", "get_func_arg", "get_func_ret", "get_func_arg_cnt"}

// sleepableHelpers are what sleepable programs have beside the rest.
var sleepableHelpers = []string{"copy_from_user", "copy_from_user_task"}

var lsmHelpers = []string{
	"inode_storage_get", "inode_storage_delete", "sk_storage_get", "sk_storage_delete", "spin_lock", "spin_unlock",
	"bprm_opts_set", "get_attach_cookie", "setsockopt", "getsockopt", "get_netns_cookie",
}

func (r *allowRow) add(names ...string) {
	for _, n := range names {
		if p := ByName(n); p != nil {
			r.set[p.ID/64] |= 1 << (p.ID % 64)
		}
	}
}

func deriveAllow() {
	var base *allowRow
	for i := range allow {
		r := &allow[i]
		switch {
		case r.typ == typeLSM, r.typ == typeTracing && r.attach == attachFentry:
			return // the list has them
		case r.typ == typeTracing && r.attach == attachRawTP:
			base = r
		}
	}
	if base == nil {
		return
	}
	row := func(typ, attach uint32, sleepable bool, lists ...[]string) {
		r := *base
		r.typ, r.attach, r.sleepable = typ, attach, sleepable
		if sleepable {
			lists = append(lists, sleepableHelpers)
		}
		for _, l := range lists {
			r.add(l...)
		}
		allow = append(allow, r)
	}
	for _, sleepable := range []bool{false, true} {
		for _, attach := range []uint32{attachFentry, attachFexit, attachModifyReturn} {
			row(typeTracing, attach, sleepable, trampoline)
		}
		ima := []string{}
		if sleepable {
			ima = []string{"ima_inode_hash", "ima_file_hash"}
		}
		row(typeLSM, attachLSMMac, sleepable, trampoline, lsmHelpers, ima)
	}
	// The rows of struct_ops programs go by their structure of operations: this is that of congestion control, which has all
	// that others have, see AllowedOn.
	allow = append(allow, allowRow{typ: typeStructOps, set: [4]uint64{0x28204280043d1ee, 0x297f3e0063810000, 0x739e317620207c, 0xf0fec}})
	row(typeLSM, attachLSMCgroup, false, lsmHelpers, []string{"get_local_storage", "get_retval", "set_retval"})
}
