package proto_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"go/format"
	"os"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/internal/kernel"
)

// flavour is a program type with an attach type, as far as the kernel asks for one.
type flavour struct {
	name      string
	typ       ebpf.ProgramType
	attach    ebpf.AttachType
	to        string
	sleepable bool
}

const sleepableFlag = 1 << 4 // BPF_F_SLEEPABLE

var flavours = []flavour{
	{name: "socket_filter", typ: ebpf.SocketFilter},
	{name: "kprobe", typ: ebpf.Kprobe},
	{name: "kprobe.s", typ: ebpf.Kprobe, sleepable: true},
	{name: "kprobe.multi", typ: ebpf.Kprobe, attach: ebpf.AttachTraceKprobeMulti},
	{name: "kprobe.session", typ: ebpf.Kprobe, attach: ebpf.AttachTraceKprobeSession},
	{name: "uprobe.multi", typ: ebpf.Kprobe, attach: ebpf.AttachTraceUprobeMulti},
	{name: "sched_cls", typ: ebpf.SchedCLS},
	{name: "sched_act", typ: ebpf.SchedACT},
	{name: "tracepoint", typ: ebpf.TracePoint},
	{name: "xdp", typ: ebpf.XDP},
	{name: "xdp/devmap", typ: ebpf.XDP, attach: ebpf.AttachXDPDevMap},
	{name: "perf_event", typ: ebpf.PerfEvent},
	{name: "cgroup_skb/ingress", typ: ebpf.CGroupSKB, attach: ebpf.AttachCGroupInetIngress},
	{name: "cgroup_skb/egress", typ: ebpf.CGroupSKB, attach: ebpf.AttachCGroupInetEgress},
	{name: "cgroup/sock_create", typ: ebpf.CGroupSock, attach: ebpf.AttachCGroupInetSockCreate},
	{name: "cgroup/sock_release", typ: ebpf.CGroupSock, attach: ebpf.AttachCgroupInetSockRelease},
	{name: "cgroup/post_bind4", typ: ebpf.CGroupSock, attach: ebpf.AttachCGroupInet4PostBind},
	{name: "cgroup/post_bind6", typ: ebpf.CGroupSock, attach: ebpf.AttachCGroupInet6PostBind},
	{name: "lwt_in", typ: ebpf.LWTIn},
	{name: "lwt_out", typ: ebpf.LWTOut},
	{name: "lwt_xmit", typ: ebpf.LWTXmit},
	{name: "sock_ops", typ: ebpf.SockOps, attach: ebpf.AttachCGroupSockOps},
	{name: "sk_skb/stream_parser", typ: ebpf.SkSKB, attach: ebpf.AttachSkSKBStreamParser},
	{name: "sk_skb/stream_verdict", typ: ebpf.SkSKB, attach: ebpf.AttachSkSKBStreamVerdict},
	{name: "cgroup/dev", typ: ebpf.CGroupDevice, attach: ebpf.AttachCGroupDevice},
	{name: "sk_msg", typ: ebpf.SkMsg, attach: ebpf.AttachSkMsgVerdict},
	{name: "raw_tp", typ: ebpf.RawTracepoint},
	{name: "cgroup/bind4", typ: ebpf.CGroupSockAddr, attach: ebpf.AttachCGroupInet4Bind},
	{name: "cgroup/bind6", typ: ebpf.CGroupSockAddr, attach: ebpf.AttachCGroupInet6Bind},
	{name: "cgroup/connect4", typ: ebpf.CGroupSockAddr, attach: ebpf.AttachCGroupInet4Connect},
	{name: "cgroup/connect6", typ: ebpf.CGroupSockAddr, attach: ebpf.AttachCGroupInet6Connect},
	{name: "cgroup/connect_unix", typ: ebpf.CGroupSockAddr, attach: ebpf.AttachCgroupUnixConnect},
	{name: "cgroup/sendmsg4", typ: ebpf.CGroupSockAddr, attach: ebpf.AttachCGroupUDP4Sendmsg},
	{name: "cgroup/sendmsg6", typ: ebpf.CGroupSockAddr, attach: ebpf.AttachCGroupUDP6Sendmsg},
	{name: "cgroup/recvmsg4", typ: ebpf.CGroupSockAddr, attach: ebpf.AttachCGroupUDP4Recvmsg},
	{name: "cgroup/recvmsg6", typ: ebpf.CGroupSockAddr, attach: ebpf.AttachCGroupUDP6Recvmsg},
	{name: "cgroup/getpeername4", typ: ebpf.CGroupSockAddr, attach: ebpf.AttachCgroupInet4GetPeername},
	{name: "cgroup/getpeername6", typ: ebpf.CGroupSockAddr, attach: ebpf.AttachCgroupInet6GetPeername},
	{name: "cgroup/getsockname4", typ: ebpf.CGroupSockAddr, attach: ebpf.AttachCgroupInet4GetSockname},
	{name: "cgroup/getsockname6", typ: ebpf.CGroupSockAddr, attach: ebpf.AttachCgroupInet6GetSockname},
	{name: "lwt_seg6local", typ: ebpf.LWTSeg6Local},
	{name: "lirc_mode2", typ: ebpf.LircMode2, attach: ebpf.AttachLircMode2},
	{name: "sk_reuseport", typ: ebpf.SkReuseport, attach: ebpf.AttachSkReuseportSelect},
	{name: "sk_reuseport/migrate", typ: ebpf.SkReuseport, attach: ebpf.AttachSkReuseportSelectOrMigrate},
	{name: "flow_dissector", typ: ebpf.FlowDissector, attach: ebpf.AttachFlowDissector},
	{name: "cgroup/sysctl", typ: ebpf.CGroupSysctl, attach: ebpf.AttachCGroupSysctl},
	{name: "raw_tp.w", typ: ebpf.RawTracepointWritable},
	{name: "cgroup/getsockopt", typ: ebpf.CGroupSockopt, attach: ebpf.AttachCGroupGetsockopt},
	{name: "cgroup/setsockopt", typ: ebpf.CGroupSockopt, attach: ebpf.AttachCGroupSetsockopt},
	{name: "fentry", typ: ebpf.Tracing, attach: ebpf.AttachTraceFEntry, to: "vfs_read"},
	{name: "fentry.s", typ: ebpf.Tracing, attach: ebpf.AttachTraceFEntry, to: "__x64_sys_getpgid", sleepable: true},
	{name: "fexit", typ: ebpf.Tracing, attach: ebpf.AttachTraceFExit, to: "vfs_read"},
	{name: "fmod_ret", typ: ebpf.Tracing, attach: ebpf.AttachModifyReturn, to: "security_file_open"},
	{name: "tp_btf", typ: ebpf.Tracing, attach: ebpf.AttachTraceRawTp, to: "sched_switch"},
	{name: "iter/task", typ: ebpf.Tracing, attach: ebpf.AttachTraceIter, to: "task"},
	{name: "iter/bpf_map", typ: ebpf.Tracing, attach: ebpf.AttachTraceIter, to: "bpf_map"},
	{name: "iter/tcp", typ: ebpf.Tracing, attach: ebpf.AttachTraceIter, to: "tcp"},
	{name: "lsm", typ: ebpf.LSM, attach: ebpf.AttachLSMMac, to: "file_open"},
	{name: "lsm.s", typ: ebpf.LSM, attach: ebpf.AttachLSMMac, to: "file_open", sleepable: true},
	{name: "lsm_cgroup", typ: ebpf.LSM, attach: ebpf.AttachLSMCgroup, to: "socket_bind"},
	{name: "sk_lookup", typ: ebpf.SkLookup, attach: ebpf.AttachSkLookup},
	{name: "syscall", typ: ebpf.Syscall, sleepable: true},
	{name: "netfilter", typ: ebpf.Netfilter, attach: ebpf.AttachNetfilter},
}

