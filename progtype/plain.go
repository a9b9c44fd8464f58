package progtype

import (
	"encoding/binary"

	"github.com/gbpf/gbpf/internal/guest"
)

// setupPlain gives a program the context as the host gave it: Input.Ctx, or Input.Data
// for a type without packet data, then the fields by name. Bytes that the host left out
// are zero. Where the type has packet data, Input.Data is it and the
// context's pointers to it are set.
func setupPlain(b *Bctx, in *Input) error {
	l := &b.Type.Ctx
	user, fromData := in.Ctx, false
	if user == nil && !b.Type.Packet {
		user, fromData = in.Data, in.Data != nil
	}
	what := "ctx"
	if fromData {
		what = "data"
	}
	if uint64(len(user)) > uint64(l.Size) {
		return b.inputError(what, "%d bytes, the context %s holds at most %d", len(user), l.Name, l.Size)
	}
	n := l.Size
	if n > guest.CtxSize && len(user) <= guest.CtxSize {
		n = guest.CtxSize
	}
	ctx, err := b.begin(n)
	if err != nil {
		return err
	}
	copy(ctx, user)
	b.user.given, b.user.data = in.Ctx != nil, fromData
	if in.Fields != nil {
		if err := b.setFields(ctx, in.Fields); err != nil {
			return err
		}
	}
	if b.Type.Packet {
		if err := b.place(in.Data, 0); err != nil {
			return err
		}
		syncPlain(b)
	}
	return nil
}

func syncPlain(b *Bctx) {
	if !b.Type.Packet {
		return
	}
	ctx := b.ctx()
	for i := range b.Type.Ctx.Fields {
		f := &b.Type.Ctx.Fields[i]
		var v guest.Addr
		switch f.Kind {
		case PacketData:
			v = b.Data
		case PacketEnd:
			v = b.DataEnd
		case PacketMeta:
			v = b.DataMeta
		default:
			continue
		}
		if f.end() <= uint32(len(ctx)) {
			putUint(ctx[f.Off:], f.Size, uint64(v))
		}
	}
}

func finishPlain(b *Bctx, out *Output) {
	if b.Type.Packet {
		out.Data = append(out.Data, b.bytes(b.Data, b.DataEnd-b.Data)...)
	}
	if b.user.data {
		out.Data = append(out.Data, b.ctx()...)
		return
	}
	out.Ctx = append(out.Ctx[:0], b.ctx()...)
}

// plainType is a program type whose context the host hands over as it is.
func plainType(name string, kernel uint32, l Layout, r Range) *Type {
	t := &Type{Name: name, Kernel: kernel, Ctx: l, Returns: r, Setup: setupPlain, Sync: syncPlain, Finish: finishPlain}
	for i := range l.Fields {
		if l.Fields[i].Kind == PacketData {
			t.Packet = true
		}
	}
	return t
}

// syscallMax is the largest context of a syscall program, in bytes.
const syscallMax = 1<<16 - 1

// Syscall is BPF_PROG_TYPE_SYSCALL: its context is the bytes given, in and out, up to
// 65535 of them. They may come as Input.Ctx or Input.Data and go back the same way.
// More than a page of them lies in the run slot's packet area. A program that the
// verifier found to read beyond the bytes given must be refused by who runs it, as
// the kernel does; here the context is exactly as long as the bytes.
var Syscall = &Type{
	Name: "syscall", Kernel: 31, Returns: Range{Any: true},
	Ctx: Layout{Name: "syscall", Size: syscallMax, Fields: []Field{
		{Name: "args", Size: 8, Count: syscallMax / 8, Access: Read | Write | Narrow | NarrowWrite | Settable},
		{Name: "tail", Off: syscallMax / 8 * 8, Size: 1, Count: syscallMax % 8, Access: Read | Write | Wide | Settable},
	}},
	Setup: setupSyscall, Sync: func(*Bctx) {}, Finish: finishPlain,
}

func setupSyscall(b *Bctx, in *Input) error {
	user, fromData, what := in.Ctx, false, "ctx"
	if user == nil {
		user, fromData, what = in.Data, in.Data != nil, "data"
	}
	if len(user) > syscallMax {
		return b.inputError(what, "%d bytes, more than %d", len(user), syscallMax)
	}
	ctx, err := b.begin(uint32(len(user)))
	if err != nil {
		return err
	}
	copy(ctx, user)
	b.user.given, b.user.data = in.Ctx != nil, fromData
	if in.Fields != nil {
		return b.setFields(ctx, in.Fields)
	}
	return nil
}

// Raw is gbpf's own type: R1 is the address of the memory given as Input.Data, R2 its
// length in bytes, and the program may read and write all of it. It has no context
// structure.
var Raw = &Type{
	Name: "raw", Packet: true, Returns: Range{Any: true},
	Ctx:   Layout{Name: "raw"},
	Setup: setupRaw, Sync: func(*Bctx) {}, Finish: finishRaw,
}

func setupRaw(b *Bctx, in *Input) error {
	if _, err := b.begin(0); err != nil {
		return err
	}
	switch {
	case len(in.Ctx) != 0:
		return b.inputError("ctx", "the type has no context structure")
	case in.Meta != 0:
		return b.inputError("data_meta", "the type has no metadata")
	}
	for name := range in.Fields {
		return b.inputError(name, "the type has no context structure")
	}
	if err := b.place(in.Data, 0); err != nil {
		return err
	}
	b.HardEnd, b.PacketWritable = b.DataEnd, true
	return nil
}

func finishRaw(b *Bctx, out *Output) {
	out.Data = append(out.Data, b.bytes(b.Data, b.DataEnd-b.Data)...)
	out.Ctx = out.Ctx[:0]
}

// Args writes 64-bit arguments as the context of a raw tracepoint or tracing program.
func Args(args ...uint64) []byte {
	p := make([]byte, 0, 8*len(args))
	for _, a := range args {
		p = binary.LittleEndian.AppendUint64(p, a)
	}
	return p
}
