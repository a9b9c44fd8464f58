package main

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
)

// diffLines is how many lines of a packet's difference are shown.
const diffLines = 32

// printDiff shows how a run changed the data it was given: what was added or cut off at an end,
// else the lines of 16 bytes that differ.
func printDiff(w io.Writer, in, out []byte) {
	if bytes.Equal(in, out) {
		return
	}
	n := len(out) - len(in)
	switch {
	case n > 0 && bytes.HasSuffix(out, in):
		fmt.Fprintf(w, "data: %s added in front: %s\n", plural(n, "byte"), shorten(out[:n]))
		return
	case n > 0 && bytes.HasPrefix(out, in):
		fmt.Fprintf(w, "data: %s added at the end: %s\n", plural(n, "byte"), shorten(out[len(in):]))
		return
	case n < 0 && bytes.HasSuffix(in, out):
		fmt.Fprintf(w, "data: %s removed in front, %d left\n", plural(-n, "byte"), len(out))
		return
	case n < 0 && bytes.HasPrefix(in, out):
		fmt.Fprintf(w, "data: %s removed at the end, %d left\n", plural(-n, "byte"), len(out))
		return
	case n == 0:
		fmt.Fprintln(w, "data changed:")
	default:
		fmt.Fprintf(w, "data changed: %s, now %d:\n", plural(len(in), "byte"), len(out))
	}
	shown := 0
	for off := 0; off < len(in) || off < len(out); off += 16 {
		a, b := line(in, off), line(out, off)
		if bytes.Equal(a, b) {
			continue
		}
		if shown++; shown > diffLines {
			fmt.Fprintln(w, "  ... and more")
			return
		}
		if len(a) > 0 {
			fmt.Fprintf(w, "  - %04x  % x\n", off, a)
		}
		if len(b) > 0 {
			fmt.Fprintf(w, "  + %04x  % x\n", off, b)
		}
	}
}

func line(b []byte, off int) []byte {
	if off >= len(b) {
		return nil
	}
	return b[off:min(off+16, len(b))]
}

// shorten is bytes in hex, at most 64 of them.
func shorten(b []byte) string {
	if len(b) > 64 {
		return hex.EncodeToString(b[:64]) + "..."
	}
	return hex.EncodeToString(b)
}
