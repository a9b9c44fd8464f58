// Package bench measures gbpf beside the Linux kernel, native code and WebAssembly on the same small programs.
//
// The programs are C of this repository, see [Programs]: one source becomes an XDP program, a native function and a
// WebAssembly function. [Run] measures and returns a [Report], which prints itself as text, JSON or a page of HTML.
//
// All times are CPU time of the measuring thread. The engines take turns in random order, each with its code at several
// addresses, since the same code at another address may take twice as long. What an engine computes is compared with
// native code's before it is measured.
package bench
