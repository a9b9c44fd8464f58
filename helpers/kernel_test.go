package helpers_test

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "record what the live kernel says")

const recorded = "testdata/kernel.json"

// TestKernel compares every script's outcome with the live kernel's, or, where there is none to
// ask, with what one said when the test was recorded.
func TestKernel(t *testing.T) {
	live := kernelAvailable() == nil
	said := map[string]*outcome{}
	if !live || *update {
		if b, err := os.ReadFile(recorded); err == nil {
			if err := json.Unmarshal(b, &said); err != nil {
				t.Fatal(err)
			}
		} else if !live {
			t.Skipf("no kernel to ask and nothing recorded: %v", err)
		}
	}
	calls, missing := 0, 0
	now := map[string]*outcome{}
	names := map[string]int{}
	for _, s := range scripts() {
		if now[s.name] != nil {
			t.Fatalf("two scripts are called %q", s.name)
		}
		var want *outcome
		if live {
			var err error
			if want, err = s.runInKernel(); err != nil {
				t.Errorf("kernel: %v", err)
				continue
			}
		} else if want = said[s.name]; want == nil {
			missing++
			continue
		}
		for i, c := range s.calls {
			names[c.name]++
			if p := want.R0[i]; p != 0 && isPointer(c.name) {
				want.R0[i] = 1
			}
		}
		want.trimmed(s)
		now[s.name] = want
		got := s.run(t)
		for i, c := range s.calls {
			if got.R0[i] != 0 && isPointer(c.name) {
				got.R0[i] = 1
			}
		}
		if d := s.diff(got.trimmed(s), want); d != "" {
			t.Errorf("%s:\n%s", s.name, d)
		}
		calls += len(s.calls)
	}
	from := "the live kernel"
	if !live {
		from = "recorded results"
	}
	t.Logf("%d calls of %d helpers in %d scripts compared with %s, %d scripts not recorded", calls, len(names), len(now), from, missing)
	if calls == 0 {
		t.Error("nothing was compared")
	}
	if live && *update {
		maps.Copy(said, now)
		b, err := json.MarshalIndent(now, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(recorded, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
