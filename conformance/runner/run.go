package runner

import (
	"errors"
	"fmt"
	"runtime"
	"slices"

	"github.com/gbpf/gbpf/conformance/data"
	"github.com/gbpf/gbpf/conformance/suite"
)

// Options say which tests run, and in what.
type Options struct {
	// Files are tests in the public format; gbpf's own suite if there are none.
	Files []*File
	// Source says where they are from.
	Source string
	// Engines are what runs them, all of gbpf's if there are none.
	Engines []suite.Engine
	// Kernel asks the live kernel as well.
	Kernel bool
	// Every runs each so-many-th case of gbpf's own suite only; 0 and 1 are for all.
	Every int
}

// Run runs the tests. What cannot be had here, machine code or a kernel, is tests that are skipped, with the reason.
func Run(o *Options) *Report {
	r := &Report{Host: runtime.GOOS + "/" + runtime.GOARCH, Source: o.Source}
	engines := o.Engines
	if len(engines) == 0 && !o.Kernel {
		engines = suite.Engines
	}
	for _, e := range engines {
		if o.Files != nil {
			r.files(e, o.Files)
		} else {
			r.suite(e, o.cases())
		}
	}
	if o.Kernel {
		r.kernel(o)
	}
	return r
}

// cases are the cases of gbpf's own suite that are to run.
func (o *Options) cases() []*suite.Case {
	var all []*suite.Case
	i := 0
	for c := range suite.All() {
		if o.Every <= 1 || i%o.Every == 0 {
			all = append(all, c)
		}
		i++
	}
	return all
}

// add notes what came of a test, nil for nothing wrong.
func (r *Report) add(g suite.Group, test string, e suite.Engine, rfc string, err error) {
	x := Result{Group: g, Test: test, Engine: e, Arch: runtime.GOARCH, Status: Passed}
	var skip *skipError
	switch {
	case errors.As(err, &skip):
		x.Status, x.Reason, x.RFC = Skipped, skip.reason, rfc
	case err != nil:
		x.Status, x.Reason, x.RFC = Failed, err.Error(), rfc
	}
	r.Results = append(r.Results, x)
}

// skipError is of a test that says nothing.
type skipError struct{ reason string }

func (e *skipError) Error() string { return e.reason }

func skip(format string, args ...any) error { return &skipError{fmt.Sprintf(format, args...)} }

// unread is what a file that holds no test counts as.
func (f *File) unread() error {
	if errors.Is(f.Err, data.ErrSkip) {
		return skip("%v", data.ErrSkip)
	}
	return f.Err
}

// files runs tests of the public format.
func (r *Report) files(e suite.Engine, files []*File) {
	m, absent := NewMachines(e)
	if absent == nil {
		defer m.Close()
	}
	for _, f := range files {
		err := f.unread()
		switch {
		case err != nil:
		case absent != nil:
			err = skip("%v", absent)
		default:
			r0, runErr := m.Code(f.Test.Code, f.Test.Mem)
			err = check(f.Test, r0, runErr)
		}
		r.add(f.Group, f.Name, e, "", err)
	}
}

// suite runs gbpf's own cases.
func (r *Report) suite(e suite.Engine, cases []*suite.Case) {
	absent := error(nil)
	if e == suite.JIT || e == suite.Sandbox {
		absent = Native()
	}
	var s *suite.Session
	if absent == nil {
		if s, absent = suite.NewSession(e); absent == nil {
			defer s.Close()
		}
	}
	for _, c := range cases {
		var err error
		if absent != nil {
			err = skip("%v", absent)
		} else {
			var out *suite.Outcome
			switch out, err = s.Run(c); {
			case errors.Is(err, suite.ErrNotHere):
				err = skip("%v", suite.ErrNotHere)
			case err == nil:
				err = c.Check(out)
			}
		}
		r.add(c.Group, c.Name, e, c.RFC, err)
	}
}

// ParseEngine reads the name of an engine, or all.
func ParseEngine(name string) ([]suite.Engine, error) {
	if name == "all" || name == "" {
		return suite.Engines, nil
	}
	if e := suite.Engine(name); slices.Contains(suite.Engines, e) {
		return []suite.Engine{e}, nil
	}
	return nil, fmt.Errorf("engine %q: want interp, checked, jit, sandbox or all", name)
}
