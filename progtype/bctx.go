package progtype

import (
	"encoding/binary"
	"fmt"

	"github.com/gbpf/gbpf/internal/guest"
)

// SockSize is the size of struct bpf_sock, in bytes.
const SockSize = 80

// userCtx is what Finish needs to remember of the context that the user gave.
type userCtx struct {
	given   bool   // Input.Ctx was there
	data    bool   // the context came as Input.Data and goes back as Output.Data
	gsoSize uint32 // the user's gso_size, of which the program sees 16 bits
	ingress uint32 // the user's ingress_ifindex, which the program sees with defaults filled in
}

func (b *Bctx) inputError(what, format string, args ...any) error {
	return &InputError{Type: b.Type.Name, What: what, Reason: fmt.Sprintf(format, args...)}
}

// begin forgets the last run and places the context, n bytes and zeroed, in the slot's
// context page, or at the start of its packet area when it is larger than that.
func (b *Bctx) begin(n uint32) ([]byte, error) {
	s := b.Slot
	b.Ctx, b.CtxLen = s.Ctx, n
	if n > guest.CtxSize {
		if n > s.PacketSize {
			return nil, b.inputError("ctx", "%d bytes, the run slot holds %d", n, s.PacketSize)
		}
		b.Ctx = s.Packet
	}
	b.HardStart, b.DataMeta, b.Data, b.DataEnd, b.HardEnd = 0, 0, 0, 0, 0
	b.PacketWritable = false
	b.Sock = 0
	b.Skb = Skb{}
	b.Redirect, b.Retval = Redirect{}, 0
	b.user = userCtx{}
	ctx := b.bytes(b.Ctx, n)
	if ctx == nil && n != 0 {
		return nil, b.inputError("ctx", "guest memory is closed")
	}
	clear(ctx)
	return ctx, nil
}

// place copies data, of which the first meta bytes are metadata, into the packet
// area so that the packet itself starts at headroom, and zeroes the headroom.
func (b *Bctx) place(data []byte, meta uint32) error {
	s := b.Slot
	start, size := s.Packet, s.PacketSize
	if b.Area != 0 {
		start, size = b.Area+meta, b.AreaSize-meta
	} else if b.Ctx == s.Packet {
		return b.inputError("ctx", "%d bytes leave no room for a packet", b.CtxLen)
	}
	if room := size - guest.Headroom - guest.Tailroom; uint64(len(data)) > uint64(room)+uint64(meta) {
		return b.inputError("data", "%d bytes, the run slot holds packets of at most %d", len(data), room)
	}
	b.HardStart = start
	b.Data = start + guest.Headroom
	b.DataMeta = b.Data - meta
	b.DataEnd = b.DataMeta + uint32(len(data))
	b.HardEnd = b.DataEnd + guest.Tailroom
	area := b.bytes(b.HardStart, b.DataEnd-b.HardStart)
	if area == nil {
		return b.inputError("data", "guest memory is closed")
	}
	clear(area[:guest.Headroom-meta])
	if b.Area == 0 {
		copy(area[guest.Headroom-meta:], data)
	}
	return nil
}

// bytes is n bytes of guest memory at addr, nil when they do not exist.
func (b *Bctx) bytes(addr guest.Addr, n uint32) []byte {
	s, _ := b.Mem.Slice(uint64(addr), uint64(n))
	return s
}

// ctx is the context's memory.
func (b *Bctx) ctx() []byte { return b.bytes(b.Ctx, b.CtxLen) }

// setFields writes fields given by name over the context.
func (b *Bctx) setFields(ctx []byte, fields map[string]uint64) error {
	for name, v := range fields {
		f, off, err := b.Type.Ctx.Resolve(name)
		if err != nil {
			return b.inputError(name, "%v", err)
		}
		if f.Access&Settable == 0 {
			return b.inputError(name, "is not an input: the run sets it")
		}
		if f.Size < 8 && v>>(8*f.Size) != 0 {
			return b.inputError(name, "value %d does not fit into %d bits", v, 8*f.Size)
		}
		if uint64(off)+uint64(f.Size) > uint64(len(ctx)) {
			return b.inputError(name, "lies beyond the context's %d bytes", len(ctx))
		}
		putUint(ctx[off:], f.Size, v)
	}
	return nil
}

// Field is what a field of the context, by name, "cb[2]" for an element, holds now.
func (b *Bctx) Field(name string) (uint64, error) {
	f, off, err := b.Type.Ctx.Resolve(name)
	if err != nil {
		return 0, b.inputError(name, "%v", err)
	}
	ctx := b.ctx()
	if uint64(off)+uint64(f.Size) > uint64(len(ctx)) {
		return 0, b.inputError(name, "lies beyond the context's %d bytes", len(ctx))
	}
	return getUint(ctx[off:], f.Size), nil
}

func getUint(p []byte, size uint32) uint64 {
	switch size {
	case 1:
		return uint64(p[0])
	case 2:
		return uint64(binary.LittleEndian.Uint16(p))
	case 4:
		return uint64(binary.LittleEndian.Uint32(p))
	default:
		return binary.LittleEndian.Uint64(p)
	}
}

func putUint(p []byte, size uint32, v uint64) {
	switch size {
	case 1:
		p[0] = byte(v)
	case 2:
		binary.LittleEndian.PutUint16(p, uint16(v))
	case 4:
		binary.LittleEndian.PutUint32(p, uint32(v))
	default:
		binary.LittleEndian.PutUint64(p, v)
	}
}

func put32(p []byte, off uint32, v uint32) { binary.LittleEndian.PutUint32(p[off:], v) }
func get32(p []byte, off uint32) uint32    { return binary.LittleEndian.Uint32(p[off:]) }

// userStruct copies the user's context structure into dst. As in the kernel it may be
// shorter than ours, which reads as zeros, or longer when the rest is zero.
func (b *Bctx) userStruct(dst, src []byte) error {
	n := copy(dst, src)
	for i, c := range src[n:] {
		if c != 0 {
			return b.inputError("ctx", "byte %d, beyond the %d of struct %s, is not zero", n+i, len(dst), b.Type.Ctx.Name)
		}
	}
	return nil
}
