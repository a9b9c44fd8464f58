package helpers_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "record what the live kernel says")

const recorded = "testdata/kernel.json.gz"

// TestKernel compares every script's outcome with the live kernel's, or, where there is none to
// ask, with what one said when the test was recorded.
func TestKernel(t *testing.T) {
	live := kernelAvailable() == nil
	said := map[string]*outcome{}
	if !live {
		if err := readRecorded(&said); err != nil {
			t.Skipf("no kernel to ask and nothing recorded: %v", err)
		}
	}
	calls, missing := 0, 0
	now := map[string]*outcome{}
	names := map[string]int{}
	for i, s := range scripts() {
		if testing.Short() && i%15 != 0 {
			continue // a slice: emulators keep what they note of each window
		}
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
		if err := record(now); err != nil {
			t.Fatal(err)
		}
	}
}

func readRecorded(into any) error {
	f, err := os.Open(recorded)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	return json.NewDecoder(z).Decode(into)
}

func record(what any) error {
	if err := os.MkdirAll(filepath.Dir(recorded), 0o755); err != nil {
		return err
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if err := json.NewEncoder(z).Encode(what); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(recorded, b.Bytes(), 0o644)
}
