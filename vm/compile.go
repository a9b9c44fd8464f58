package vm

import (
	"errors"

	"github.com/gbpf/gbpf/internal/execmem"
	"github.com/gbpf/gbpf/jit"
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
	return p.code.Compile(jit.Config{Mask: p.m.mem.Mask(), Base: uint64(uintptr(p.m.mem.Base())), Confine: o.Confine, Disable: o.NoPasses})
}
