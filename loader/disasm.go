package loader

import (
	"fmt"
	"io"
	"strings"

	"github.com/cilium/ebpf"

	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/isa"
)

// Disasm writes a program of spec to w in the kernel's notation, with its functions, maps and
// helpers by name and the C lines that the object has. References are resolved, but
// CO-RE relocations are as they would be without Options.KernelBTF. The error is an *[Error], or
// that of w.
func Disasm(spec *ebpf.CollectionSpec, program string, w io.Writer) error {
	p := spec.Programs[program]
	if p == nil {
		return &Error{Op: "disassemble", Program: program, Insn: -1, Reason: ErrNotFound.Error(), Err: ErrNotFound}
	}
	c, err := surroundings{spec: spec, kfunc: anyKfunc}.convert(p, nil)
	if err != nil {
		return err
	}
	at := func(pc int) string {
		for _, f := range c.funcs {
			if f.Insn == pc {
				return f.Name
			}
		}
		return ""
	}
	lines := map[int][]string{}
	for _, l := range c.lines {
		if text := strings.TrimSpace(l.Text); text != "" {
			lines[l.Insn] = append(lines[l.Insn], fmt.Sprintf("%s:%d: %s", l.File, l.Num, text))
		}
	}
	return isa.Disasm(c.insns, w, isa.DisasmOptions{
		Comment: func(pc int) []string { return lines[pc] },
		Names: &isa.Names{
			Func: at,
			Helper: func(id int32) string {
				if n := proto.Name(id); n != "" {
					return "bpf_" + n
				}
				return ""
			},
			Kfunc: func(id int32, _ int16) string {
				if int(id) < len(c.kfuncs) && id >= 0 {
					return c.kfuncs[id]
				}
				return ""
			},
			Map: func(load isa.Insn) string {
				if i := int(load.ImmLow()); i >= 0 && i < len(c.maps) {
					return c.maps[i]
				}
				return ""
			},
		},
	})
}
