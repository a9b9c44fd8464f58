package jit

import (
	"fmt"
	"testing"
	"unsafe"

	"github.com/gbpf/gbpf/internal/hostclock"
	"github.com/gbpf/gbpf/maps"
)

// TestWindowPlace compiles nothing for a window that is not where machine code takes it to be.
func TestWindowPlace(t *testing.T) {
	c := checkCases(t, 1<<32-1)[0]
	for _, tt := range []struct {
		base uint64
		ok   bool
	}{
		{0, true}, {0x7f5500000000, true}, {0x7f5500001000, false}, {0x7f5580000000, false},
	} {
		cfg := *c.cfg
		cfg.Base = tt.base
		_, err := Assemble(c.proof, cfg, "amd64")
		if (err == nil) != tt.ok {
			t.Errorf("a window at %#x: %v", tt.base, err)
		}
		if want := fmt.Sprintf("assemble: the window is at %#x: machine code needs one at a multiple of 0x100000000", tt.base); err != nil && err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

// TestLayouts holds the offsets that both backends have of what the host lays out for machine code.
func TestLayouts(t *testing.T) {
	for _, tt := range []struct {
		name      string
		got, want uintptr
	}{
		{"TailTarget.Code", unsafe.Offsetof(maps.TailTarget{}.Code), 0},
		{"TailTarget.ID", unsafe.Offsetof(maps.TailTarget{}.ID), 8},
		{"TailTarget.Class", unsafe.Offsetof(maps.TailTarget{}.Class), 12},
		{"RingHead.Prod", unsafe.Offsetof(maps.RingHead{}.Prod), 0},
		{"RingHead.Cons", unsafe.Offsetof(maps.RingHead{}.Cons), 64},
		{"RingHead.Waiting", unsafe.Offsetof(maps.RingHead{}.Waiting), 72},
		{"the headers of records", maps.RingHeaders, 128},
		{"Line.Ticks", unsafe.Offsetof(hostclock.Line{}.Ticks), 0},
		{"Line.Start", unsafe.Offsetof(hostclock.Line{}.Start), 8},
		{"Line.Rate", unsafe.Offsetof(hostclock.Line{}.Rate), 16},
		{"Line.Valid", unsafe.Offsetof(hostclock.Line{}.Valid), 24},
	} {
		if tt.got != tt.want {
			t.Errorf("%s is at %d, machine code looks at %d", tt.name, tt.got, tt.want)
		}
	}
}
