package conformance

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/gbpf/gbpf/internal/kernel"
	"github.com/gbpf/gbpf/loader"
)

// ownVerdictsFile records what a live kernel said about the objects of this repository, for
// machines where none may be asked.
const ownVerdictsFile = "testdata/own_verdicts.json"

type ownVerdict struct {
	Accept    bool `json:"accept"`
	Processed int  `json:"processed"`
}

type ownObject struct {
	SHA256   string                `json:"sha256"`
	Programs map[string]ownVerdict `json:"programs"`
}

type ownVerdicts struct {
	Kernel  string               `json:"kernel"`
	Objects map[string]ownObject `json:"objects"`
}

// ownCorpus is the part of the corpus that is committed.
func ownCorpus(t *testing.T) []corpusObject {
	t.Helper()
	var all []corpusObject
	for _, dir := range []struct{ origin, path string }{{"own", progDir}, {"own-large", scaleDir}} {
		paths, err := filepath.Glob(filepath.Join(dir.path, "*.o"))
		if err != nil || len(paths) == 0 {
			t.Fatalf("no objects in %s: %v", dir.path, err)
		}
		for _, path := range paths {
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, corpusObject{dir.origin, filepath.Base(path), raw})
		}
	}
	return all
}

// askAll gets the live kernel's verdicts of all programs.
func askAll(t *testing.T, objects []corpusObject) *ownVerdicts {
	t.Helper()
	v := &ownVerdicts{Kernel: kernel.Release(), Objects: map[string]ownObject{}}
	for _, o := range objects {
		progs, err := corpusProgs(o)
		if err != nil {
			t.Fatalf("%s: %v", o.name, err)
		}
		sum := sha256.Sum256(o.raw)
		rec := ownObject{SHA256: hex.EncodeToString(sum[:]), Programs: map[string]ownVerdict{}}
		for _, p := range progs {
			p.ask()
			if p.kernel == nil {
				t.Fatalf("%v: the kernel cannot say: %s", p, p.silent)
			}
			rec.Programs[p.name] = ownVerdict{p.kernel.Accepted, p.kernel.Processed}
		}
		v.Objects[o.origin+"/"+o.name] = rec
	}
	return v
}

// TestOwnVerdicts compares the verdicts about the repository's own objects with those recorded
// from a live kernel. Where there is one, the recording must still hold.
func TestOwnVerdicts(t *testing.T) {
	objects := ownCorpus(t)
	var recorded ownVerdicts
	raw, err := os.ReadFile(ownVerdictsFile)
	if err == nil {
		err = json.Unmarshal(raw, &recorded)
	}
	if err != nil && !*update {
		t.Fatal(err)
	}
	switch available := kernel.Available(); {
	case *update && available != nil:
		t.Fatalf("cannot record: %v", available)
	case *update:
		recorded = *askAll(t, objects)
		raw, err := json.MarshalIndent(recorded, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(ownVerdictsFile, append(raw, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	case available == nil && minor(recorded.Kernel) == minor(kernel.Release()) && !testing.Short():
		now := askAll(t, objects)
		for name, o := range now.Objects {
			for prog, v := range o.Programs {
				if old := recorded.Objects[name].Programs[prog]; old != v {
					t.Errorf("%s: %s: recorded %+v, now %+v: run go test ./conformance -update", name, prog, old, v)
				}
			}
		}
	}
	list := readExceptions(t, corpusExceptionsFile)
	var all verdicts
	for _, o := range objects {
		rec := recorded.Objects[o.origin+"/"+o.name]
		sum := sha256.Sum256(o.raw)
		if rec.SHA256 != hex.EncodeToString(sum[:]) {
			t.Errorf("%s is not recorded, or in another build: run go test ./conformance -update where bpf(2) is permitted", o.name)
			continue
		}
		progs, err := corpusProgs(o)
		if err != nil {
			t.Fatalf("%s: %v", o.name, err)
		}
		for _, p := range progs {
			specs, err := loader.VerifierSpecs(p.spec, &loader.Options{Programs: []string{p.name}})
			if err != nil {
				t.Errorf("%v: %v", p, err)
				continue
			}
			want := rec.Programs[p.name]
			if text := all.add(p.key(), want.Accept, "as recorded", want.Processed, judge(t, specs[p.name]), list); text != "" {
				t.Errorf("%v: %s\n%s", p, text, listing(specs[p.name]))
			}
		}
	}
	t.Logf("against Linux %s: %v", recorded.Kernel, all.String())
	all.checkCount(t)
}
