package kernel

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// verdictOf takes a verifier log apart.
func verdictOf(log string) *Verdict {
	v := &Verdict{Log: log}
	lines := strings.Split(strings.TrimRight(log, "\n"), "\n")
	for len(lines) > 0 {
		last := lines[len(lines)-1]
		if words := strings.Fields(last); strings.HasPrefix(last, "processed ") {
			v.Processed = numberAfter(words, "processed")
			v.States, v.PeakStates = numberAfter(words, "total_states"), numberAfter(words, "peak_states")
		} else if strings.HasPrefix(last, "verification time ") {
			v.VerifyTime = time.Duration(numberAfter(words, "time")) * time.Microsecond
		} else if !strings.HasPrefix(last, "stack depth ") {
			v.LastLine = last
			break
		}
		lines = lines[:len(lines)-1]
	}
	return v
}

// numberAfter is the number that follows a word, 0 for none.
func numberAfter(words []string, word string) int {
	if i := slices.Index(words, word); i >= 0 && i+1 < len(words) {
		n, _ := strconv.Atoi(words[i+1])
		return n
	}
	return 0
}
