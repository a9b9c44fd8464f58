package hostmem

import "testing"

func TestBlock(t *testing.T) {
	b, err := New(100_000)
	if err != nil {
		t.Fatal(err)
	}
	m := b.Bytes()
	if len(m) < 100_000 {
		t.Fatalf("%d bytes", len(m))
	}
	for i := range m {
		if m[i] != 0 {
			t.Fatalf("byte %d is not zero", i)
		}
		m[i] = 1
	}
	b.Free()
	b.Free()
	if _, err := New(1 << 50); err == nil {
		t.Error("a petabyte was given")
	}
}
