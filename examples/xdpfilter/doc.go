// Package xdpfilter shows how to unit-test an XDP program with go test: without root, without a
// kernel, on Linux, macOS or Windows.
//
// bpf/filter.c is compiled as for the kernel, and its object is committed beside it. The
// test makes a machine, loads the object, fills the map of blocked ports and gives
// packets to the program, each with the verdict it must get. A test written for
// cilium/ebpf looks the same but for the two lines that load the object: Program.Test and
// the methods of maps mean the same here.
package xdpfilter

import _ "embed"

//go:generate sh ../build.sh

// Object is filter.c, compiled.
//
//go:embed bpf/filter.o
var Object []byte
