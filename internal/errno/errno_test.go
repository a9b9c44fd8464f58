package errno

import (
	"errors"
	"io/fs"
	"testing"
)

func TestErrno(t *testing.T) {
	for _, c := range []struct {
		e    Errno
		name string
		text string
		r0   int64
	}{
		{ENOENT, "ENOENT", "no such entry (ENOENT)", -2},
		{ENOTSUPP, "ENOTSUPP", "operation is not supported (ENOTSUPP)", -524},
		{Errno(4000), "errno 4000", "errno 4000", -4000},
	} {
		if got := c.e.Name(); got != c.name {
			t.Errorf("Name of %d = %q, want %q", c.e, got, c.name)
		}
		if got := c.e.Error(); got != c.text {
			t.Errorf("Error of %d = %q, want %q", c.e, got, c.text)
		}
		if got := int64(c.e.R0()); got != c.r0 {
			t.Errorf("R0 of %d = %d, want %d", c.e, got, c.r0)
		}
		if got := FromR0(c.r0); got != c.e {
			t.Errorf("FromR0(%d) = %d, want %d", c.r0, got, c.e)
		}
	}
	if got := FromR0(-4096); got != OK {
		t.Errorf("FromR0(-4096) = %v, want 0", got)
	}
	if !errors.Is(ENOENT, fs.ErrNotExist) || errors.Is(ENOENT, fs.ErrExist) || !errors.Is(EEXIST, fs.ErrExist) || !errors.Is(EPERM, fs.ErrPermission) {
		t.Error("errors.Is does not match the fs sentinels")
	}
}
