package runner

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// Process is an implementation that is a process per test, as the public suite's runner starts them: memory and
// options are arguments, the program is standard input, R0 in hex is standard output.
type Process struct {
	Path    string
	Options []string
}

// spaced writes bytes as the protocol has them: in hex, with two blanks behind each.
func spaced(b []byte) string {
	var s strings.Builder
	for _, c := range b {
		s.WriteString(hex.EncodeToString([]byte{c}))
		s.WriteString("  ")
	}
	return s.String()
}

// Code runs a program; the error is the message of a run that failed.
func (p *Process) Code(code, mem []byte) (uint64, error) {
	ctx, stop := context.WithTimeout(context.Background(), TestTime)
	defer stop()
	var args []string
	if len(mem) > 0 {
		args = append(args, spaced(mem))
	}
	c := exec.CommandContext(ctx, p.Path, append(args, p.Options...)...)
	c.WaitDelay = time.Second
	c.Stdin = strings.NewReader(spaced(code) + "\n")
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return 0, fmt.Errorf("it did not end within %s", TestTime)
	case errors.As(err, &exit):
		message := strings.Join(strings.Fields(out.String()+" "+errs.String()), " ")
		if message == "" {
			message = err.Error()
		}
		return 0, errors.New(message)
	case err != nil:
		return 0, err
	}
	text := strings.TrimPrefix(strings.TrimSpace(out.String()), "0x")
	r0, err := strconv.ParseUint(text, 16, 64)
	if err != nil {
		return 0, fmt.Errorf("%.40q is no number in hex", text)
	}
	return r0, nil
}

// Process runs tests of the public format in another implementation.
func (r *Report) Process(p *Process, files []*File) {
	for _, f := range files {
		err := f.unread()
		if err == nil {
			r0, runErr := p.Code(f.Test.Code, f.Test.Mem)
			err = check(f.Test, r0, runErr)
		}
		r.add(f.Group, f.Name, Plugin, "", err)
	}
}
