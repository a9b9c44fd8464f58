package hostmem

import (
	"runtime"
	"testing"
)

func TestBlock(t *testing.T) {
	b, err := New(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	mem := b.Bytes()
	if len(mem) != 1<<20 || b.Size() != 1<<20 || b.Base() == nil {
		t.Fatalf("block of %d bytes, want %d", len(mem), 1<<20)
	}
	for i, v := range mem {
		if v != 0 {
			t.Fatalf("byte %d is %d, want 0", i, v)
		}
	}
	mem[0], mem[len(mem)-1] = 1, 2
	runtime.GC()
	if mem[0] != 1 || mem[len(mem)-1] != 2 {
		t.Error("memory lost what was written")
	}
	runtime.KeepAlive(b)
}

func TestBadSize(t *testing.T) {
	for _, n := range []uint64{0, 1 << 50} {
		if _, err := New(n); err == nil {
			t.Errorf("New(%d) gives no error", n)
		}
	}
}
