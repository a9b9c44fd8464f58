package progtype_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/internal/kernel"
	"github.com/gbpf/gbpf/internal/kernel/packets"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/progtype"
)

// newBctx is a context of the type on memory of its own.
func newBctx(t testing.TB, typ *progtype.Type) *progtype.Bctx {
	t.Helper()
	mem, err := guest.NewMemory(guest.MinLimit)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mem.Close() })
	slot, err := mem.NewSlot(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	return &progtype.Bctx{Mem: mem, Slot: slot, Type: typ}
}

func load(t *testing.T, typ *progtype.Type, body ...isa.Insn) *kernel.Program {
	t.Helper()
	raw, err := isa.Encode(body)
	if err != nil {
		t.Fatal(err)
	}
	p, v, err := kernel.Load(&kernel.Prog{Type: typ.Kernel, Insns: raw, License: "GPL"})
	if err != nil {
		t.Fatal(err)
	}
	if p == nil {
		t.Fatalf("%s: the kernel refused the program: %s", typ, v.LastLine)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func peek(t testing.TB, b *progtype.Bctx, addr guest.Addr, n uint32) uint64 {
	t.Helper()
	p, ok := b.Mem.Slice(uint64(addr), uint64(n))
	if !ok {
		t.Fatalf("no memory at %#x", addr)
	}
	var v [8]byte
	copy(v[:], p)
	return binary.LittleEndian.Uint64(v[:])
}

// testPackets is the set of all tests and lengths around what types and layers ask for.
func testPackets() []packets.Packet {
	list := packets.Set()
	for n := range 64 {
		list = append(list, packets.Packet{Name: fmt.Sprintf("zeros%d", n), Data: make([]byte, n)})
		for _, proto := range []uint16{0x0800, 0x86dd, 0x0806, 0x8100, 0x05ff, 0x0600, 10} {
			if n < 14 {
				continue
			}
			p := packets.Fill(n)
			binary.BigEndian.PutUint16(p[12:], proto)
			if n >= 16 && proto == 10 {
				p[14], p[15] = 0xff, 0xff
			}
			list = append(list, packets.Packet{Name: fmt.Sprintf("fill%d-%04x", n, proto), Data: p})
		}
	}
	for _, n := range []int{1000, 1514, 3000} {
		list = append(list, packets.Packet{Name: fmt.Sprintf("large%d", n), Data: packets.Fill(n)})
	}
	return list
}

// sameVerdict compares whether a run was refused, and why not when it was not.
func sameVerdict(t *testing.T, what string, err error, out *kernel.Output) (ran bool) {
	t.Helper()
	var in *progtype.InputError
	if err != nil && !errors.As(err, &in) {
		t.Errorf("%s: %v is no *InputError", what, err)
	}
	if (err != nil) != (out.Errno != 0) {
		t.Errorf("%s: ours %v, the kernel's %q", what, err, out.ErrnoName)
	}
	return err == nil && out.Errno == 0
}

// TestSetupSkb compares every field that a program sees, the output packet and the context written back.
func TestSetupSkb(t *testing.T) {
	if err := kernel.Available(); err != nil {
		t.Skipf("left out: %v", err)
	}
	pkts := testPackets()
	contexts := [][]byte{nil, make([]byte, 192), skbCtx()}
	for _, typ := range []*progtype.Type{progtype.SchedCLS, progtype.SchedACT, progtype.SocketFilter, progtype.CgroupSkb,
		progtype.LwtIn, progtype.LwtOut, progtype.LwtXmit} { // the kernel runs no others
		b := newBctx(t, typ)
		compared := 0
		l := typ.Layout(0)
		for i := range l.Fields {
			f := &l.Fields[i]
			if f.Kind != progtype.Scalar || f.Access&progtype.Read == 0 {
				continue
			}
			size := min(f.Size, 8)
			// The value goes out by way of cb, since not every type may return any.
			store := map[uint32]isa.Op{1: isa.OpStxW, 4: isa.OpStxW, 8: isa.OpStxDW}[size]
			body := []isa.Insn{isa.New(loads[size], 2, 1, int16(f.Off), 0), isa.New(store, 1, 2, 48, 0)}
			if typ.Returns.Any {
				body = append(body, isa.New(isa.OpMov64Reg, 0, 2, 0, 0))
			} else {
				body = append(body, isa.New(isa.OpMov64Imm, 0, 0, 0, 1))
			}
			prog := load(t, typ, append(body, isa.New(isa.OpExit, 0, 0, 0, 0))...)
			for k := range pkts {
				if testing.Short() && k%5 != 0 {
					continue
				}
				for c, ctx := range contexts {
					what := fmt.Sprintf("%s: %s: packet %s, context %d", typ, f.Name, pkts[k].Name, c)
					in := kernel.Input{Data: pkts[k].Data, Ctx: ctx, CtxOut: ctx != nil}
					if len(in.Data) == 0 {
						continue
					}
					out, err := prog.Run(in)
					if err != nil {
						t.Fatal(err)
					}
					if !sameVerdict(t, what, typ.Setup(b, &progtype.Input{Data: pkts[k].Data, Ctx: ctx}), out) {
						continue
					}
					compared++
					ours := peek(t, b, b.Ctx+f.Off, size)
					if typ.Returns.Any && uint32(ours) != out.Retval {
						t.Errorf("%s: ours %#x, the kernel's %#x", what, ours, out.Retval)
					}
					// Do to our context what the program did.
					p, _ := b.Mem.Slice(uint64(b.Ctx+48), uint64(max(size, 4)))
					copy(p, binary.LittleEndian.AppendUint64(nil, ours))
					var left progtype.Output
					typ.Finish(b, &left)
					if !bytes.Equal(left.Data, out.Data) {
						t.Errorf("%s: output data\nours %x\nthe kernel's %x", what, left.Data, out.Data)
					}
					if ctx != nil && !bytes.Equal(left.Ctx, out.Ctx) {
						t.Errorf("%s: context written back\nours %x\nthe kernel's %x", what, left.Ctx, out.Ctx)
					}
					if t.Failed() {
						return
					}
				}
			}
		}
		t.Logf("%s: %d runs compared with the live kernel", typ, compared)
	}
}

// skbCtx is an __sk_buff with all that a user may set.
func skbCtx() []byte {
	c := make([]byte, 192)
	le := binary.LittleEndian
	le.PutUint32(c[8:], 0xa1b2c3d4)  // mark
	le.PutUint32(c[32:], 7)          // priority
	le.PutUint32(c[40:], 1)          // ifindex
	copy(c[48:68], packets.Fill(20)) // cb
	le.PutUint64(c[152:], 123456789) // tstamp
	le.PutUint32(c[160:], 5000)      // wire_len
	le.PutUint32(c[164:], 3)         // gso_segs
	le.PutUint32(c[176:], 10)        // gso_size
	le.PutUint64(c[184:], 987654321) // hwtstamp
	return c
}

// TestSkbContext compares which __sk_buff a run takes.
func TestSkbContext(t *testing.T) {
	if err := kernel.Available(); err != nil {
		t.Skipf("left out: %v", err)
	}
	typ := progtype.SchedCLS
	b := newBctx(t, typ)
	prog := load(t, typ, isa.New(isa.OpMov64Imm, 0, 0, 0, 0), isa.New(isa.OpExit, 0, 0, 0, 0))
	data := packets.Fill(60)
	var tries [][]byte
	for off := range 192 {
		for _, v := range []byte{1, 0x80} {
			if off/4 == 10 {
				continue // the kernel takes only devices that it has, we any
			}
			c := make([]byte, 192)
			c[off] = v
			tries = append(tries, c)
		}
	}
	tries = append(tries, []byte{}, make([]byte, 8), make([]byte, 12), make([]byte, 300), append(make([]byte, 192), 1), append(make([]byte, 299), 1))
	for _, n := range []uint32{1, 59, 60, 61, 65535, 65536, 65537} {
		for _, off := range []int{160, 164} {
			c := make([]byte, 192)
			binary.LittleEndian.PutUint32(c[off:], n)
			tries = append(tries, c)
		}
	}
	for i, c := range tries {
		if len(c) == 0 {
			continue
		}
		out, err := prog.Run(kernel.Input{Data: data, Ctx: c, CtxOut: len(c) >= 192})
		if err != nil {
			t.Fatal(err)
		}
		what := fmt.Sprintf("context %d, %d bytes, %x", i, len(c), bytes.Trim(c, "\x00"))
		if !sameVerdict(t, what, typ.Setup(b, &progtype.Input{Data: data, Ctx: c}), out) || len(c) < 192 {
			continue
		}
		var left progtype.Output
		typ.Finish(b, &left)
		if n := min(len(left.Ctx), len(out.Ctx)); !bytes.Equal(left.Ctx[:n], out.Ctx[:n]) {
			t.Errorf("%s: written back\nours %x\nthe kernel's %x", what, left.Ctx, out.Ctx)
		}
	}
	t.Logf("%d contexts compared with the live kernel", len(tries))
}

// TestSetupXDP compares contexts, packets and what is written back.
func TestSetupXDP(t *testing.T) {
	if err := kernel.Available(); err != nil {
		t.Skipf("left out: %v", err)
	}
	typ := progtype.XDP
	b := newBctx(t, typ)
	type view struct {
		name string
		body []isa.Insn
		ours func() uint32
	}
	u32 := func(off guest.Addr) uint32 { return uint32(peek(t, b, b.Ctx+off, 4)) }
	sub := func(x, y int16) []isa.Insn {
		return []isa.Insn{isa.New(isa.OpLdxW, 0, 1, x, 0), isa.New(isa.OpLdxW, 2, 1, y, 0), isa.New(isa.OpSub64Reg, 0, 2, 0, 0)}
	}
	views := []view{
		{"ingress_ifindex", []isa.Insn{isa.New(isa.OpLdxW, 0, 1, 12, 0)}, func() uint32 { return u32(12) }},
		{"rx_queue_index", []isa.Insn{isa.New(isa.OpLdxW, 0, 1, 16, 0)}, func() uint32 { return u32(16) }},
		{"data_end - data", sub(4, 0), func() uint32 { return u32(4) - u32(0) }},
		{"data - data_meta", sub(0, 8), func() uint32 { return u32(0) - u32(8) }},
	}
	compared := 0
	for _, v := range views {
		prog := load(t, typ, append(v.body, isa.New(isa.OpExit, 0, 0, 0, 0))...)
		run := func(what string, data, ctx []byte) {
			out, err := prog.Run(kernel.Input{Data: data, Ctx: ctx, CtxOut: ctx != nil})
			if err != nil {
				t.Fatal(err)
			}
			what = v.name + ": " + what
			compared++
			if !sameVerdict(t, what, typ.Setup(b, &progtype.Input{Data: data, Ctx: ctx}), out) {
				return
			}
			if ours := v.ours(); ours != out.Retval {
				t.Errorf("%s: ours %#x, the kernel's %#x", what, ours, out.Retval)
			}
			var left progtype.Output
			typ.Finish(b, &left)
			if !bytes.Equal(left.Data, out.Data) {
				t.Errorf("%s: output data\nours %x\nthe kernel's %x", what, left.Data, out.Data)
			}
			if ctx != nil && !bytes.Equal(left.Ctx, out.Ctx) {
				t.Errorf("%s: written back\nours %x\nthe kernel's %x", what, left.Ctx, out.Ctx)
			}
		}
		for _, p := range testPackets() {
			if len(p.Data) > 0 {
				run("packet "+p.Name, p.Data, nil)
			}
		}
		for _, size := range []uint32{14, 60, 300, 1000} {
			for _, meta := range []uint32{0, 1, 2, 4, 8, 12, 16, 32, 64, 100, 104, 108, 112, 116, 120, 124, 128, 200, 212, 216, 220, 224, 252, 256, 300} {
				// With a data_end short of the data the kernel makes fragments of the rest, which gbpf refuses.
				for _, end := range []uint32{size, size + 1} {
					run(fmt.Sprintf("%d bytes, data %d, data_end %d", size, meta, end), packets.Fill(int(size)), xdpCtx(meta, end, 0, 0, 0, 0))
				}
			}
		}
		for _, c := range [][]byte{xdpCtx(0, 60, 4, 0, 0, 0), xdpCtx(0, 60, 0, 0, 1, 0), xdpCtx(0, 60, 0, 0, 0, 1), xdpCtx(60, 60, 0, 0, 0, 0)} {
			run(fmt.Sprintf("ctx %x", c), packets.Fill(60), c)
		}
	}
	t.Logf("%d runs compared with the live kernel", compared)
}

func xdpCtx(data, end, meta, ingress, queue, egress uint32) []byte {
	var c []byte
	for _, v := range []uint32{data, end, meta, ingress, queue, egress} {
		c = binary.LittleEndian.AppendUint32(c, v)
	}
	return c
}

// TestXDPTail compares how far a packet of every size class can grow.
func TestXDPTail(t *testing.T) {
	b := newBctx(t, progtype.XDP)
	live := kernel.Available()
	if live != nil {
		t.Logf("not compared with the kernel: %v", live)
	}
	for _, size := range []int{14, 60, 1514, 3000, 3500} {
		if err := progtype.XDP.Setup(b, &progtype.Input{Data: packets.Fill(size)}); err != nil {
			t.Fatal(err)
		}
		room := int64(b.HardEnd - b.DataEnd)
		if want := int64(4096 - 320 - 256 - size); room != want {
			t.Errorf("%d bytes can grow by %d, want %d", size, room, want)
		}
		if live != nil {
			continue
		}
		for _, grow := range []int64{room, room + 1} {
			prog := load(t, progtype.XDP, isa.New(isa.OpMov64Imm, 2, 0, 0, grow),
				isa.New(isa.OpCallHelper, 0, 0, 0, 65), // xdp_adjust_tail
				isa.New(isa.OpExit, 0, 0, 0, 0))
			out, err := prog.Run(kernel.Input{Data: packets.Fill(size), DataOut: 4096})
			if err != nil || out.Errno != 0 {
				t.Fatal(err, out)
			}
			if ok := out.Retval == 0; ok != (grow == room) {
				t.Errorf("%d bytes grown by %d: the kernel returns %d", size, grow, int32(out.Retval))
			}
		}
	}
	if err := progtype.XDP.Setup(b, &progtype.Input{Data: packets.Fill(9000)}); err != nil {
		t.Fatal(err)
	}
	if room := b.HardEnd - b.DataEnd; room != guest.Tailroom {
		t.Errorf("a large packet can grow by %d, want %d", room, guest.Tailroom)
	}
}
