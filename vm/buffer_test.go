package vm_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/gbpf/gbpf/internal/asm"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/vm"
)

// engines are the ways that programs run in.
var engines = []struct {
	name string
	opts vm.Options
}{
	{"jit", vm.Options{}},
	{"interp", vm.Options{Engine: vm.EngineInterp}},
	{"checked", vm.Options{Checked: true}},
}

// grow moves the packet's start 8 bytes up, and writes there, and to where it was before.
const grow = `
	r6 = r1; r2 = -8; call xdp_adjust_head
	if r0 != 0 goto out
	r2 = *(u32 *)(r6 +4); r1 = *(u32 *)(r6 +0); r3 = r1; r3 += 14
	if r3 > r2 goto out
	r4 = *(u8 *)(r1 +0); r4 += 1; *(u8 *)(r1 +0) = r4
	r4 = *(u8 *)(r1 +9); r4 += 1; *(u8 *)(r1 +9) = r4; r0 = 2; exit
out: r0 = 0; exit`

// TestBuffer runs a program on a packet that lies in guest memory and on a copy of it: both leave the same, in any engine.
func TestBuffer(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			m := machine(t, e.opts)
			p := load(t, m, "xdp", nil, asm.Must(grow)...)
			buf, err := m.NewBuffer(64)
			if err != nil {
				t.Fatal(err)
			}
			for i, n := range []int{14, 60, 64} {
				for _, meta := range []uint32{0, 8} {
					if n == 14 && meta != 0 {
						continue
					}
					o := vm.RunOptions{Data: buf.Bytes()[:n], Buffer: buf, Meta: meta}
					for k := range o.Data {
						o.Data[k] = byte(k + i)
					}
					c := vm.RunOptions{Data: bytes.Clone(o.Data), Meta: meta}
					want, err := p.Run(t.Context(), &c)
					if err != nil {
						t.Fatal(err)
					}
					got, err := p.Run(t.Context(), &o)
					if err != nil {
						t.Fatal(err)
					}
					if got != want || !bytes.Equal(o.DataOut, c.DataOut) || o.FuelUsed != c.FuelUsed {
						t.Errorf("%d bytes, %d of metadata: r0 %d, packet %x, fuel %d: want %d, %x, %d", n, meta, got, o.DataOut, o.FuelUsed, want, c.DataOut, c.FuelUsed)
					}
					if meta == 0 && buf.Bytes()[1] != byte(1+i)+1 {
						t.Errorf("the program wrote %d into the buffer, want %d", buf.Bytes()[1], 2+i)
					}
				}
			}
			if n := testing.AllocsPerRun(100, func() {
				o := vm.RunOptions{Data: buf.Bytes()[:60], Buffer: buf}
				p.Run(context.Background(), &o)
			}); n != 0 {
				t.Errorf("%v allocations a run", n)
			}
		})
	}
}

// TestBufferRefused is what a buffer is not for.
func TestBufferRefused(t *testing.T) {
	m, other := machine(t, vm.Options{}), machine(t, vm.Options{})
	p := load(t, m, "xdp", nil, asm.Must("r0 = 2; exit")...)
	sys := load(t, m, "syscall", nil, asm.Must("r0 = 2; exit")...)
	buf, err := m.NewBuffer(100)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := other.NewBuffer(100)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		p    *vm.Program
		o    vm.RunOptions
	}{
		{"data elsewhere", p, vm.RunOptions{Buffer: buf, Data: make([]byte, 64)}},
		{"data in the middle", p, vm.RunOptions{Buffer: buf, Data: buf.Bytes()[1:65]}},
		{"no data", p, vm.RunOptions{Buffer: buf}},
		{"another machine's", p, vm.RunOptions{Buffer: foreign, Data: foreign.Bytes()}},
		{"no packet", sys, vm.RunOptions{Buffer: buf, Data: buf.Bytes()}},
	} {
		if r, err := c.p.Run(t.Context(), &c.o); err == nil {
			t.Errorf("%s: returned %d", c.name, r)
		}
	}
	if _, err := m.NewBuffer(0); err == nil {
		t.Error("a buffer of 0 bytes")
	}
	if _, err := m.NewBuffer(1 << 30); err == nil {
		t.Error("a buffer beyond the memory limit")
	}
	bytes := buf.Bytes()
	buf.Close()
	if _, err := p.Run(t.Context(), &vm.RunOptions{Buffer: buf, Data: bytes}); !errors.Is(err, vm.ErrClosed) {
		t.Errorf("closed buffer: %v", err)
	}
	// The host may still hold what lies in the window of a machine that has been closed.
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	foreign.Bytes()[99] = 1
	if err := foreign.Close(); err != nil {
		t.Error(err)
	}
	if _, err := other.NewBuffer(10); !errors.Is(err, vm.ErrClosed) {
		t.Errorf("buffer of a closed machine: %v", err)
	}
}

// TestRunBatch has runs of a row keep apart what goes in and comes out, and end at the first that fails.
func TestRunBatch(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			m := machine(t, e.opts)
			p := load(t, m, "xdp", nil, asm.Must(`
				r2 = *(u32 *)(r1 +4); r1 = *(u32 *)(r1 +0); r3 = r1; r3 += 14; r0 = 0
				if r3 > r2 goto out
				r0 = *(u8 *)(r1 +0); r4 = r0; r4 += 1; *(u8 *)(r1 +0) = r4
			out:	exit`)...)
			batch := make([]vm.RunOptions, 5)
			for i := range batch {
				batch[i].Data = bytes.Repeat([]byte{byte(10 * i)}, 14+i)
			}
			r0 := make([]uint64, 5)
			if n, err := p.RunBatch(t.Context(), batch, r0); n != 5 || err != nil {
				t.Fatal(n, err)
			}
			for i := range batch {
				if out := batch[i].DataOut; r0[i] != uint64(10*i) || len(out) != 14+i || out[0] != byte(10*i+1) {
					t.Errorf("run %d: r0 %d, packet %x", i, r0[i], out)
				}
			}
			if runs := p.Stats().Runs; runs != 5 {
				t.Errorf("%d runs are counted", runs)
			}
			batch[3].Data = nil // no frame
			var in *progtype.InputError
			if n, err := p.RunBatch(t.Context(), batch, r0); n != 3 || !errors.As(err, &in) {
				t.Errorf("%d runs, %v: want 3 and an input error", n, err)
			}
			if _, err := p.RunBatch(t.Context(), batch, r0[:4]); err == nil {
				t.Error("fewer results than runs")
			}
			if n, err := p.RunBatch(t.Context(), nil, nil); n != 0 || err != nil {
				t.Errorf("empty batch: %d, %v", n, err)
			}
		})
	}
}
