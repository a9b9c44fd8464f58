//go:build unix

package guest

import (
	"testing"
	"unsafe"
)

// TestSmallWindow covers the fallback of hosts that do not give 4 GiB.
func TestSmallWindow(t *testing.T) {
	w, err := reserveSmall(MinLimit)
	if err != nil {
		t.Fatal(err)
	}
	m := &Memory{limit: MinLimit, win: w, base: unsafe.Pointer(&w.mapping[w.origin])}
	defer m.Close()
	if m.Full() || m.Mask() != MinLimit-1 {
		t.Fatalf("full %v, mask %#x", m.Full(), m.Mask())
	}
	for _, a := range []uint32{0, 1<<32 - 1, MinLimit - 1, 0xdeadbeef} {
		*(*uint64)(unsafe.Add(m.Base(), uintptr(a&m.Mask()))) = 1
	}
}
