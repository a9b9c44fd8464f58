package guest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// TestSpaceGivenBack makes and closes windows: nothing of what was reserved to find a place stays. An emulator takes some for itself.
func TestSpaceGivenBack(t *testing.T) {
	size := func() (pages uint64) {
		b, err := os.ReadFile("/proc/self/statm")
		if err != nil {
			t.Skip(err)
		}
		fmt.Sscan(string(b), &pages)
		return pages * uint64(os.Getpagesize())
	}
	before := size()
	m := newMemory(t, MinLimit)
	if grew := size() - before; m.Full() && grew > Align+Align/2 {
		t.Errorf("a window takes %d bytes of address space", grew)
	}
	m.Close()
	n := 20
	if testing.Short() { // emulators are slow
		n = 6
	}
	for range n {
		m := newMemory(t, MinLimit)
		m.Close()
	}
	if after := size(); after > before+4*Align {
		t.Errorf("%d bytes of address space before, %d after", before, after)
	}
}

// TestLimitedSpace makes a window in a process that may not have 4 GiB: a small one, at a place for machine code all the same.
func TestLimitedSpace(t *testing.T) {
	const name = "GBPF_TEST_LIMITED"
	if os.Getenv(name) == "" {
		c := exec.Command(os.Args[0], "-test.run=^TestLimitedSpace$", "-test.v")
		c.Env = append(os.Environ(), name+"=1")
		out, err := c.CombinedOutput()
		if errors.Is(err, unix.ENOEXEC) { // under an emulator
			t.Skip(err)
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if bytes.Contains(out, []byte("--- SKIP")) {
			t.Skipf("%s", out)
		}
		return
	}
	var size uint64
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip(err)
	}
	fmt.Sscan(string(b), &size)
	size *= uint64(os.Getpagesize())
	if err := unix.Setrlimit(unix.RLIMIT_AS, &unix.Rlimit{Cur: size + 1<<30, Max: size + 1<<30}); err != nil {
		t.Skip(err)
	}
	if _, err := trimmedSpace(edge + MinLimit + edge); err == nil {
		t.Skip("the limit on address space does not hold here")
	}
	m := newMemory(t, MinLimit)
	if at := uint64(uintptr(m.Base())); m.Full() || at%Align != 0 {
		t.Errorf("full %v, at %#x", m.Full(), at)
	}
}
