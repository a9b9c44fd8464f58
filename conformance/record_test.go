package conformance

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gbpf/gbpf/internal/kernel"
)

// recordedDir holds what a live kernel answered, an object a file.
const recordedDir = "../testdata/recorded"

// A recording is everything that one object did in a kernel.
type recording struct {
	Object    string     `json:"object"`
	SHA256    string     `json:"sha256"` // of the object's bytes
	Kernel    string     `json:"kernel"` // release
	Scenarios []*outcome `json:"scenarios"`
}

// An outcome is what a scenario left.
type outcome struct {
	Name   string               `json:"name"`
	Runs   []*runOutcome        `json:"runs"`
	Maps   map[string][]mapElem `json:"maps"`
	Events map[string][][]byte  `json:"events,omitempty"` // records of ring buffers and perf event arrays, in order
}

// A runOutcome is what a run left. Data and Ctx are nil when they are as they went in.
type runOutcome struct {
	Prog   string `json:"p"`
	Input  string `json:"i"`
	Refuse string `json:"e,omitempty"` // errno of a refused run
	Retval uint32 `json:"r"`
	Data   []byte `json:"d,omitempty"`
	Ctx    []byte `json:"c,omitempty"`
}

func (r *runOutcome) String() string {
	return fmt.Sprintf("retval %d (%#x), refused %q, data %x, ctx %x", int32(r.Retval), r.Retval, r.Refuse, r.Data, r.Ctx)
}

// A mapElem is an element; a per-CPU map's has a value for each of the first two CPUs, the one the
// programs ran on first.
type mapElem struct {
	Key    []byte   `json:"k"`
	Values [][]byte `json:"v,omitempty"`
}

func elems(all []kernel.Element) []mapElem {
	out := []mapElem{}
	for _, e := range all {
		out = append(out, mapElem{e.Key, e.Values[:min(2, len(e.Values))]})
	}
	return out
}

func recordedPath(name string) string { return filepath.Join(recordedDir, name+".json.gz") }

// write stores the recording; the same recording gives the same bytes.
func (r *recording) write(path string) error {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(z).Encode(r); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}

func readRecording(path string) (*recording, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	r := &recording{}
	return r, json.NewDecoder(z).Decode(r)
}

// normalise drops what says nothing: output that equals the input.
func normalise(in input, r *runOutcome) {
	if bytes.Equal(r.Data, in.data) {
		r.Data = nil
	}
	if bytes.Equal(r.Ctx, in.ctx) {
		r.Ctx = nil
	}
}
