//go:build amd64

package jit

import (
	"github.com/gbpf/gbpf/internal/cpu"
	"github.com/gbpf/gbpf/jit/internal/amd64"
	"github.com/gbpf/gbpf/jit/internal/ir"
)

// enter runs the code at an address until it leaves.
//
//go:noescape
func enter(code uintptr, st *ir.State)

// Arch is the architecture that code is made for, "" for none.
const Arch = "amd64"

func expand(l *ir.List) (*ir.Native, error) {
	return amd64.Expand(l, amd64.Features{BMI2: cpu.Host.BMI2, MOVBE: cpu.Host.MOVBE})
}
