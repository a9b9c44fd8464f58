package vm

import (
	"errors"

	"github.com/gbpf/gbpf/internal/execmem"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/jit"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/verifier"
)

var (
	errChecked   = errors.New("the machine's options ask for checked mode")
	errInterp    = errors.New("the machine's options ask for the interpreter")
	errSandboxed = errors.New("the policy is sandboxed: nothing is proven of the program, every access is checked while it runs")
	errArch      = errors.New("no machine code is made for this architecture")
)

// compile makes machine code of the program. The error says why it runs without.
func (p *Program) compile() error {
	o := &p.m.opts
	switch {
	case o.Checked:
		return errChecked
	case o.Engine == EngineInterp:
		return errInterp
	case o.Engine == EngineAuto && !p.code.Proven():
		return errSandboxed
	case jit.Arch == "":
		return errArch
	}
	if err := execmem.Probe(); err != nil {
		return err
	}
	return p.code.Compile(jit.Config{Mask: p.m.mem.Mask(), Confine: o.Confine, Inline: p.inline})
}

// inline says what the helper call at pc may be replaced with in machine code: of the kernel's own helpers, where what is
// proven of the arguments makes it simple.
func (p *Program) inline(pc int) (jit.Inline, jit.Array) {
	in := &p.spec.Insns[pc]
	if in.Op != isa.OpCallHelper || !p.m.helpers.Builtin(int32(in.Imm)) {
		return jit.InlineNone, jit.Array{}
	}
	switch in.Imm {
	case 8: // get_smp_processor_id
		return jit.InlineCPU, jit.Array{}
	case 1: // map_lookup_elem
		f := p.proof.Fact(pc)
		if !f.Has(verifier.ConstMap) || int(f.Map) >= len(p.spec.Maps) || p.spec.Maps[f.Map].Type() != maps.Array {
			break
		}
		if addr, stride, entries, ok := p.spec.Maps[f.Map].Elements(); ok {
			return jit.InlineArray, jit.Array{Addr: addr, Stride: stride, Entries: entries}
		}
	}
	return jit.InlineNone, jit.Array{}
}
