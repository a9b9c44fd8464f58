package main

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// parseInsns reads instructions in hex: bytes in the order in which they lie in memory, or
// whole instructions as 64-bit words with 0x in front. Blanks, line ends, commas, and what follows # or // do not
// count.
func parseInsns(text string) ([]byte, error) {
	var out []byte
	for n, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		line, _, _ = strings.Cut(line, "//")
		for _, word := range strings.FieldsFunc(line, func(c rune) bool { return strings.ContainsRune(" \t\r\v\f,:", c) }) {
			if digits, ok := cutPrefixFold(word, "0x"); ok {
				if len(out)%8 != 0 {
					return nil, fmt.Errorf("line %d: %s: the instruction before it has %d of 8 bytes", n+1, shortText(word), len(out)%8)
				}
				v, err := strconv.ParseUint(digits, 16, 64)
				if err != nil {
					return nil, fmt.Errorf("line %d: %s is not a word of 64 bits", n+1, shortText(word))
				}
				out = binary.LittleEndian.AppendUint64(out, v)
				continue
			}
			if i := strings.IndexFunc(word, func(c rune) bool { return !strings.ContainsRune("0123456789abcdefABCDEF", c) }); i >= 0 {
				return nil, fmt.Errorf("line %d: %s is not hex", n+1, shortText(word))
			}
			if len(word)%2 != 0 {
				return nil, fmt.Errorf("line %d: %s: %s, two make a byte", n+1, shortText(word), plural(len(word), "digit"))
			}
			b, err := hex.DecodeString(word)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", n+1, err)
			}
			out = append(out, b...)
		}
	}
	switch {
	case len(out) == 0:
		return nil, fmt.Errorf("no instructions")
	case len(out)%8 != 0:
		return nil, fmt.Errorf("%s: an instruction has 8", plural(len(out), "byte"))
	}
	return out, nil
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

// shortText is a word of a file, in quotes and not too long.
func shortText(s string) string {
	if len(s) > 24 {
		s = s[:24] + "..."
	}
	return strconv.Quote(s)
}
