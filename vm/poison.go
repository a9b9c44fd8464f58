package vm

import (
	"errors"

	"github.com/gbpf/gbpf/helpers"
	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/internal/trap"
)

// HasHelper reports whether programs of the machine can call the helper of that number.
func (m *Machine) HasHelper(id int32) bool { return m.helpers.ByID(id) != nil }

// HasKfunc reports whether programs of the machine can call the kfunc of that name.
func (m *Machine) HasKfunc(name string) bool { return m.helpers.ByKfunc(name) != nil }

// poisoned is the helper of a call that must not be reached.
func poisoned(why string) *helpers.Helper {
	return &helpers.Helper{
		Proto: &proto.Proto{Name: "unknown"},
		Func:  func(c *helpers.Call) uint64 { return c.Trap(trap.BadHelper, why) },
	}
}

// unsupported is a load error about something that the machine lacks.
func (p *Program) unsupported(insn int, format string, args ...any) error {
	err := p.loadError(insn, format, args...)
	var le *LoadError
	if errors.As(err, &le) {
		le.Unsupported = true
	}
	return err
}

// helperName is what reports call the helper of that number, as the kernel's do.
func helperName(id int32) string {
	if n := proto.Name(id); n != "" {
		return n
	}
	return "unknown"
}
