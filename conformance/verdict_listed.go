package conformance

import (
	"regexp"
	"slices"

	"github.com/gbpf/gbpf/internal/fuzzgen"
	"github.com/gbpf/gbpf/isa"
)

// ListedDifference is a class of differences that is no fault of gbpf's verifier.
type ListedDifference struct {
	Difference Difference
	Kernel     *regexp.Regexp // of the kernel's reason, for acceptances
	Gbpf       *regexp.Regexp // of gbpf's reason, for rejections
	Why        string
	Calls      int32 // a helper that the program must call, 0 for none in particular
}

// kernelLimit is what the kernel says when its walk gets too long, kernelSlip when it cannot compile what
// it has verified.
var (
	kernelLimit = regexp.MustCompile(`BPF program is too large|The sequence of \w+ jumps is too complex|verifier bug: No program to jit`)
	kernelSlip  = regexp.MustCompile(`verifier bug: No program to jit`)
)

// listedDifferences holds the differences that are looked at and left as they are.
var listedDifferences = []ListedDifference{
	{Difference: UnsafeAcceptance, Kernel: kernelSlip,
		Why: "the kernel stumbles, behind its verifier, over the address of a function that no path calls"},
	{Difference: UnsafeAcceptance, Kernel: kernelLimit,
		Why: "a limit of the kernel's walk, no matter of safety: gbpf merges or prunes more"},
	{Difference: UnsafeAcceptance, Kernel: regexp.MustCompile(`^EINVAL (Invalid format string)?$`), Calls: 165,
		Why: "bpf_snprintf looks at its format and the size of its data when it runs, the kernel when it verifies as well"},
	{Difference: UnsafeAcceptance, Kernel: regexp.MustCompile(`^EFAULT verifier bug: `),
		Why: "the kernel's verifier finds itself at fault"},
	{Difference: UnsafeAcceptance, Kernel: regexp.MustCompile(`not allowed in subprogs without BTF$`),
		Why: "the kernel wants types of functions to know that they return a number"},
	{Difference: FalseRejection, Gbpf: regexp.MustCompile(`^bounds: R# of bpf_iter_num_\w+ is an address on the stack at offset N: an iterator of N bytes there does not fit`),
		Why: "the kernel takes an iterator at the top of the frame, beyond its stack, for the one below"},
	{Difference: FalseRejection, Gbpf: regexp.MustCompile(`^structure: decode: .*reserved field`),
		Why: "a field that RFC 9669 reserves is set, and the kernel does not look"},
	{Difference: FalseRejection, Gbpf: regexp.MustCompile(`^null: R# of bpf_csum_diff may be NULL`),
		Why: "the kernel lets a pointer that may be NULL go with a size that is not 0"},
	{Difference: FalseRejection, Gbpf: regexp.MustCompile(`^type: atomic access through R#, which is a packet pointer`),
		Why: "the kernel looks at the pointer of an ordered load when the load has replaced it"},
	{Difference: FalseRejection, Gbpf: regexp.MustCompile(`^context: load of N bytes at offset N, before the context`),
		Why: "the kernel compares a negative offset into a tracepoint's context as a large one"},
	{Difference: FalseRejection, Gbpf: regexp.MustCompile(`^bounds: R# of bpf_ringbuf_reserve, the size, is N`),
		Why: "the kernel takes a record of 2^32 bytes or more, which no ring buffer has, for a small one"},
	{Difference: FalseRejection, Gbpf: regexp.MustCompile(`^loop: `),
		Why: "the kernel takes a loop without end around a helper that calls back for the helper's own"},
	{Difference: FalseRejection, Gbpf: regexp.MustCompile(`^unsupported: a load from the kernel's struct bpf_map`),
		Why: "the campaign gives gbpf no types of the kernel"},
}

// listedDifference says why a class is no fault, "" if it is one.
func listedDifference(c *VerdictClass, p *fuzzgen.Program) string {
	for i := range listedDifferences {
		l := &listedDifferences[i]
		if l.Difference != c.Difference || l.Calls != 0 && !calls(p, l.Calls) {
			continue
		}
		if l.Kernel != nil && l.Kernel.MatchString(c.Kernel) || l.Gbpf != nil && l.Gbpf.MatchString(c.Gbpf) {
			return l.Why
		}
	}
	return ""
}

func calls(p *fuzzgen.Program, helper int32) bool {
	return slices.ContainsFunc(p.Insns, func(in isa.Insn) bool { return in.Op == isa.OpCallHelper && in.ImmLow() == helper })
}
