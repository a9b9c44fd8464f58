package verifier

import "strings"

// A writableRange is part of a kernel structure that programs may store to: where the path of members leads, from the
// structure named, which lies at the start of the one that is stored to.
type writableRange struct {
	in, path string
	// anywhere: stores may begin in the middle, not only at its start.
	anywhere bool
}

// tcpFields are what congestion control sets, of struct tcp_sock.
var tcpFields = []writableRange{
	{"sock", "sk_pacing_rate", false}, {"sock", "sk_pacing_status", false},
	{"inet_connection_sock", "icsk_ca_priv", true}, {"inet_connection_sock", "icsk_ack.pending", false},
	{"tcp_sock", "snd_cwnd", false}, {"tcp_sock", "snd_cwnd_cnt", false}, {"tcp_sock", "snd_cwnd_stamp", false},
	{"tcp_sock", "snd_ssthresh", false}, {"tcp_sock", "ecn_flags", false}, {"tcp_sock", "app_limited", false},
}

// opsFields are the fields that struct_ops programs may store to, by their structure of operations and by
// the structure stored to. A path of "" is all of it.
var opsFields = map[string]map[string][]writableRange{
	"tcp_congestion_ops": {"tcp_sock": tcpFields},
	"bpf_dummy_ops":      {"bpf_dummy_ops_state": {{"bpf_dummy_ops_state", "", true}}},
	"sched_ext_ops": {"task_struct": {
		{"task_struct", "scx.slice", true}, {"task_struct", "scx.dsq_vtime", true}, {"task_struct", "scx.disallow", true},
	}},
}

// conntrackFields are the same for programs that see packets.
var conntrackFields = map[string][]writableRange{
	"nf_conn": {{"nf_conn", "mark", false}}, "nf_conn___init": {{"nf_conn", "mark", false}},
}

// btfStore is a store to a kernel structure, which few fields permit.
func (w *walker) btfStore(a *access, r *Reg, s *Struct, off int) *Error {
	var fields []writableRange
	switch w.spec.Type.Kernel {
	case typeStructOps:
		fields = opsFields[w.spec.opsOf()][w.types[r.Obj].key]
	case typeSchedCLS, typeSchedACT, typeXDP:
		fields = conntrackFields[w.types[r.Obj].key]
	}
	if len(fields) == 0 || r.Flags&Untrusted != 0 {
		return w.fail(CodeType, "%s through %s, which is %s: it is read-only", a.what(), a.reg, w.describe(r))
	}
	for i := range fields {
		f := &fields[i]
		lo, size, ok := w.memberAtPath(f.in, f.path)
		if !ok || off < lo || off >= lo+size || off != lo && !f.anywhere {
			continue
		}
		if off+a.size > lo+size {
			return w.fail(CodeBounds, "%s of %d bytes at offset %d of struct %s: %s ends at %d", a.what(), a.size, off, s.Name, f.path, lo+size)
		}
		w.fact(r, off, a.size, false)
		return nil
	}
	return w.fail(CodeType, "%s of %d bytes at offset %d of struct %s: nothing there may be written", a.what(), a.size, off, s.Name)
}

// memberAtPath is where a member lies in the structure named, and how many bytes it has. The path is
// names with dots between them; structures without a name are looked through.
func (w *walker) memberAtPath(name, path string) (off, size int, ok bool) {
	s := w.structNamed(name)
	if s == nil {
		return 0, 0, false
	}
	if path == "" {
		return 0, int(s.Size), true
	}
	for first, rest := "", path; rest != ""; {
		first, rest, _ = strings.Cut(rest, ".")
		m, at := w.memberNamed(s, first, 0)
		if m == nil {
			return 0, 0, false
		}
		off, size = off+at, int(m.Size)
		if s = w.structNamed(m.Type); rest != "" && (s == nil || m.Kind != MemberStruct) {
			return 0, 0, false
		}
	}
	return off, size, true
}

func (w *walker) memberNamed(s *Struct, name string, depth int) (m *Member, off int) {
	for i := range s.Members {
		m := &s.Members[i]
		if m.Name == name && m.Kind != MemberBits {
			return m, int(m.Off)
		}
		if m.Name != "" || m.Kind != MemberStruct || m.Array || depth == maxInside {
			continue
		}
		if in := w.structNamed(m.Type); in != nil {
			if found, at := w.memberNamed(in, name, depth+1); found != nil {
				return found, int(m.Off) + at
			}
		}
	}
	return nil, 0
}
