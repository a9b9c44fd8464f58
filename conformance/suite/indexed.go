package suite

import (
	"fmt"
	"strings"

	"github.com/gbpf/gbpf/maps"
)

// indexed tries accesses at a place in a map's value that only a number from memory tells, in the ways that compilers
// form such addresses.
func indexed(yield func(*Case) bool) bool {
	value := pattern(64)
	table := maps.Spec{Name: "table", Type: maps.Array, KeySize: 4, ValueSize: 64, MaxEntries: 1}
	var fill strings.Builder
	for at := 0; at < 64; at += 8 {
		fmt.Fprintf(&fill, "r1 = %d ll; *(u64 *)(r6 +%d) = r1; ", little(value[at:], 8), at)
	}
	for _, form := range []struct{ name, text string }{
		{"base plus index", "r4 = r6; r4 += r3"},
		{"index plus base", "r4 = r3; r4 += r6"},
		{"index onto the base itself", "r6 += r3; r4 = r6"},
		{"32-bit index", "w3 = w3; r4 = r6; r4 += r3"},
		{"sum of two", "r4 = r3; r4 &= 16; r5 = r3; r5 &= 15; r4 += r6; r4 += r5"},
		{"scaled and back", "r5 = r3; r5 <<= 3; r5 >>= 3; r4 = r6; r4 += r5"},
	} {
		for _, size := range []int{1, 2, 4, 8} {
			for _, off := range []int{0, 3, 16} {
				for _, index := range []int{0, 1, 7, 8, 31} {
					data := bytes64(uint64(index)|0xffffffffffffffe0, 0)
					at := index + off
					want := little(value[at:], uint8(size))
					// What is stored there, one off, is the next value read, whole.
					next := append([]byte(nil), value...)
					copy(next[at+1:], bytes64(0xf1f2f3f4f5f6f7f8)[:size])
					want = want*3 + little(next[at:], 8)
					if !yield(&Case{
						Group: Access, Name: fmt.Sprintf("%s, %d bytes at %d +%d", form.name, size, index, off), RFC: "RFC 9669 section 5.1", Type: "syscall",
						Data: data, Out: data, Maps: []maps.Spec{table}, Want: want,
						Insns: text("r7 = r1; r6 = map_value[0]+0; %s r3 = *(u64 *)(r7 +0); r3 &= 31; %s; r0 = *(u%[3]d *)(r4 +%[4]d); r0 *= 3; r2 = 0xf1f2f3f4f5f6f7f8 ll; *(u%[3]d *)(r4 +%[5]d) = r2; r2 = *(u64 *)(r4 +%[4]d); r0 += r2; exit",
							fill.String(), form.text, 8*size, off, off+1),
					}) {
						return false
					}
				}
			}
		}
	}
	for shift := range 4 {
		for _, between := range []string{"r5 = 0", "r5 = r3"} {
			for index := range 64 >> 3 {
				data, at := bytes64(uint64(index)|0xfffffffffffffff8, 0), index<<shift
				want := little(value[at:], 1)
				if between == "r5 = r3" {
					want += uint64(at)
				}
				if !yield(&Case{
					Group: Access, Name: fmt.Sprintf("element %d of a table, times %d, %s", index, 1<<shift, between), RFC: "RFC 9669 section 5.1", Type: "syscall",
					Data: data, Out: data, Maps: []maps.Spec{table}, Want: want,
					Insns: text("r7 = r1; r6 = map_value[0]+0; %s r3 = *(u64 *)(r7 +0); r3 &= 7; r3 <<= %d; %s; r4 = map_value[0]+0; r4 += r3; r3 = *(u8 *)(r4 +0); r0 = r3; r0 += r5; exit",
						fill.String(), shift, between),
				}) {
					return false
				}
			}
		}
	}
	return true
}

// partTexts are loads of bytes that are put together, which optimisers make one load of, and what is nearly that.
func partTexts() []string {
	var all []string
	for _, n := range []int{2, 4} {
		for _, base := range []int{8, 16} {
			for _, order := range []string{"little", "big", "gap", "twice", "signed", "store"} {
				for _, put := range []string{"|=", "+=", "^="} {
					var b strings.Builder
					for i := range n {
						at, shift, load := base+i, 8*i, "u8"
						switch {
						case order == "big":
							shift = 8 * (n - 1 - i)
						case order == "gap" && i == n-1:
							at++
						case order == "twice" && i == n-1:
							shift -= 8
						case order == "signed" && i == n-1:
							load = "s8"
						case order == "store" && i == n-1:
							fmt.Fprintf(&b, "*(u8 *)(r9 +%d) = 77; ", at)
						}
						reg := "r3"
						if i == 0 {
							reg = "r2"
						}
						fmt.Fprintf(&b, "%s = *(%s *)(r9 +%d); ", reg, load, at)
						if shift > 0 {
							fmt.Fprintf(&b, "%s <<= %d; ", reg, shift)
						}
						if i > 0 {
							fmt.Fprintf(&b, "r2 %s r3; ", put)
						}
					}
					all = append(all, strings.TrimSuffix(b.String(), "; "))
				}
			}
		}
	}
	for _, s := range []string{"u16", "u32", "s16"} {
		for _, d := range []int{0, 2, 4} {
			if s == "u32" && d == 2 {
				continue // off its alignment
			}
			all = append(all, fmt.Sprintf("r2 = *(%[1]s *)(r9 +8); r3 = *(%[1]s *)(r9 +%[2]d); r3 <<= 16; r2 |= r3", s, 8+d),
				fmt.Sprintf("r2 = *(%[1]s *)(r9 +8); r3 = *(%[1]s *)(r9 +%[2]d); r2 <<= 32; r2 |= r3", s, 8+d))
		}
	}
	return all
}

// byteHelpers tries helpers that copy bytes, with every size up to 20 and at many places.
func byteHelpers(yield func(*Case) bool) bool {
	packet := pattern(64)
	for size := 1; size <= 20; size++ {
		for _, at := range []int{0, 1, 14, 64 - size, 64 - size + 1} {
			for i, h := range []string{"skb_load_bytes", "xdp_load_bytes"} {
				buf := bytes64(1, 2, 3)
				want := uint64(0)
				if at+size <= 64 {
					copy(buf, packet[at:at+size])
				} else {
					// Out of bounds: skb_load_bytes leaves zeros and EFAULT, xdp_load_bytes nothing and EINVAL.
					if i == 0 {
						clear(buf[:size])
					}
					want = [2]uint64{0xfffffffffffffff2, 0xffffffffffffffea}[i]
				}
				want += little(buf, 8)*3 + little(buf[8:], 8)*5 + little(buf[16:], 8)*7
				if !yield(&Case{
					Group: Helpers, Name: fmt.Sprintf("%s of %d bytes at %d", h, size, at), RFC: "the kernel's manual, bpf-helpers(7)", Type: []string{"sched_cls", "xdp"}[i], Data: packet,
					Insns: text("*(u64 *)(r10 -24) = 1; *(u64 *)(r10 -16) = 2; *(u64 *)(r10 -8) = 3; r2 = %d; r3 = r10; r3 += -24; r4 = %d; call %s; r1 = *(u64 *)(r10 -24); r1 *= 3; r0 += r1; r1 = *(u64 *)(r10 -16); r1 *= 5; r0 += r1; r1 = *(u64 *)(r10 -8); r1 *= 7; r0 += r1; exit", at, size, h), Want: want,
				}) {
					return false
				}
			}
		}
	}
	return true
}
