package jit

import "github.com/gbpf/gbpf/jit/internal/ir"

// optimise runs the passes that the options leave on.
func optimise(l *ir.List, cfg *Config) {}
