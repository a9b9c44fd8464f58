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
	if at := uint64(uintptr(m.Base())); at%Align != 0 {
		t.Errorf("the window is at %#x", at)
	}
	for _, a := range []uint32{0, 1<<32 - 1, MinLimit - 1, 0xdeadbeef} {
		*(*uint64)(unsafe.Add(m.Base(), uintptr(a&m.Mask()))) = 1
	}
	// The pads.
	*(*uint64)(unsafe.Add(m.Base(), -margin)) = 1
	*(*uint64)(unsafe.Add(m.Base(), MinLimit+margin-8)) = 1
}

// TestAlignedSpace finds places for windows in both ways, among others that are in the way.
func TestAlignedSpace(t *testing.T) {
	const n = edge + MinLimit + edge
	for _, tt := range []struct {
		name    string
		reserve func(uint64) ([]byte, error)
	}{
		{"trimmed", trimmedSpace}, {"hinted", hintedSpace},
	} {
		for i := range 8 {
			all, err := tt.reserve(n)
			if err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			defer unmap(all)
			if at := address(all) + edge; at%Align != 0 || len(all) != n || cap(all) != n {
				t.Errorf("%s, place %d: %d bytes for a window at %#x", tt.name, i, len(all), at)
			}
		}
	}
	if all, err := hintedSpace(1 << 62); err == nil {
		unmap(all)
		t.Error("more address space than there is")
	}
}
