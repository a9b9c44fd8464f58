package jit

import (
	"github.com/gbpf/gbpf/internal/cpu"
	"github.com/gbpf/gbpf/jit/internal/arm64"
	"github.com/gbpf/gbpf/jit/internal/ir"
)

// enter runs the code at an address until it leaves.
//
//go:noescape
func enter(code uintptr, st *ir.State)

// Arch is the architecture that code is made for, "" for none.
const Arch = "arm64"

func expand(l *ir.List) (*ir.Native, error) {
	return arm64.Expand(l, arm64.Features{LSE: cpu.Host.LSE})
}
