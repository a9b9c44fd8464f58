package progtype_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/gbpf/gbpf/internal/kernel"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/progtype"
)

var update = flag.Bool("update", false, "record what the live kernel says under testdata")

const accessRecord = "testdata/access.json"

// accessCap bounds how much of a context is asked about, in bytes: what lies behind follows the same rule.
const accessCap = 256

// accessNames are the program types whose contexts are compared with the kernel's, for each of their expected attach
// types. The others (tracing, lsm, struct_ops, ext) take their context from a kernel function that must be named.
var accessNames = []string{
	"socket_filter", "kprobe", "sched_cls", "sched_act", "tracepoint", "xdp", "perf_event", "cgroup_skb", "cgroup_sock",
	"lwt_in", "lwt_out", "lwt_xmit", "sock_ops", "sk_skb", "cgroup_device", "sk_msg", "raw_tracepoint", "cgroup_sock_addr",
	"lwt_seg6local", "lirc_mode2", // lirc_mode2 is not in every kernel
	"sk_reuseport", "flow_dissector", "cgroup_sysctl", "raw_tracepoint_writable",
	"cgroup_sockopt", "sk_lookup", "syscall", "netfilter",
}

type accessCase struct {
	typ    *progtype.Type
	attach uint32
}

func (c accessCase) String() string {
	if c.attach == 0 {
		return c.typ.Name
	}
	return c.typ.Name + "/" + progtype.AttachName(c.attach)
}

func accessCases() (list []accessCase) {
	for _, name := range accessNames {
		typ := progtype.ByName(name)
		switch {
		case name == "xdp":
			list = append(list, accessCase{typ, 0}, accessCase{typ, progtype.AttachXDPDevmap}, accessCase{typ, progtype.AttachXDPCpumap})
		case name == "kprobe" || typ.Attach == nil:
			list = append(list, accessCase{typ, 0})
		default:
			for _, a := range typ.Attach {
				list = append(list, accessCase{typ, a.Type})
			}
		}
	}
	return list
}

// accesses calls f for every access that is asked about; bit numbers it.
func (c accessCase) accesses(f func(bit int, off, size uint32, access progtype.Access)) {
	bit := 0
	for off := uint32(0); off < min(c.typ.Ctx.Size, accessCap); off++ {
		for _, size := range []uint32{1, 2, 4, 8} {
			for _, access := range []progtype.Access{progtype.Read, progtype.Write} {
				f(bit, off, size, access)
				bit++
			}
		}
	}
}

var (
	loads  = map[uint32]isa.Op{1: isa.OpLdxB, 2: isa.OpLdxH, 4: isa.OpLdxW, 8: isa.OpLdxDW}
	stores = map[uint32]isa.Op{1: isa.OpStxB, 2: isa.OpStxH, 4: isa.OpStxW, 8: isa.OpStxDW}
)

// ask is the kernel's verdict on a program of the case made of body and a valid return.
func (c accessCase) ask(t *testing.T, body ...isa.Insn) *kernel.Verdict {
	t.Helper()
	var ret int32
	if r := c.typ.ReturnsFor(c.attach); !r.Any {
		ret = r.Min
	}
	body = append(body, isa.New(isa.OpMov64Imm, 0, 0, 0, int64(ret)), isa.New(isa.OpExit, 0, 0, 0, 0))
	raw, err := isa.Encode(body)
	if err != nil {
		t.Fatal(err)
	}
	return c.load(t, raw)
}

// load is the kernel's verdict on a program of the case.
func (c accessCase) load(t *testing.T, insns []byte) *kernel.Verdict {
	t.Helper()
	prog := kernel.Prog{Type: c.typ.Kernel, AttachType: c.attach, Insns: insns, License: "GPL"}
	if c.typ == progtype.Syscall {
		prog.Flags = 1 << 4 // BPF_F_SLEEPABLE: the kernel takes no others
	}
	p, v, err := kernel.Load(&prog)
	if err != nil {
		t.Fatal(err)
	}
	if p != nil {
		p.Close()
	}
	return v
}

func access(off, size uint32, access progtype.Access) []isa.Insn {
	if access == progtype.Write {
		return []isa.Insn{isa.New(isa.OpMov64Imm, 0, 0, 0, 0), isa.New(stores[size], 1, 0, int16(off), 0)}
	}
	return []isa.Insn{isa.New(loads[size], 0, 1, int16(off), 0)}
}

