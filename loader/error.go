package loader

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/gbpf/gbpf/verifier"
)

var (
	// ErrUnsupported says that gbpf does not run such a program type, or does not
	// have such a map type. See [Options.SkipUnsupported].
	ErrUnsupported = errors.New("not supported")
	// ErrNoPrograms says that an object holds nothing that could run.
	ErrNoPrograms = errors.New("no programs")
	// ErrNotFound says that the object has no program or map of a name.
	ErrNotFound = errors.New("not found")
)

// Error is an object that cannot be loaded: the one subject at fault and why.
type Error struct {
	Op      string // "load object", when the ELF file is at fault, or "load"
	File    string // the object's path, "" for an object without one
	Program string // the program at fault, "" for none
	Map     string // the map or data section at fault, "" for none
	Insn    int    // the instruction at fault, as the kernel counts, or -1
	Line    string // its C source as "file:line: text", where the object has it
	Reason  string
	Err     error // the cause, nil for none; its text is part of the reason
}

// Error is one line that stands alone.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.File != "" {
		b.WriteString(": " + e.File)
	}
	if e.Program != "" {
		b.WriteString(": program " + e.Program)
	}
	return oneLine(b.String()) + ": " + e.detail()
}

// Format prints the error's line, and for %+v what the verifier reports below it, if it was the verifier that
// refused a program.
func (e *Error) Format(s fmt.State, verb rune) {
	text := e.Error()
	var ve *verifier.Error
	switch {
	case verb == 'q':
		text = strconv.Quote(text)
	case verb == 'v' && s.Flag('+') && errors.As(e.Err, &ve):
		if _, report, ok := strings.Cut(fmt.Sprintf("%+v", ve), "\n"); ok {
			text += "\n" + report
		}
	}
	io.WriteString(s, text)
}

// detail is the error without the operation, the file and the program.
func (e *Error) detail() string {
	var b strings.Builder
	if e.Map != "" {
		b.WriteString("map " + oneLine(e.Map) + ": ")
	}
	if e.Insn >= 0 {
		fmt.Fprintf(&b, "insn %d: ", e.Insn)
	}
	b.WriteString(oneLine(e.Reason))
	if e.Line != "" {
		b.WriteString(" (" + oneLine(e.Line) + ")")
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// oneLine keeps names and messages that come from a hostile object printable and
// on one line.
func oneLine(s string) string {
	const limit = 400
	s = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		if r < ' ' || r == 0x7f || r == '\uFFFD' {
			return '?'
		}
		return r
	}, s)
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "") + "..."
	}
	return s
}

// objectError is an error about the ELF file as a whole.
func objectError(format string, args ...any) *Error {
	return wrapped(&Error{Op: "load object", Insn: -1}, format, args...)
}

// programError is an error about a program of the object.
func programError(program, format string, args ...any) *Error {
	return wrapped(&Error{Op: "load", Program: program, Insn: -1}, format, args...)
}

// mapError is an error about a map of the object.
func mapError(name, format string, args ...any) *Error {
	return wrapped(&Error{Op: "load", Map: name, Insn: -1}, format, args...)
}

// loadError is an error about none of them.
func loadError(format string, args ...any) *Error {
	return wrapped(&Error{Op: "load", Insn: -1}, format, args...)
}

func wrapped(e *Error, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	e.Reason, e.Err = err.Error(), errors.Unwrap(err)
	return e
}