// permits asks the kernel whether programs of a flavour may call a helper.
func (f *flavour) permits(id int32) (bool, error) {
	spec := &ebpf.ProgramSpec{
		Type: f.typ, AttachType: f.attach, AttachTo: f.to, License: "GPL",
		Instructions: asm.Instructions{asm.BuiltinFunc(id).Call(), asm.Mov.Imm(asm.R0, 0), asm.Return()},
	}
	if f.sleepable {
		spec.Flags = sleepableFlag
	}
	p, err := ebpf.NewProgram(spec)
	if err == nil {
		p.Close()
		return true, nil
	}
	var ve *ebpf.VerifierError
	if !errors.As(err, &ve) || len(ve.Log) == 0 {
		return false, fmt.Errorf("helper %d: %w", id, err)
	}
	text := strings.Join(ve.Log, "\n")
	if strings.Contains(text, "programs can be sleepable") {
		return false, errors.New("not sleepable")
	}
	for _, no := range []string{"program of this type cannot use helper", "unknown func", "invalid func"} {
		if strings.Contains(text, no) {
			return false, nil
		}
	}
	return true, nil
}

var update = flag.Bool("update", false, "write allow.go from what the live kernel says")

// TestAllowed holds the allow list against the live kernel: all of it with -update, every
// thirteenth helper of every program type without.
func TestAllowed(t *testing.T) {
	if err := kernel.Available(); err != nil {
		t.Skip(err)
	}
	step := int32(13)
	if *update {
		step = 1
	}
	var table bytes.Buffer
	asked, left := 0, []string{}
	for i := range flavours {
		f := &flavours[i]
		var set [4]uint64
		ok := true
		for id := 1 + int32(i)%step; id <= proto.MaxID; id += step {
			got, err := f.permits(id)
			if err != nil {
				left = append(left, f.name)
				ok = false
				break
			}
			asked++
			// Iterators of different things share an attach type: the table has what any may call.
			if got {
				set[id/64] |= 1 << (id % 64)
			}
			if want := proto.AllowedAttach(uint32(f.typ), uint32(f.attach), f.sleepable, id); got != want && !*update && (got || f.attach != ebpf.AttachTraceIter) {
				t.Errorf("%s may call %s#%d: kernel %v, table %v", f.name, proto.Name(id), id, got, want)
			}
		}
		if ok {
			fmt.Fprintf(&table, "{%d, %d, %v, [4]uint64{%#x, %#x, %#x, %#x}}, // %s\n", f.typ, f.attach, f.sleepable, set[0], set[1], set[2], set[3], f.name)
		}
	}
	t.Logf("%d pairs of program type and helper compared with the live kernel; it loads no programs of %s here", asked, strings.Join(left, ", "))
	if *update {
		text := "// Code generated by go test -run TestAllowed -update; DO NOT EDIT.\n\npackage proto\n\n" +
			"// allow is what Linux 6.18 lets each program type, attach type and kind call.\nvar allow = []allowRow{\n" + table.String() + "}\n"
		out, err := format.Source([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("allow.go", out, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
