// Package conformance holds gbpf's behaviour against other judges: recorded and live
// verdicts of the Linux kernel.
package conformance

//go:generate sh ../testdata/progs/build.sh
//go:generate sh ../testdata/mistakes/build.sh
