// Package conformance holds gbpf's behaviour against other judges: recorded and live
// verdicts of the Linux kernel.
//
// The verifier's part:
//
//	go test ./conformance -run 'Verdict|AgainstKernel' -v   # verdicts about real objects, the oracle, and generated programs
//	go test ./conformance -run TestCorpusVerdicts -v -objects 'dir/*.o'   # about more objects
//	go test ./conformance -run TestVerifierSpeed -v -speed  # both verifiers' speed and memory, side by side
//	go test ./conformance -update                           # record what the live kernel says
package conformance

//go:generate sh ../testdata/progs/build.sh
//go:generate sh ../testdata/mistakes/build.sh
//go:generate sh ../testdata/objects/build.sh
