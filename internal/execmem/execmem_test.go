package execmem

import (
	"bytes"
	"runtime"
	"strings"
	"testing"
	"unsafe"
)

func TestNew(t *testing.T) {
	if err := Probe(); err != nil {
		t.Skipf("no executable memory here: %v", err)
	}
	want := bytes.Repeat([]byte{0xc3, 1, 2}, 3000)
	c, err := New(want)
	if err != nil {
		t.Fatal(err)
	}
	if c.Size() < len(want) || c.Size()%4096 != 0 {
		t.Errorf("%d bytes of code take %d", len(want), c.Size())
	}
	if got := unsafe.Slice((*byte)(*(*unsafe.Pointer)(unsafe.Pointer(new(c.Addr())))), len(want)); !bytes.Equal(got, want) {
		t.Error("the mapping does not hold the code")
	}
	runtime.KeepAlive(c)
	if _, err := New(nil); err == nil || !strings.Contains(err.Error(), "no code") {
		t.Errorf("no code: %v", err)
	}
}
