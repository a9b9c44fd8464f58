package conformance

import "regexp"

// ListedDifference is a class of differences that is no fault of gbpf's verifier.
type ListedDifference struct {
	Difference Difference
	Kernel     *regexp.Regexp // of the kernel's reason, for acceptances
	Gbpf       *regexp.Regexp // of gbpf's reason, for rejections
	Why        string
}

// listedDifferences holds the differences that are looked at and left as they are.
var listedDifferences = []ListedDifference{
	{UnsafeAcceptance, regexp.MustCompile(`BPF program is too large`), nil,
		"a limit of the kernel's walk, no matter of safety: gbpf merges or prunes more"},
	{UnsafeAcceptance, regexp.MustCompile(`The sequence of N jumps is too complex`), nil,
		"a limit of the kernel's walk, no matter of safety"},
}

// listedDifference returns the entry for a class, nil for none.
func listedDifference(c *VerdictClass) *ListedDifference {
	for i := range listedDifferences {
		l := &listedDifferences[i]
		if l.Difference != c.Difference {
			continue
		}
		if l.Kernel != nil && l.Kernel.MatchString(c.Kernel) || l.Gbpf != nil && l.Gbpf.MatchString(c.Gbpf) {
			return l
		}
	}
	return nil
}
