package bench

import (
	"bytes"
	"errors"
	"fmt"
	"time"
)

// The engines. Of native code there are two: as clang -O2 makes it, and without vectors, which none of the others has.
const (
	EngineJIT    = "jit"    // gbpf's machine code
	EngineKernel = "kernel" // the live Linux kernel's
	EngineNative = "native"
	EngineScalar = "native-novec"
	EngineWazero = "wazero" // WebAssembly
	EngineInterp = "interp" // gbpf's interpreter
)

// An engine runs programs.
type engine interface {
	name() string
	// placements makes ready what load needs, n times, so that code lies at n addresses.
	prepare(n int) error
	// load returns a program at one of the placements. An error that is errAbsent says that this engine cannot have it.
	load(p *Program, placement int) (runner, error)
	close()
}

// A runner is a program that an engine has loaded.
type runner interface {
	// first runs the program once on its input and returns what it left.
	first() (ret uint32, data []byte, err error)
	// run runs it n times in a row and returns the CPU time.
	run(n int) (time.Duration, error)
}

// errAbsent is wrapped by errors that say that an engine has no such program.
var errAbsent = errors.New("absent")

func absent(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errAbsent, fmt.Sprintf(format, args...))
}

// newEngine makes an engine by name. The error says why the machine lacks it.
func newEngine(name string) (engine, error) {
	switch name {
	case EngineJIT:
		return newGbpf(name, variant{})
	case EngineInterp:
		return newGbpf(name, variant{interp: true})
	case EngineKernel:
		return newKernel()
	case EngineNative:
		return newNative(name)
	case EngineScalar:
		return newNative(name, "-fno-vectorize", "-fno-slp-vectorize")
	case EngineWazero:
		return newWazero()
	}
	return nil, fmt.Errorf("no such engine: want kernel, native, wazero or interp")
}

// differs says how a result is not that of the engine by, "" if it is.
func differs(by string, want, got uint32, wantData, gotData []byte) string {
	if want != got {
		return fmt.Sprintf("returns %#x, %s %#x", got, by, want)
	}
	if !bytes.Equal(wantData, gotData) {
		return "leaves another packet than " + by
	}
	return ""
}
