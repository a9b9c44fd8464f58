package runner

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/gbpf/gbpf/conformance/data"
	"github.com/gbpf/gbpf/conformance/suite"
	"github.com/gbpf/gbpf/isa"
)

// File is a test of the public format, with the group that it belongs to.
type File struct {
	Name  string // the path below the folder
	Group suite.Group
	Test  *data.Test // nil if it could not be read
	Err   error      // why not; [data.ErrSkip] is of files that are no tests
}

// unreadable is the group of files that are not understood.
const unreadable suite.Group = "unread"

// Find reads the tests in folders, and in those below. A file may be named too. One that cannot be read is a test that
// fails; the error is of folders that are not there or hold no test at all.
func Find(dirs []string) ([]*File, error) {
	var all []*File
	for _, dir := range dirs {
		n := len(all)
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() || path != dir && filepath.Ext(path) != ".data" {
				return nil
			}
			name, err := filepath.Rel(dir, path)
			if err != nil || name == "." {
				name = filepath.Base(path)
			}
			all = append(all, read(path, filepath.ToSlash(name)))
			return nil
		})
		if err != nil {
			return nil, err
		}
		if len(all) == n {
			return nil, fmt.Errorf("%s: no .data files", dir)
		}
	}
	return all, nil
}

func read(path, name string) *File {
	f := &File{Name: name, Group: unreadable}
	r, err := os.Open(path)
	if err != nil {
		f.Err = err
		return f
	}
	defer r.Close()
	test, err := data.Parse(r)
	var syntax *data.SyntaxError
	switch {
	case errors.As(err, &syntax):
		f.Err = fmt.Errorf("%s:%d: %s", path, syntax.Line, syntax.Reason)
	case err != nil:
		f.Err = fmt.Errorf("%s: %w", path, err)
	default:
		f.Test, f.Group = test, groupOf(test.Code)
	}
	return f
}

// ranks are the groups of the instruction set, the rarest first: a test is counted under the rarest of its
// instructions, which is what an implementation may lack.
var ranks = []suite.Group{suite.CallX, suite.Packet, suite.Linux, suite.Atomic64, suite.Atomic32, suite.DivMul64, suite.DivMul32, suite.Base64, suite.Base32}

func groupOf(code []byte) suite.Group {
	insns, err := isa.Decode(code)
	if err != nil {
		return unreadable
	}
	best := len(ranks) - 1
	for _, in := range insns {
		if r := slices.Index(ranks, suite.Group(in.Op.Info().Group.String())); r >= 0 && r < best {
			best = r
		}
	}
	return ranks[best]
}

// check holds what came of a run against what a test expects. An error is expected by its exact message.
func check(t *data.Test, r0 uint64, err error) error {
	switch {
	case t.Error != "" && err == nil:
		return fmt.Errorf("r0 is %#x, want the error %q", r0, t.Error)
	case t.Error != "" && err.Error() != t.Error:
		return fmt.Errorf("error %q, want %q", err, t.Error)
	case t.Error != "":
		return nil
	case err != nil:
		return err
	case r0 != t.Result:
		return fmt.Errorf("r0 is %#x, want %#x", r0, t.Result)
	}
	return nil
}
