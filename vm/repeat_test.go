package vm_test

import (
	"testing"

	"github.com/gbpf/gbpf/internal/asm"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/vm"
)

// TestRepeat has a program count in its packet: runs of a row find what the one before left, and all are counted.
func TestRepeat(t *testing.T) {
	m, err := vm.NewMachine(vm.Options{MemoryLimit: 16 << 20, CPUs: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	p, err := m.NewProgram(&vm.ProgramSpec{Name: "count", Type: progtype.XDP, Insns: asm.Must(`
		r2 = *(u32 *)(r1 +4); r1 = *(u32 *)(r1 +0); r3 = r1; r3 += 14; r0 = 0
		if r3 > r2 goto out
		r0 = *(u8 *)(r1 +0); r0 += 1; *(u8 *)(r1 +0) = r0
	out:	exit`)})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		repeat int
		want   uint64
	}{{0, 1}, {1, 1}, {2, 2}, {7, 7}} {
		before := p.Stats().Runs
		o := vm.RunOptions{Data: make([]byte, 14), Repeat: c.repeat}
		r0, err := p.Run(t.Context(), &o)
		if err != nil || r0 != c.want || o.DataOut[0] != byte(c.want) {
			t.Errorf("repeat %d: r0 %d, packet %d, %v: want %d", c.repeat, r0, o.DataOut[0], err, c.want)
		}
		if n := p.Stats().Runs - before; n != c.want {
			t.Errorf("repeat %d: %d runs are counted", c.repeat, n)
		}
	}
}
