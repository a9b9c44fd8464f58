// Package fuzzgen makes BPF programs for tests that compare judges: the live kernel's
// verifier, gbpf's, and what a program does when it runs.
//
// A program is made from a seed and a number, and the same pair always makes the same
// program. There are three levels: bytes of any kind, instructions of the opcode table
// with operands of any kind, and structured programs, which look up maps, parse
// packets, bound indexes, spill, loop and call as programs of people do, about half of
// them with something wrong. Most wrong ones are near misses: a sound program but for one
// bound, one check or one instruction.
//
// Everything here is plain data: who loads a [Program] makes its maps.
package fuzzgen
