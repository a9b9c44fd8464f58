// Package loader turns BPF objects into programs, maps and variables of a machine.
//
// [LoadSpec] parses an ELF object into the *ebpf.CollectionSpec of
// github.com/cilium/ebpf, which may then be looked at and changed just as before
// loading it into a kernel: programs dropped, map sizes set, variables assigned.
// What libbpf loads but that library does not parse is mended in memory first.
// [New] makes the collection in a machine: maps with their contents, global data,
// .kconfig, CO-RE relocations, subprograms. A spec that the library's own functions
// parsed works as well.
//
// Objects are untrusted bytes. Whatever they hold, loading ends with a collection
// or an [Error] of one line, in bounded time and memory.
package loader
