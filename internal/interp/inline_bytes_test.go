package interp

import (
	"fmt"
	"testing"

	"github.com/gbpf/gbpf/progtype"
)

// TestInlineBytes copies between packet and stack, with every size that machine code copies and some that it does not, at
// offsets within the packet, at its end and beyond.
func TestInlineBytes(t *testing.T) {
	const keep = "r6 = *(u64 *)(r10 -%d); r0 *= 31; r0 += r6;"
	for _, tt := range []struct {
		name string
		typ  *progtype.Type
		op   string
	}{
		{"skb_load_bytes", progtype.SchedCLS, "call skb_load_bytes"},
		{"xdp_load_bytes", progtype.XDP, "call xdp_load_bytes"},
		{"xdp_store_bytes", progtype.XDP, "call xdp_store_bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPair(t, tt.typ)
			packet := make([]byte, 100)
			for i := range packet {
				packet[i] = byte(i*7 + 1)
			}
			inline := 0
			for n := 1; n <= 66; n++ {
				fill, sum := "", "r0 *= 3;"
				for off := 8; off <= 72; off += 8 {
					fill += fmt.Sprintf("r7 = %d; *(u64 *)(r10 -%d) = r7;", off*0x1010101, off)
					sum += fmt.Sprintf(keep, off)
				}
				// The offset is the first byte of the packet, so that one program has them all.
				text := "r9 = r1; " + fill + `r7 = *(u32 *)(r1 +%s); r8 = *(u32 *)(r1 +%s); r0 = 0; r2 = r7; r2 += 8; if r2 > r8 goto out
					r2 = *(u32 *)(r7 +0); r1 = r9; r3 = r10; r3 += -72; r4 = %d; ` + tt.op + ";" + sum + "out: exit"
				data, end := "0", "4"
				if tt.typ == progtype.SchedCLS {
					data, end = "76", "80"
				}
				b := p.load(fmt.Sprintf("%s of %d bytes", tt.name, n), fmt.Sprintf(text, data, end, n))
				for _, off := range []uint32{0, 1, 50, uint32(100 - n), uint32(101 - n), 99, 100, 101, 0xffff, 0x10000, 1 << 31, 1<<32 - 1} {
					packet[0], packet[1], packet[2], packet[3] = byte(off), byte(off>>8), byte(off>>16), byte(off>>24)
					_, tr, exits := b.run(packet, 1000)
					if tr != nil {
						t.Fatal(tr)
					}
					want := uint64(0)
					if uint64(off)+uint64(n) > 100 || n > 64 || n == 3 {
						want = 1
					}
					if exits != want {
						t.Errorf("%s at %d: left machine code %d times, want %d", b.name, off, exits, want)
					}
					if exits == 0 {
						inline++
					}
				}
			}
			t.Logf("%d copies in machine code", inline)
		})
	}
}

// TestInlineBytesGuess gives another size than the one that stands before the call, and a packet that
// has been moved.
func TestInlineBytesGuess(t *testing.T) {
	p := newPair(t, progtype.XDP)
	packet := make([]byte, 100)
	for i := range packet {
		packet[i] = byte(i*7 + 1)
	}
	b := p.load("guess", `r9 = r1; *(u64 *)(r10 -8) = 0; *(u64 *)(r10 -16) = 0; call get_prandom_u32; r4 = 16; r0 &= 1; if r0 == 0 goto go; r4 = 8
		go: r1 = r9; r2 = 20; r3 = r10; r3 += -16; call xdp_load_bytes; r1 = *(u64 *)(r10 -8); r0 = *(u64 *)(r10 -16); r0 += r1; exit`)
	seen := map[uint64]int{}
	for range 20 {
		_, _, exits := b.run(packet, 1000)
		seen[exits]++ // the random number is the host's
	}
	if len(seen) != 2 || seen[1] == 0 || seen[2] == 0 {
		t.Errorf("exits: %v", seen)
	}
	moved := p.load("moved", `r9 = r1; r2 = 10; call xdp_adjust_head; r1 = r9; r2 = -30; call xdp_adjust_tail
		r1 = r9; r2 = 52; r3 = r10; r3 += -8; r4 = 8; *(u64 *)(r10 -8) = 0; call xdp_load_bytes; r6 = r0
		r1 = r9; r2 = 53; r3 = r10; r3 += -16; r4 = 8; *(u64 *)(r10 -16) = 0; call xdp_load_bytes
		r1 = *(u64 *)(r10 -8); r0 += r6; r0 += r1; r1 = *(u64 *)(r10 -16); r0 += r1; exit`)
	if _, tr, exits := moved.run(packet, 1000); tr != nil || exits != 3 {
		t.Errorf("moved: %v, left machine code %d times, want 3", tr, exits)
	}
}
