package canary

import (
	"testing"

	"github.com/gbpf/gbpf/internal/guest"
)

func TestCanary(t *testing.T) {
	m, c, err := New(guest.MinLimit, 64<<20)
	if err != nil {
		t.Skip(err)
	}
	defer m.Close()
	defer c.Close()
	t.Logf("%d MiB are watched", c.Reach()>>20)
	if c.Reach() < 120<<20 {
		t.Skip("the system does not lay mappings side by side")
	}
	all, _ := m.Slice(0, m.Limit())
	all[0], all[len(all)-1] = 1, 1
	if err := c.Check(); err != nil {
		t.Errorf("nothing outside was written: %v", err)
	}
	const pad = 1 << 16 // on both sides
	span := int64(m.Mask()) + 1 + pad
	for _, off := range []int64{-pad - 1, -pad - 1<<20, span, span + 1<<20 - 1, -60 << 20, span + 60<<20} {
		c.Touch(off)
		if c.Check() == nil {
			t.Errorf("a write %#x from the base is not seen", off)
		}
		c.Touch(off)
		if err := c.Check(); err != nil {
			t.Fatal(err)
		}
	}
}
