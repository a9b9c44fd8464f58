package verifier

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Format prints the error: %s and %v its one line, %+v the report, which ends without a
// line break.
func (e *Error) Format(f fmt.State, verb rune) {
	switch {
	case verb == 'v' && f.Flag('+'):
		io.WriteString(f, e.report())
	case verb == 'q':
		io.WriteString(f, strconv.Quote(e.Error()))
	default:
		io.WriteString(f, e.Error())
	}
}

// report is the error with everything that helps to find the mistake.
func (e *Error) report() string {
	var b strings.Builder
	b.WriteString(e.Error())
	if len(e.Source) > 0 {
		b.WriteString("\n")
		for _, l := range e.Source {
			b.WriteString("\n  " + l)
		}
	}
	if e.Disasm != "" || len(e.Calls) > 0 {
		b.WriteString("\n")
	}
	if e.Disasm != "" {
		fmt.Fprintf(&b, "\n  insn %d: %s", e.Insn, e.Disasm)
		for _, r := range e.Regs {
			fmt.Fprintf(&b, "\n    %s=%s", r.Name, r.Value)
		}
	}
	for i := len(e.Calls) - 1; i >= 0; i-- {
		b.WriteString("\n  called at " + e.Calls[i])
	}
	if len(e.Path) > 0 {
		b.WriteString("\n\n  path:")
		for _, l := range pathLines(e.Path) {
			b.WriteString("\n    " + l)
		}
	}
	if e.Cause != "" || e.Suggestion != "" {
		b.WriteString("\n")
	}
	for _, p := range []struct{ label, text string }{{"cause: ", e.Cause}, {"suggestion: ", e.Suggestion}} {
		if p.text != "" {
			b.WriteString("\n" + wrap(p.label+p.text, "  ", "    "))
		}
	}
	return b.String()
}

// maxPath is how many branches of a path a report shows.
const maxPath = 8

// pathLines prints the branches of a path, of a long one its end.
func pathLines(path []Branch) []string {
	var lines []string
	if n := len(path) - maxPath; n > 1 {
		lines = append(lines, fmt.Sprintf("... %d more before", n))
		path = path[n:]
	}
	for _, br := range path {
		l := fmt.Sprintf("insn %d: %s", br.Insn, br.Side)
		if br.Side == "" {
			l += sideOf(br.Taken)
		}
		if br.Times > 1 {
			l += fmt.Sprintf(", %d times", br.Times)
		}
		if br.Line != "" {
			l = fmt.Sprintf("%-40s %s", l, br.Line)
		}
		lines = append(lines, l)
	}
	return lines
}

func sideOf(taken bool) string {
	if taken {
		return "jumps"
	}
	return "goes on"
}

const wrapAt = 100 // columns

// wrap breaks a text at blanks. The first line starts with first, the others with rest.
func wrap(text, first, rest string) string {
	var b strings.Builder
	line := first
	for i, word := range strings.Fields(text) {
		switch {
		case i > 0 && len(line)+1+len(word) > wrapAt:
			b.WriteString(line + "\n")
			line = rest + word
		case i > 0:
			line += " " + word
		default:
			line += word
		}
	}
	b.WriteString(line)
	return b.String()
}
