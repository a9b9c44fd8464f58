package vm

import (
	"fmt"
	"os"
	"strings"

	"github.com/gbpf/gbpf/jit"
)

// perfMap is the file that names code for Linux perf: lines of start, size, both in hex, and name, as
// tools/perf/Documentation/jit-interface.txt of Linux says. A nil one takes nothing.
type perfMap struct{ f *os.File }

// perfMapName is where perf looks.
func perfMapName() string { return fmt.Sprintf("/tmp/perf-%d.map", os.Getpid()) }

// add names a program's code. perf can do without: an error of the file stays without consequence.
func (m *perfMap) add(name string, code *jit.Code) {
	if m == nil {
		return
	}
	name = strings.Map(func(r rune) rune {
		if r <= ' ' || r == 0x7f {
			return '_'
		}
		return r
	}, name)
	fmt.Fprintf(m.f, "%x %x bpf_prog_%s\n", code.Addr(), code.Size(), name) // one write: lines of several machines stay whole
}

func (m *perfMap) close() {
	if m != nil {
		m.f.Close()
	}
}
