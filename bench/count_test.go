package bench

import (
	"encoding/json"
	"os"
	"testing"
)

// TestInstructionCounts holds the size of machine code, in instructions, against what it was: a figure that no noise reaches.
// Fewer are welcome and need no update; more than a little has to be meant.
func TestInstructionCounts(t *testing.T) {
	const file = "testdata/insns.json"
	now := map[string]map[string]int{}
	m, err := newCounter()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for _, p := range Programs() {
		if !p.Portable() {
			continue // what is done for maps and helpers in machine code makes it longer on purpose
		}
		n, err := nativeInsns(m, p)
		if err != nil {
			t.Fatal(err)
		}
		now[p.Name] = n
	}
	if *update {
		b, err := json.MarshalIndent(now, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var before map[string]map[string]int
	if err := json.Unmarshal(b, &before); err != nil {
		t.Fatal(err)
	}
	for _, arch := range countedArchs {
		sum, was := 0, 0
		for name, n := range now {
			if before[name][arch] == 0 {
				t.Errorf("%s has no count for %s: run with -update", name, arch)
				continue
			}
			sum, was = sum+n[arch], was+before[name][arch]
			// One program may grow by a fifth before anyone has to look.
			if float64(n[arch]) > 1.2*float64(before[name][arch])+8 {
				t.Errorf("%s: %d instructions of %s, %d before: if that is meant, run with -update", name, n[arch], arch, before[name][arch])
			}
		}
		t.Logf("%s: %d instructions, %d when they were last written down", arch, sum, was)
		if float64(sum) > 1.05*float64(was) {
			t.Errorf("%d instructions of %s in all, %d before: if that is meant, run with -update", sum, arch, was)
		}
	}
}
