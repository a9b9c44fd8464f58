package conformance

import "regexp"

// ListedDifference is a class of differences that is no fault of gbpf's verifier.
type ListedDifference struct {
	Difference Difference
	Kernel     *regexp.Regexp // of the kernel's reason, for acceptances
	Gbpf       *regexp.Regexp // of gbpf's reason, for rejections
	Why        string
}

// kernelLimit is what the kernel says when its walk gets too long, kernelSlip when it cannot compile what
// it has verified.
var (
	kernelLimit = regexp.MustCompile(`BPF program is too large|The sequence of \w+ jumps is too complex|verifier bug: No program to jit`)
	kernelSlip  = regexp.MustCompile(`verifier bug: No program to jit`)
)

// listedDifferences holds the differences that are looked at and left as they are.
var listedDifferences = []ListedDifference{
	{UnsafeAcceptance, kernelSlip, nil,
		"the kernel stumbles, behind its verifier, over the address of a function that no path calls"},
	{UnsafeAcceptance, kernelLimit, nil,
		"a limit of the kernel's walk, no matter of safety: gbpf merges or prunes more"},
	{FalseRejection, nil, regexp.MustCompile(`^structure: decode: .*reserved field`),
		"a field that RFC 9669 reserves is set, and the kernel does not look"},
	{FalseRejection, nil, regexp.MustCompile(`^null: R# of bpf_csum_diff may be NULL`),
		"the kernel lets a pointer that may be NULL go with a size that is not 0"},
	{FalseRejection, nil, regexp.MustCompile(`^type: atomic access through R#, which is a packet pointer`),
		"the kernel looks at the pointer of an ordered load when the load has replaced it"},
	{FalseRejection, nil, regexp.MustCompile(`^context: load of N bytes at offset N, before the context`),
		"the kernel compares a negative offset into a tracepoint's context as a large one"},
	{FalseRejection, nil, regexp.MustCompile(`^bounds: R# of bpf_ringbuf_reserve, the size, is N`),
		"the kernel takes a record of 2^32 bytes or more, which no ring buffer has, for a small one"},
	{FalseRejection, nil, regexp.MustCompile(`^loop: `),
		"the kernel takes a loop without end around a helper that calls back for the helper's own"},
	{FalseRejection, nil, regexp.MustCompile(`^unsupported: a load from the kernel's struct bpf_map`),
		"the campaign gives gbpf no types of the kernel"},
}

// listedDifference says why a class is no fault, "" if it is one.
func listedDifference(c *VerdictClass) string {
	for i := range listedDifferences {
		l := &listedDifferences[i]
		if l.Difference != c.Difference {
			continue
		}
		if l.Kernel != nil && l.Kernel.MatchString(c.Kernel) || l.Gbpf != nil && l.Gbpf.MatchString(c.Gbpf) {
			return l.Why
		}
	}
	return ""
}
