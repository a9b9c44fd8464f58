package proto_test

import (
	"fmt"
	"testing"

	"github.com/gbpf/gbpf/helpers/proto"
)

// TestKfuncTable checks what a verifier relies on: sizes stand behind memory, flags fit each other, and everything
// that says something about a kfunc names one.
func TestKfuncTable(t *testing.T) {
	for _, k := range proto.Kfuncs() {
		if proto.Kfunc(k.Name) != k || len(k.Args) > 5 && k.Flags != 0 {
			t.Errorf("%s is %+v", k.Name, k)
		}
		for i, a := range k.Args {
			sized := i+1 < len(k.Args) && (k.Args[i+1].Kind == proto.KfuncSize || k.Args[i+1].Kind == proto.KfuncConstSize)
			switch a.Kind {
			case proto.KfuncSize, proto.KfuncConstSize:
				if i == 0 || k.Args[i-1].Kind != proto.KfuncMem {
					t.Errorf("%s: no memory stands in front of argument %d, %s", k.Name, i+1, a.Name)
				}
			case proto.KfuncMem:
				if sized == (a.Size != 0) && a.Name != "e" { // bpf_modify_return_test2 takes a void *
					t.Errorf("%s: argument %d, %s, has %d bytes; a size follows: %v", k.Name, i+1, a.Name, a.Size, sized)
				}
			case proto.KfuncBTF:
				if a.BTF == "" || (a.Flags&proto.KfuncOrMem != 0) != (a.Size != 0) {
					t.Errorf("%s: argument %d, %s, is %+v", k.Name, i+1, a.Name, a)
				}
			case proto.KfuncIter:
				if a.Size == 0 || a.Size%8 != 0 || a.BTF == "" || i != 0 {
					t.Errorf("%s: argument %d, %s, is %+v", k.Name, i+1, a.Name, a)
				}
			}
		}
		if next := k.Flags & proto.KfuncIterNext; (next != 0) && k.Ret.Flags&proto.MaybeNull == 0 {
			t.Errorf("%s: an iterator that does not end", k.Name)
		}
		if k.Flags&proto.KfuncRelease != 0 && k.Flags&proto.KfuncTrustedArgs == 0 {
			t.Errorf("%s releases what need not be trusted", k.Name)
		}
	}
	if proto.Kfunc("bpf_no_such") != nil || proto.KfuncAllowed(6, 0, "bpf_no_such") {
		t.Error("there is a kfunc bpf_no_such")
	}
	if sizes := proto.Iterators(); sizes["bpf_iter_num"] != 8 || len(sizes) < 8 {
		t.Errorf("iterators are %v", sizes)
	}
}

func TestKfuncAllowedTable(t *testing.T) {
	const xdp, kprobe, tracing, lsm, fentry, session = 6, 2, 26, 29, 24, 56
	for _, c := range []struct {
		typ, attach uint32
		name        string
		want        bool
	}{
		{xdp, 0, "bpf_iter_num_new", true},
		{xdp, 0, "bpf_dynptr_from_xdp", true},
		{xdp, 0, "bpf_dynptr_from_skb", false},
		{xdp, 0, "bpf_xdp_metadata_rx_hash", false},
		{xdp, 0, "__bpf_trap", false},
		{kprobe, 0, "bpf_task_acquire", false},
		{kprobe, 0, "bpf_session_cookie", false},
		{kprobe, session, "bpf_session_cookie", true},
		{tracing, fentry, "bpf_task_acquire", true},
		{tracing, fentry, "bpf_path_d_path", false},
		{lsm, 27, "bpf_path_d_path", true},
	} {
		if got := proto.KfuncAllowed(c.typ, c.attach, c.name); got != c.want {
			t.Errorf("program type %d with attach type %d may call %s: %v", c.typ, c.attach, c.name, got)
		}
	}
}

func TestTrace(t *testing.T) {
	if proto.FieldTrust("task_struct", "real_parent", "task_struct") != proto.TrustRCU || proto.FieldTrust("task_struct", "real_parent", "cgroup") != proto.TrustNone ||
		proto.FieldTrust("file", "f_inode", "inode") != proto.TrustFull || proto.FieldTrust("dentry", "d_inode", "inode") != proto.TrustFullOrNull ||
		proto.FieldTrust("sk_buff", "sk", "sock") != proto.TrustRCUOrNull {
		t.Error("fields are not trusted as they should be")
	}
	if !proto.TracepointNullable("kfree_skb", 3) || proto.TracepointNullable("kfree_skb", 0) || proto.TracepointNullable("no such", 0) {
		t.Error("kfree_skb's socket may be NULL, its packet not")
	}
	if f := proto.IterFields("task"); len(f) != 2 || f[1].BTF != "task_struct" || f[1].Flags != proto.Trusted|proto.MaybeNull || proto.IterFields("no such") != nil {
		t.Errorf("the fields of a task iterator are %+v", f)
	}
	for _, c := range []struct {
		pointer   bool
		off, size uint32
		want      bool
	}{{true, 8, 8, true}, {true, 8, 4, false}, {false, 8, 4, true}, {false, 12, 4, false}, {false, 8, 3, false}} {
		if got := proto.ArgAccess(c.pointer, c.off, c.size); got != c.want {
			t.Errorf("load of %d bytes at %d of a pointer %v: %v", c.size, c.off, c.pointer, got)
		}
	}
}

func ExampleKfunc() {
	k := proto.Kfunc("bpf_task_acquire")
	fmt.Println(k.Args[0].Kind, k.Args[0].BTF, k.Flags&proto.KfuncAcquire != 0, proto.KfuncAllowed(2, 0, k.Name))
	// Output: btf_id task_struct true false
}
