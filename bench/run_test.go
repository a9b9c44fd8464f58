package bench

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestRun measures a little of everything that this machine has: results agree, each program has times of each engine or the
// reason why not, and each section has figures. How long it took is nobody's concern.
func TestRun(t *testing.T) {
	filter := "^(fnv|map_array|entry)$"
	if testing.Short() {
		filter = "^fnv$"
	}
	r, err := Run(Config{Filter: regexp.MustCompile(filter), Placements: 1, Quick: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range r.Programs {
		if p.Void != "" {
			t.Errorf("%s is void: %s", p.Name, p.Void)
		}
		for _, e := range r.Engines {
			s, missing := p.Samples[e], p.Missing[e]
			if (s == nil) == (missing == "") {
				t.Errorf("%s in %s: times %v, missing %q", p.Name, e, s, missing)
			}
			if s != nil && !(s.Value() > 0) {
				t.Errorf("%s in %s takes %v ns", p.Name, e, s.Value())
			}
		}
	}
	for _, s := range r.Sections {
		if len(s.Rows) == 0 {
			t.Errorf("section %s is empty", s.ID)
		}
		for _, row := range s.Rows {
			if len(row.Cells) != len(s.Columns) {
				t.Errorf("section %s: %s has %d cells for %d columns", s.ID, row.Name, len(row.Cells), len(s.Columns))
			}
			for _, c := range row.Cells {
				if c.Value == nil && c.Absent == "" || c.Value != nil && !(*c.Value > 0) {
					t.Errorf("section %s: %s has the cell %+v", s.ID, row.Name, c)
				}
			}
		}
	}
	if len(r.Programs) == 0 || len(r.Engines)+len(r.Absent) != 6 {
		t.Errorf("%d programs, engines %v, absent %v", len(r.Programs), r.Engines, r.Absent)
	}
	t.Logf("%d programs in %v; absent: %v; %d sections", len(r.Programs), r.Engines, r.Absent, len(r.Sections))
}

// fixed is a runner with one answer.
type fixed struct {
	ret  uint32
	data string
	err  error
}

func (f fixed) first() (uint32, []byte, error)   { return f.ret, []byte(f.data), f.err }
func (f fixed) run(n int) (time.Duration, error) { return time.Duration(n), f.err }

// TestWrongResultsVoidARow has engines that differ from native code.
func TestWrongResultsVoidARow(t *testing.T) {
	at := func(f ...fixed) (cs []*contestant) {
		for _, x := range f {
			cs = append(cs, &contestant{runner: x})
		}
		return cs
	}
	right := fixed{7, "packet", nil}
	for _, c := range []struct {
		name  string
		ready map[string][]*contestant
		void  string
	}{
		{"all agree", map[string][]*contestant{EngineNative: at(right, right), EngineJIT: at(right), EngineKernel: at(right)}, ""},
		{"another number", map[string][]*contestant{EngineNative: at(right), EngineJIT: at(fixed{8, "packet", nil})}, "jit returns 0x8, native 0x7"},
		{"at the second placement", map[string][]*contestant{EngineNative: at(right), EngineJIT: at(right, fixed{7, "pocket", nil})}, "jit leaves another packet than native"},
		{"without native code", map[string][]*contestant{EngineInterp: at(right), EngineKernel: at(fixed{9, "packet", nil})}, "kernel returns 0x9, interp 0x7"},
	} {
		var res Result
		if err := judge(&res, c.ready); err != nil || res.Void != c.void {
			t.Errorf("%s: void %q, %v: want %q", c.name, res.Void, err, c.void)
		}
	}
	var res Result
	err := judge(&res, map[string][]*contestant{EngineJIT: at(fixed{err: errors.New("it was stopped")})})
	if err == nil || !strings.Contains(err.Error(), "jit: it was stopped") {
		t.Errorf("a run that fails: %v", err)
	}
}
