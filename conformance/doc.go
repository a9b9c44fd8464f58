// Package conformance holds gbpf's behaviour against other judges: recorded and live
// verdicts of the Linux kernel.
//
// The verifier's part:
//
//	go test ./conformance -run 'Verdict|AgainstKernel' -v   # verdicts about real objects, the oracle, and generated programs
//	go test ./conformance -run TestCorpusVerdicts -v -objects 'dir/*.o'   # about more objects
//	go test ./conformance -run TestVerifierSpeed -v -speed  # both verifiers' speed and memory, side by side
//	go test ./conformance -update                           # record what the live kernel says
//
// Package suite has cases for every instruction, package data reads the public suite's format, package runner runs
// both in every engine, on both architectures and in the live kernel. What gbpf claims to pass is in claims.json:
//
//	go test ./conformance/runner -v                     # the claims of this architecture, the live kernel
//	go test ./conformance/runner -run TestClaims -update   # write claims.json and README's table anew
package conformance

//go:generate sh ../testdata/progs/build.sh
//go:generate sh ../testdata/mistakes/build.sh
//go:generate sh ../testdata/objects/build.sh