// TestAccess compares what a layout says about every load and store of every size at every offset of a context with
// what the live kernel says of a program that does just that; without a kernel to ask, with what one said before.
func TestAccess(t *testing.T) {
	recorded := map[string]string{}
	if text, err := os.ReadFile(accessRecord); err == nil {
		if err := json.Unmarshal(text, &recorded); err != nil {
			t.Fatal(err)
		}
	}
	live := kernel.Available()
	if live != nil {
		t.Logf("compared with the recording: %v", live)
	}
	total, wrong := 0, 0
	for _, c := range accessCases() {
		l := c.typ.Layout(c.attach)
		var verdicts []byte
		if live == nil {
			if v := c.ask(t); !v.Accepted {
				t.Logf("%s: left out, the kernel takes no program of it: %s %s", c, v.ErrnoName, v.LastLine)
				continue
			}
		} else if verdicts, _ = base64.StdEncoding.DecodeString(recorded[c.String()]); len(verdicts) == 0 {
			t.Logf("%s: left out, not recorded", c)
			continue
		}
		compared, differ := 0, 0
		record := make([]byte, min(c.typ.Ctx.Size, accessCap))
		c.accesses(func(bit int, off, size uint32, kind progtype.Access) {
			if testing.Short() && off%4 != 0 {
				return
			}
			theirs, why := false, "recorded"
			if live == nil {
				v := c.ask(t, access(off, size, kind)...)
				theirs, why = v.Accepted, v.LastLine
			} else {
				theirs = verdicts[bit/8]>>(bit%8)&1 != 0
			}
			if theirs {
				record[bit/8] |= 1 << (bit % 8)
			}
			if c.typ == progtype.RawTracepointWritable && off < 8 && size < 8 {
				return // the kernel lets parts of the pointer be read that do not start where it does
			}
			compared++
			if _, ok := l.At(off, size, kind); ok != theirs {
				if differ++; differ <= 8 {
					t.Errorf("%s: access %d of %d bytes at %d: ours %v, the kernel's %v: %s", c, kind, size, off, ok, theirs, why)
				}
			}
		})
		if *update && live == nil && !testing.Short() {
			recorded[c.String()] = base64.StdEncoding.EncodeToString(record)
		}
		total, wrong = total+compared, wrong+differ
		if differ != 0 {
			t.Logf("%s: %d accesses compared, %d differ", c, compared, differ)
		}
	}
	t.Logf("%d accesses compared, %d differ", total, wrong)
	if *update {
		var out bytes.Buffer
		e := json.NewEncoder(&out)
		e.SetIndent("", "\t")
		if err := e.Encode(recorded); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(accessRecord, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestReturns compares the return values that a type allows with those that the live kernel takes.
func TestReturns(t *testing.T) {
	if err := kernel.Available(); err != nil {
		t.Skipf("left out: %v", err)
	}
	compared := 0
	for _, c := range accessCases() {
		if !c.ask(t).Accepted {
			continue
		}
		r := c.typ.ReturnsFor(c.attach)
		for _, ret := range []int32{-1, 0, 1, 2, 3, 4, 1000} {
			raw, err := isa.Encode([]isa.Insn{isa.New(isa.OpMov64Imm, 0, 0, 0, int64(ret)), isa.New(isa.OpExit, 0, 0, 0, 0)})
			if err != nil {
				t.Fatal(err)
			}
			v := c.load(t, raw)
			compared++
			if r.Contains(ret) != v.Accepted {
				t.Errorf("%s returns %d: ours %v (%v), the kernel's %v: %s", c, ret, r.Contains(ret), r, v.Accepted, v.LastLine)
			}
		}
	}
	t.Logf("%d return values compared with the live kernel", compared)
}

// TestAttachTypes compares the expected attach types that a type accepts with those that the live kernel loads.
func TestAttachTypes(t *testing.T) {
	if err := kernel.Available(); err != nil {
		t.Skipf("left out: %v", err)
	}
	compared := 0
	for _, name := range accessNames {
		typ := progtype.ByName(name)
		for a := uint32(0); a <= progtype.AttachTraceUprobeSession; a++ {
			c := accessCase{typ, a}
			v := c.ask(t)
			if name == "lirc_mode2" && !v.Accepted {
				continue // not in every kernel
			}
			ours := typ.Accepts(a)
			compared++
			if ours != v.Accepted {
				t.Errorf("%s with expected attach type %s: ours %v, the kernel's %v: %s", typ, progtype.AttachName(a), ours, v.Accepted, v.ErrnoName+" "+v.LastLine)
			}
		}
	}
	t.Logf("%d attach types compared with the live kernel", compared)
}
