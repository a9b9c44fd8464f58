package jit

import (
	"fmt"

	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/jit/internal/amd64"
	"github.com/gbpf/gbpf/jit/internal/arm64"
	"github.com/gbpf/gbpf/jit/internal/ir"
	"github.com/gbpf/gbpf/verifier"
)

// Native is machine code that is not in executable memory.
type Native = ir.Native

// Archs are the architectures that code is made for, by Go's names.
var Archs = []string{"amd64", "arm64"}

// Assemble makes machine code of a verified program for an architecture, on any host: for dumps and
// tests. For the host's own it is what Compile makes; for another, what it would make there on
// a processor that has every feature that the backend uses.
func Assemble(proof *verifier.Proof, cfg Config, arch string) (*Native, error) {
	cfg.work = workspaces.Get().(*workspace)
	defer cfg.work.release()
	l, err := build(proof, &cfg)
	if err != nil {
		return nil, fmt.Errorf("assemble: %w", err)
	}
	var n *Native
	switch {
	case arch == Arch:
		n, err = expand(l)
	case arch == "amd64":
		n, err = amd64.Expand(l, amd64.Features{BMI2: true, MOVBE: true})
	case arch == "arm64":
		n, err = arm64.Expand(l, arm64.Features{LSE: true})
	default:
		err = fmt.Errorf("no machine code is made for %q: want %v", arch, Archs)
	}
	if err != nil {
		return nil, fmt.Errorf("assemble: %w", err)
	}
	return n, nil
}

// OneToOne is how many instructions of arm64 a translation of insns takes that handles each by itself, as the kernel's JIT
// does: a measure to hold [Assemble]'s count against.
func OneToOne(insns []isa.Insn) int { return arm64.OneToOne(insns) }
