package vm

import (
	"fmt"
	"sync/atomic"
	"unsafe"

	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/progtype"
)

// Buffer is a packet, or the memory of a raw program, that lies in guest memory, so that runs need not copy it: see
// [RunOptions.Buffer].
type Buffer struct {
	m      *Machine
	region *guest.Region
	bytes  []byte
	closed atomic.Bool
}

// NewBuffer makes a buffer for packets of up to size bytes, metadata included. It takes guest memory: head- and tailroom
// as in a run's own packet area lie around it. Call [Buffer.Close] to give it back.
func (m *Machine) NewBuffer(size uint32) (*Buffer, error) {
	if size == 0 || size > 1<<30 {
		return nil, fmt.Errorf("new buffer: %d bytes: want 1 to %d", size, 1<<30)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, fmt.Errorf("new buffer: machine is %w", ErrClosed)
	}
	b := &Buffer{m: m}
	// To programs it is what a run slot is: only the run that uses it sees an object there.
	b.region = &guest.Region{Kind: guest.KindSlot, Size: guest.Headroom + size + guest.Tailroom, Name: "buffer", Owner: b}
	if err := m.mem.Alloc(b.region); err != nil {
		return nil, fmt.Errorf("new buffer: %w", err)
	}
	b.bytes = b.region.Bytes()[guest.Headroom:][:size:size]
	m.buffers++
	return b, nil
}

// Bytes is the buffer's memory: put a packet there and run a program with a slice of its first bytes as Data. It must
// not be touched after [Buffer.Close], and while a program runs on it, it changes.
func (b *Buffer) Bytes() []byte { return b.bytes }

// Close gives the memory back, once runs under way have ended: slices of it are invalid from here on. Later runs on it
// fail with [ErrClosed].
func (b *Buffer) Close() error {
	if b.closed.Swap(true) {
		return nil
	}
	m := b.m
	m.retire(b.region.Free)
	m.mu.Lock()
	m.buffers--
	m.mu.Unlock()
	return m.giveBack()
}

// giveBack ends the window when the machine and all buffers are closed.
func (m *Machine) giveBack() error {
	m.mu.Lock()
	idle := m.closed && m.buffers == 0
	m.mu.Unlock()
	if !idle {
		return nil
	}
	m.slots.close() // runs under way end first
	return m.mem.Close()
}

// use makes the buffer the packet area of a run whose data are in it. The run holds a CPU by now: Close sees that.
func (b *Buffer) use(p *Program, bctx *progtype.Bctx, data []byte) error {
	switch {
	case b.m != p.m:
		return fmt.Errorf("run: the buffer belongs to another machine")
	case b.closed.Load():
		return fmt.Errorf("run: buffer is %w", ErrClosed)
	case !p.spec.Type.Packet:
		return fmt.Errorf("run: type %s has no packet that a buffer could hold", p.spec.Type.Name)
	case len(data) > len(b.bytes) || unsafe.SliceData(data) != unsafe.SliceData(b.bytes):
		return fmt.Errorf("run: data are not the first bytes of the buffer")
	}
	bctx.Area, bctx.AreaSize = b.region.Addr, b.region.Size
	return nil
}

// left is what a run left of the packet.
func (b *Buffer) left(bctx *progtype.Bctx) []byte {
	from, to := bctx.DataMeta-b.region.Addr, bctx.DataEnd-b.region.Addr
	if from > to || to > b.region.Size { // no helper does that
		return nil
	}
	return b.region.Bytes()[from:to:to]
}
