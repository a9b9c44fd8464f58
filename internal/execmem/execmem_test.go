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

// TestRegions makes code of many sizes and drops most of it: what is kept stays as it is, in places of its own.
func TestRegions(t *testing.T) {
	if err := Probe(); err != nil {
		t.Skipf("no executable memory here: %v", err)
	}
	bytesOf := func(c *Code) []byte {
		return unsafe.Slice((*byte)(*(*unsafe.Pointer)(unsafe.Pointer(new(c.Addr())))), c.Size())
	}
	kept := map[byte]*Code{}
	for i := range 200 {
		n := 1 + i*i%(2*regionSize)
		c, err := New(bytes.Repeat([]byte{byte(i)}, n))
		if err != nil {
			t.Fatal(err)
		}
		if c.Size() < n || c.Size() > n+1<<16 {
			t.Errorf("%d bytes of code take %d", n, c.Size())
		}
		if i%7 == 0 {
			kept[byte(i)] = c
		}
		if i%20 == 0 {
			runtime.GC()
		}
	}
	runtime.GC()
	for i, c := range kept {
		mem := bytesOf(c)
		n := 1 + int(i)*int(i)%(2*regionSize)
		if !bytes.Equal(mem[:n], bytes.Repeat([]byte{i}, n)) || len(bytes.Trim(mem[n:], "\x00")) > 0 {
			t.Errorf("code %d has changed", i)
		}
		for k, other := range kept {
			if k != i && other.Addr() < c.Addr()+uintptr(c.Size()) && c.Addr() < other.Addr()+uintptr(other.Size()) {
				t.Errorf("codes %d and %d overlap", i, k)
			}
		}
	}
	runtime.KeepAlive(kept)
}
