package progtype_test

import (
	"bytes"
	"testing"

	"github.com/gbpf/gbpf/internal/kernel/packets"
	"github.com/gbpf/gbpf/progtype"
)

// TestInputErrors lists what a run refuses and how it says so.
func TestInputErrors(t *testing.T) {
	frame := packets.Fill(60)
	for _, c := range []struct {
		typ  *progtype.Type
		in   progtype.Input
		want string
	}{
		{progtype.XDP, progtype.Input{Data: frame[:13]}, "run input: xdp: data: 13 bytes, shorter than an Ethernet header of 14"},
		{progtype.XDP, progtype.Input{Data: frame[:16], Meta: 4}, "run input: xdp: data: 12 bytes behind 4 of metadata, shorter than an Ethernet header of 14"},
		{progtype.XDP, progtype.Input{Data: frame, Meta: 3}, "run input: xdp: data_meta: 3 bytes of metadata: not a multiple of 4 up to 216"},
		{progtype.XDP, progtype.Input{Data: make([]byte, 1<<16+1)}, "run input: xdp: data: 65537 bytes, the run slot holds packets of at most 65536"},
		{progtype.XDP, progtype.Input{Data: frame, Fields: map[string]uint64{"data": 1}}, "run input: xdp: data: is not an input: the run sets it"},
		{progtype.XDP, progtype.Input{Data: frame, Fields: map[string]uint64{"mark": 1}}, "run input: xdp: mark: struct xdp_md has no such field"},
		{progtype.XDP, progtype.Input{Data: frame, Fields: map[string]uint64{"rx_queue_index": 1 << 32}}, "run input: xdp: rx_queue_index: value 4294967296 does not fit into 32 bits"},
		{progtype.SchedCLS, progtype.Input{Data: frame[:13]}, "run input: sched_cls: data: 13 bytes, shorter than an Ethernet header of 14"},
		{progtype.SchedCLS, progtype.Input{Data: frame, Fields: map[string]uint64{"cb[5]": 1}}, "run input: sched_cls: cb[5]: index 5 is beyond the 5 elements of cb"},
		{progtype.SchedCLS, progtype.Input{Data: frame, Ctx: append([]byte{1}, make([]byte, 191)...)}, "run input: sched_cls: len: must be 0 in a __sk_buff given as bytes (byte 0 is set); set it by name"},
		{progtype.Syscall, progtype.Input{Ctx: make([]byte, 1<<16)}, "run input: syscall: ctx: 65536 bytes, more than 65535"},
		{progtype.Kprobe, progtype.Input{Ctx: make([]byte, 169)}, "run input: kprobe: ctx: 169 bytes, the context pt_regs holds at most 168"},
		{progtype.Raw, progtype.Input{Ctx: []byte{1}}, "run input: raw: ctx: the type has no context structure"},
	} {
		err := c.typ.Setup(newBctx(t, c.typ), &c.in)
		if err == nil || err.Error() != c.want {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}

// TestFields sets every field that the host may set and reads it back.
func TestFields(t *testing.T) {
	for _, typ := range progtype.All() {
		b := newBctx(t, typ)
		for i := range typ.Ctx.Fields {
			f := &typ.Ctx.Fields[i]
			if f.Access&progtype.Settable == 0 || f.Name == "cookie" || f.Name == "wire_len" || f.Name == "vlan_present" {
				continue
			}
			if typ == progtype.Syscall {
				continue // as long as the bytes given
			}
			in := progtype.Input{Fields: map[string]uint64{f.Name: 77}}
			if typ.Packet {
				in.Data = packets.Fill(60)
			}
			if err := typ.Setup(b, &in); err != nil {
				t.Errorf("%s: %v", typ, err)
				continue
			}
			if v, err := b.Field(f.Name); err != nil || v != 77 {
				t.Errorf("%s: %s reads %d, %v, want 77", typ, f.Name, v, err)
			}
		}
	}
}

// TestPlainRoundTrip runs contexts through the types that hand them over as they are.
func TestPlainRoundTrip(t *testing.T) {
	for _, c := range []struct {
		typ *progtype.Type
		n   int
	}{
		{progtype.Syscall, 1}, {progtype.Syscall, 4096}, {progtype.Syscall, 4097}, {progtype.Syscall, 65535},
		{progtype.Kprobe, 168}, {progtype.PerfEvent, 184}, {progtype.RawTracepoint, 96}, {progtype.Tracepoint, 4096}, {progtype.Tracepoint, 8192},
	} {
		b := newBctx(t, c.typ)
		want := packets.Fill(c.n)
		for _, in := range []progtype.Input{{Ctx: want}, {Data: want}} {
			if err := c.typ.Setup(b, &in); err != nil {
				t.Fatal(err)
			}
			if r1, _ := b.Entry(); r1 != uint64(b.Ctx) || int(b.CtxLen) < c.n {
				t.Errorf("%s: %d bytes at %#x, R1 is %#x", c.typ, b.CtxLen, b.Ctx, r1)
			}
			var out progtype.Output
			c.typ.Finish(b, &out)
			if in.Ctx != nil && !bytes.Equal(out.Ctx[:c.n], want) || in.Data != nil && !bytes.Equal(out.Data[:c.n], want) {
				t.Errorf("%s: %d bytes came back changed", c.typ, c.n)
			}
		}
	}
}

// TestAllocs holds runs of the types that matter for speed to no allocation.
func TestAllocs(t *testing.T) {
	for _, typ := range []*progtype.Type{progtype.XDP, progtype.Raw, progtype.SchedCLS, progtype.SocketFilter} {
		b := newBctx(t, typ)
		in := progtype.Input{Data: packets.Fill(60)}
		out := progtype.Output{Data: make([]byte, 0, 128), Ctx: make([]byte, 0, 256)}
		n := testing.AllocsPerRun(50, func() {
			if err := typ.Setup(b, &in); err != nil {
				t.Fatal(err)
			}
			typ.Sync(b)
			out.Data = out.Data[:0]
			typ.Finish(b, &out)
		})
		if n != 0 {
			t.Errorf("%s: %v allocations a run", typ, n)
		}
	}
}

func BenchmarkSetup(bench *testing.B) {
	for _, typ := range []*progtype.Type{progtype.XDP, progtype.SchedCLS, progtype.Raw} {
		bench.Run(typ.Name, func(bench *testing.B) {
			b := newBctx(bench, typ)
			in := progtype.Input{Data: packets.Fill(60)}
			out := progtype.Output{Data: make([]byte, 0, 128), Ctx: make([]byte, 0, 256)}
			for bench.Loop() {
				if err := typ.Setup(b, &in); err != nil {
					bench.Fatal(err)
				}
				out.Data = out.Data[:0]
				typ.Finish(b, &out)
			}
		})
	}
}
