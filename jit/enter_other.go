//go:build !amd64 && !arm64

package jit

import (
	"errors"

	"github.com/gbpf/gbpf/jit/internal/ir"
)

func enter(uintptr, *ir.State) {}

// Arch is the architecture that code is made for, "" for none.
const Arch = ""

func expand(*ir.List) (*ir.Native, error) {
	return nil, errors.New("no machine code is made for this architecture")
}
