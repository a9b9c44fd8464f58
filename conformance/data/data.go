// Package data reads tests in the public conformance format: one .data file a test, with the
// program as assembly or as raw instructions, the memory it is given, and the result that is due.
//
// A file is made of sections, each begun by a line with "--" in it:
//
//	# what is behind a # does not count
//	-- asm
//	ldxw %r0, [%r1+4]
//	exit
//	-- mem
//	aa bb cc dd 11 22 33 44
//	-- result
//	0x44332211
package data

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/gbpf/gbpf/isa"
)

// Limits on what is read: a file is somebody else's.
const (
	maxFile   = 16 << 20 // bytes
	maxMemory = 1 << 20  // bytes of a test's memory
)

// Test is one test.
type Test struct {
	// Code is the program, 8 bytes an instruction, little-endian. It need not be valid: a test may want it refused.
	Code []byte
	// Mem is what R1 points to, R2 being its length. nil if the test has none.
	Mem []byte
	// Result is what R0 must be, all 64 bits, if HasResult.
	Result    uint64
	HasResult bool
	// Error is the message that the run must end with, if it is not empty.
	Error string
}

// ErrSkip is of files that are no test for this format's readers: an unknown section, or nothing that is expected.
var ErrSkip = errors.New("not a test")

// SyntaxError is of a line that does not follow the format.
type SyntaxError struct {
	Line   int // from 1
	Reason string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Reason) }

func syntax(line int, format string, args ...any) error {
	return &SyntaxError{line, fmt.Sprintf(format, args...)}
}

// section is the part of a file that a line belongs to.
type section uint8

const (
	sectionNone section = iota
	sectionAsm
	sectionResult
	sectionMem
	sectionRaw
	sectionError
)

// sections are what the names in a line with "--" stand for; the first that matches counts.
var sections = []struct {
	name string
	is   section
}{
	{"asm", sectionAsm}, {"result", sectionResult}, {"mem", sectionMem}, {"raw", sectionRaw},
	{"no register offset", sectionNone}, {" c", sectionNone}, {"error", sectionError},
}

// line is a line of the file that is not empty.
type line struct {
	at   int
	text string
}

// Parse reads a test. The error is [ErrSkip] or a *[SyntaxError], possibly wrapped, or the reader's.
func Parse(r io.Reader) (*Test, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxFile {
		return nil, fmt.Errorf("more than %d bytes: %w", maxFile, ErrSkip)
	}
	var parts [sectionError + 1][]line
	in := sectionNone
	for i, text := range strings.Split(string(b), "\n") {
		text = strings.TrimSuffix(text, "\r")
		text, _, _ = strings.Cut(text, "#")
		if strings.Contains(text, "--") {
			if in, err = sectionOf(text); err != nil {
				return nil, fmt.Errorf("line %d: %w", i+1, err)
			}
			continue
		}
		if strings.TrimSpace(text) != "" {
			parts[in] = append(parts[in], line{i + 1, text})
		}
	}
	return build(&parts)
}

func sectionOf(text string) (section, error) {
	for _, s := range sections {
		if strings.Contains(text, s.name) {
			return s.is, nil
		}
	}
	return 0, fmt.Errorf("%w: section %q is unknown", ErrSkip, strings.TrimSpace(text))
}

func build(parts *[sectionError + 1][]line) (*Test, error) {
	t := &Test{}
	var err error
	if n := len(parts[sectionResult]); n > 0 {
		last := parts[sectionResult][n-1]
		if t.Result, err = number(strings.TrimSpace(last.text), 64); err != nil {
			return nil, syntax(last.at, "result: %v", err)
		}
		t.HasResult = true
	}
	if n := len(parts[sectionError]); n > 0 {
		t.Error = strings.TrimSpace(parts[sectionError][n-1].text)
	}
	if !t.HasResult && t.Error == "" {
		return nil, fmt.Errorf("%w: neither a result nor an error is expected", ErrSkip)
	}
	for _, l := range parts[sectionMem] {
		for _, f := range strings.Fields(l.text) {
			v, err := strconv.ParseUint(strings.TrimPrefix(f, "0x"), 16, 8)
			if err != nil {
				return nil, syntax(l.at, "mem: %q is not a byte in hex", f)
			}
			t.Mem = append(t.Mem, byte(v))
		}
	}
	if len(t.Mem) > maxMemory {
		return nil, fmt.Errorf("%w: memory of %d bytes, more than %d", ErrSkip, len(t.Mem), maxMemory)
	}
	if parts[sectionRaw] != nil {
		t.Code, err = rawCode(parts[sectionRaw])
		return t, err
	}
	insns, err := assemble(parts[sectionAsm])
	if err != nil {
		return nil, err
	}
	t.Code, err = isa.Encode(insns)
	return t, err
}

// rawCode reads 64-bit words, each an instruction.
func rawCode(lines []line) ([]byte, error) {
	var code []byte
	for _, l := range lines {
		for _, f := range strings.Fields(l.text) {
			v, err := unsigned(f)
			if err != nil {
				return nil, syntax(l.at, "raw: %v", err)
			}
			for range 8 {
				code = append(code, byte(v))
				v >>= 8
			}
		}
	}
	return code, nil
}

// unsigned reads a number of 64 bits, hex if it has 0x in front.
func unsigned(s string) (uint64, error) {
	base, digits := 10, s
	if hex, ok := cutHex(s); ok {
		base, digits = 16, hex
	}
	v, err := strconv.ParseUint(digits, base, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number of 64 bits", s)
	}
	return v, nil
}

func cutHex(s string) (string, bool) {
	if len(s) > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X') {
		return s[2:], true
	}
	return s, false
}
