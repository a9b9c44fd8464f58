// Package jit turns verified programs into machine code.
//
// A program is lowered to the macro ops of package ir, optimised, checked, and expanded by a backend:
// amd64 or arm64. The check is the sandbox's own: whatever the verifier and the optimiser believed, a
// list with a memory access that is not confined to the window is refused.
//
// Generated code is a leaf that holds no Go pointers and calls no Go. It runs until the program is
// done, its slice of fuel is used up, or it needs something of the host, and leaves with a number
// that says which: see [Code.Exit]. The host serves it and resumes.
package jit
