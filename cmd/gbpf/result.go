package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"

	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/vm"
)

// result is what one run left.
type result struct {
	number   int
	prog     *vm.Program
	in, out  []byte
	ctx      map[string]uint64
	retval   uint64
	insns    uint64
	trap     *vm.Trap
	redirect progtype.Redirect
	traced   []string
	maps     map[string][]entry
}

// retName is the name of a return value, "" for none.
func retName(typ string, v uint32) string {
	var names []string
	switch typ {
	case "xdp":
		names = []string{"XDP_ABORTED", "XDP_DROP", "XDP_PASS", "XDP_TX", "XDP_REDIRECT"}
	case "sched_cls", "sched_act":
		if v == 1<<32-1 {
			return "TC_ACT_UNSPEC"
		}
		names = []string{"TC_ACT_OK", "TC_ACT_RECLASSIFY", "TC_ACT_SHOT", "TC_ACT_PIPE", "TC_ACT_STOLEN",
			"TC_ACT_QUEUED", "TC_ACT_REPEAT", "TC_ACT_REDIRECT", "TC_ACT_TRAP"}
	}
	if int64(v) < int64(len(names)) {
		return names[v]
	}
	return ""
}

// retText is the return value as the kernel reports it: 32 bits, but all 64 of a raw
// program.
func (r *result) retText() string {
	if r.prog.Type().Kernel == 0 {
		return fmt.Sprintf("%d (%#x)", r.retval, r.retval)
	}
	v := uint32(r.retval)
	if n := retName(r.prog.Type().Name, v); n != "" {
		return fmt.Sprintf("%d %s", int32(v), n)
	}
	if int32(v) < 0 || v > 9 {
		return fmt.Sprintf("%d (%#x)", int32(v), v)
	}
	return fmt.Sprint(v)
}

func (r *result) text(w io.Writer, many bool) {
	if many {
		fmt.Fprintf(w, "packet %d, %d bytes: ", r.number, len(r.in))
	}
	if r.trap != nil {
		fmt.Fprintf(w, "%s stopped: %v\n", r.prog.Name(), r.trap)
	} else {
		fmt.Fprintf(w, "%s returned %s, %d instructions\n", r.prog.Name(), r.retText(), r.insns)
	}
	for _, line := range r.traced {
		fmt.Fprintf(w, "trace: %s\n", line)
	}
	if rd := r.redirect; rd.Set {
		switch {
		case rd.Map != 0:
			fmt.Fprintf(w, "redirect: to key %d of a map\n", rd.Key)
		default:
			fmt.Fprintf(w, "redirect: to interface %d\n", rd.Ifindex)
		}
	}
	if r.trap == nil && !bytes.Equal(r.in, r.out) {
		fmt.Fprintf(w, "data changed: %d bytes, now %d:\n%s", len(r.in), len(r.out), hex.Dump(r.out))
	}
	if r.maps != nil {
		printMaps(w, r.maps)
	}
}

type jsonTrap struct {
	Code    string `json:"code"`
	Insn    int    `json:"insn"`
	Func    string `json:"func,omitempty"`
	Line    string `json:"line,omitempty"`
	Addr    uint64 `json:"addr,omitempty"`
	Size    uint32 `json:"size,omitempty"`
	Message string `json:"message"`
}

func (r *result) json(w io.Writer) error {
	v := struct {
		Program string             `json:"program"`
		Retval  uint64             `json:"retval"`
		Data    string             `json:"data"`
		Ctx     map[string]uint64  `json:"ctx"`
		Trap    *jsonTrap          `json:"trap"`
		Insns   uint64             `json:"insns"`
		Trace   []string           `json:"trace,omitempty"`
		Maps    map[string][]entry `json:"maps,omitempty"`
	}{Program: r.prog.Name(), Retval: r.retval, Data: hex.EncodeToString(r.out), Ctx: r.ctx, Insns: r.insns, Trace: r.traced, Maps: r.maps}
	if r.prog.Type().Kernel != 0 {
		v.Retval = uint64(uint32(r.retval))
	}
	if t := r.trap; t != nil {
		v.Trap = &jsonTrap{Code: t.Code.String(), Insn: t.Insn, Func: t.Func, Line: t.Line, Addr: t.Addr, Size: t.Size, Message: t.Error()}
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
