// Command gbpf-plugin runs one program for the public conformance suite of the BPF instruction set.
//
//	gbpf-plugin [MEMORY] [--interpret | --checked | --jit] [--elf]
//
// MEMORY is what R1 points to and R2 is the length of, as bytes in hex. The program is read from standard input: its
// instructions as bytes in hex, 8 bytes each, little-endian, or with --elf an object file, in the same form. What
// the program returns in R0 goes to standard output in hex; a program that is refused or stopped gives a message on
// standard error and exit status 1. Without an engine's option machine code is used where it can be.
//
// With --interpret, what the verifier proves safe runs in the interpreter's fast mode. All else is not verified, so that
// all of the instruction set can be tried: the sandbox confines it. A program that machine code is not made of, one that writes
// R10, is interpreted with --jit too. Helper 5 is there; it gives back its first argument.
package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/gbpf/gbpf/conformance/runner"
	"github.com/gbpf/gbpf/conformance/suite"
)

// Exit statuses.
const (
	exitFailed = 1 // the program was refused or stopped
	exitUsage  = 2 // the command line or the input is wrong
)

// maxInput bounds what is read.
const maxInput = 64 << 20

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

type options struct {
	engine suite.Engine
	elf    bool
	mem    []byte
}

// run is the whole command; it returns the exit status.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	o, err := parse(args)
	if err != nil {
		fmt.Fprintln(stderr, "gbpf-plugin:", err)
		return exitUsage
	}
	text, err := io.ReadAll(io.LimitReader(stdin, maxInput+1))
	if err == nil && len(text) > maxInput {
		err = errors.New("too long")
	}
	var input []byte
	if err == nil {
		input, err = fromHex(string(text))
	}
	if err != nil {
		fmt.Fprintln(stderr, "gbpf-plugin: standard input:", err)
		return exitUsage
	}
	r0, err := execute(o, input)
	if err != nil {
		fmt.Fprintln(stderr, strings.ReplaceAll(err.Error(), "\n", " "))
		return exitFailed
	}
	fmt.Fprintf(stdout, "%x\n", r0)
	return 0
}

func execute(o *options, input []byte) (uint64, error) {
	m, err := runner.NewMachines(o.engine)
	if err != nil {
		return 0, err
	}
	defer m.Close()
	if o.elf {
		return m.Object(input, o.mem)
	}
	return m.Code(input, o.mem)
}

// parse reads the command line: one argument that is no option is the memory. An unknown option is an error: a test that
// relies on what it means would else be run, and pass or fail, without.
func parse(args []string) (*options, error) {
	o := &options{engine: suite.Interp}
	if runner.Native() == nil {
		o.engine = suite.Sandbox
	}
	given := false // the memory
	for _, a := range args {
		if !strings.HasPrefix(a, "--") {
			if given {
				return nil, fmt.Errorf("%.20q: the memory is one argument", a)
			}
			given = true
			var err error
			if o.mem, err = fromHex(a); err != nil {
				return nil, fmt.Errorf("memory: %w", err)
			}
			continue
		}
		name, value, given := strings.Cut(strings.TrimLeft(a, "-"), "=")
		switch {
		case given && value != "true" && value != "1":
			return nil, fmt.Errorf("%s: want it without a value", a)
		}
		switch name {
		case "interpret":
			o.engine = suite.Interp
		case "jit":
			o.engine = suite.Sandbox
		case "checked":
			o.engine = suite.Checked
		case "elf":
			o.elf = true
		case "debug", "":
		default:
			return nil, fmt.Errorf("%s: no such option: there are --interpret, --jit, --checked and --elf", a)
		}
	}
	return o, nil
}

// fromHex reads bytes in hex, with any blanks between them.
func fromHex(s string) ([]byte, error) {
	var b []byte
	for _, f := range strings.Fields(s) {
		if len(f) == 1 {
			f = "0" + f
		}
		part, err := hex.DecodeString(f)
		if err != nil {
			return nil, fmt.Errorf("%.20q is not bytes in hex", f)
		}
		b = append(b, part...)
	}
	return b, nil
}
