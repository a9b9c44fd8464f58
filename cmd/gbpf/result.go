package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/vm"
)

// result is what one run left.
type result struct {
	prog     *vm.Program
	in, out  []byte
	ctx      map[string]uint64
	retval   uint64
	insns    uint64
	fuel     uint64
	trap     *vm.Trap
	redirect progtype.Redirect
	traced   []string
	maps     map[string]*dump
	took     time.Duration
}

var retNames = map[string][]string{
	"xdp": {"XDP_ABORTED", "XDP_DROP", "XDP_PASS", "XDP_TX", "XDP_REDIRECT"},
	"sched_cls": {"TC_ACT_OK", "TC_ACT_RECLASSIFY", "TC_ACT_SHOT", "TC_ACT_PIPE", "TC_ACT_STOLEN",
		"TC_ACT_QUEUED", "TC_ACT_REPEAT", "TC_ACT_REDIRECT", "TC_ACT_TRAP"},
	"netfilter":    {"NF_DROP", "NF_ACCEPT"},
	"sk_lookup":    {"SK_DROP", "SK_PASS"},
	"sk_skb":       {"SK_DROP", "SK_PASS"},
	"sk_msg":       {"SK_DROP", "SK_PASS"},
	"sk_reuseport": {"SK_DROP", "SK_PASS"},
}

// retName is the name of a return value, "" for none.
func retName(typ string, v uint32) string {
	if typ == "sched_act" {
		typ = "sched_cls"
	}
	if typ == "sched_cls" && v == 1<<32-1 {
		return "TC_ACT_UNSPEC"
	}
	if names := retNames[typ]; int64(v) < int64(len(names)) {
		return names[v]
	}
	return ""
}

// retText is the return value as the kernel reports it: 32 bits, but all 64 of a raw
// program.
func retText(t *progtype.Type, retval uint64) string {
	v := int64(int32(retval))
	if t.Kernel == 0 {
		v = int64(retval)
	} else {
		retval = uint64(uint32(retval))
	}
	switch name := retName(t.Name, uint32(retval)); {
	case name != "":
		return fmt.Sprintf("%s (%d)", name, v)
	case v < 0 || v > 9:
		return fmt.Sprintf("%d (%#x)", v, retval)
	}
	return fmt.Sprint(v)
}

// text prints a report for people. mapName names a map by its handle.
func (r *result) text(w io.Writer, mapName func(handle uint32) string) {
	if r.trap != nil {
		r.trapText(w)
	} else {
		fmt.Fprintf(w, "%s: %s, %s\n", r.prog.Name(), retText(r.prog.Type(), r.retval), r.work())
	}
	for _, line := range r.traced {
		fmt.Fprintf(w, "trace: %s\n", strings.TrimRight(line, "\n"))
	}
	if rd := r.redirect; rd.Set {
		switch {
		case rd.Map != 0:
			fmt.Fprintf(w, "redirect: to key %d of map %s\n", rd.Key, mapName(rd.Map))
		case rd.Peer:
			fmt.Fprintf(w, "redirect: to the peer of interface %d\n", rd.Ifindex)
		default:
			fmt.Fprintf(w, "redirect: to interface %d\n", rd.Ifindex)
		}
	}
	if r.trap == nil {
		printDiff(w, r.in, r.out)
	}
	if r.maps != nil {
		printDumps(w, r.maps)
	}
}

// work is what the run did: machine code does not count instructions.
func (r *result) work() string {
	if r.insns == 0 && r.prog.Stats().Engine == "jit" {
		return plural(int(r.fuel), "unit") + " of fuel in machine code"
	}
	return plural(int(r.insns), "instruction")
}

func (r *result) trapText(w io.Writer) {
	t := r.trap
	fmt.Fprintf(w, "%s: stopped after %s: %s\n", r.prog.Name(), r.work(), t.Code)
	if t.Size != 0 {
		what := "read"
		if t.Write {
			what = "write"
		}
		fmt.Fprintf(w, "  %s of %s at %#x\n", what, plural(int(t.Size), "byte"), t.Addr)
	}
	if t.Detail != "" {
		fmt.Fprintf(w, "  %s\n", t.Detail)
	}
	if t.Cause != nil {
		fmt.Fprintf(w, "  %v\n", t.Cause)
	}
	where := ""
	if t.Func != "" {
		where = " of " + t.Func
	}
	if t.Line != "" {
		where += ", " + t.Line
	}
	fmt.Fprintf(w, "  insn %d%s\n", t.Insn, where)
}

// jsonResult is the line that --json prints, in this order.
type jsonResult struct {
	Program string            `json:"program"`
	Retval  uint64            `json:"retval"`
	Data    string            `json:"data"`
	Ctx     map[string]uint64 `json:"ctx"`
	Trap    *jsonTrap         `json:"trap"`
	Insns   uint64            `json:"insns"`
	Trace   []string          `json:"trace,omitempty"`
	Maps    map[string]*dump  `json:"maps,omitempty"`
}

type jsonTrap struct {
	Code    string `json:"code"`
	Insn    int    `json:"insn"`
	Func    string `json:"func"`
	Line    string `json:"line"`
	Addr    uint64 `json:"addr"`
	Size    uint32 `json:"size"`
	Message string `json:"message"`
}

func (r *result) json(w io.Writer, trace bool) error {
	v := jsonResult{Program: r.prog.Name(), Retval: r.retval, Data: hex.EncodeToString(r.out), Ctx: r.ctx, Insns: r.insns, Maps: r.maps}
	if r.prog.Type().Kernel != 0 {
		v.Retval = uint64(uint32(r.retval))
	}
	if trace {
		v.Trace = r.traced
	}
	if t := r.trap; t != nil {
		v.Trap = &jsonTrap{Code: t.Code.String(), Insn: t.Insn, Func: t.Func, Line: t.Line, Addr: t.Addr, Size: t.Size, Message: t.Error()}
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
