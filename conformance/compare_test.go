package conformance

import (
	"bytes"
	"fmt"
)

// tally counts comparisons over all objects.
type tally struct{ runs, maps, events, differ int }

func (c *tally) add(o tally) {
	c.runs += o.runs
	c.maps += o.maps
	c.events += o.events
	c.differ += o.differ
}

func (c tally) String() string {
	return fmt.Sprintf("%d runs, %d map elements and %d event records compared, %d differ", c.runs, c.maps, c.events, c.differ)
}

// compare reports where two outcomes of a scenario differ.
func compare(want, got *outcome, report func(string)) tally {
	var c tally
	differ := func(format string, args ...any) {
		c.differ++
		report(want.Name + ": " + fmt.Sprintf(format, args...))
	}
	if len(want.Runs) != len(got.Runs) {
		differ("%d runs, want %d", len(got.Runs), len(want.Runs))
	}
	for i, w := range want.Runs[:min(len(want.Runs), len(got.Runs))] {
		g := got.Runs[i]
		c.runs++
		if w.Prog != g.Prog || w.Input != g.Input {
			differ("run %d is of %s on %q, want %s on %q", i, g.Prog, g.Input, w.Prog, w.Input)
		} else if w.Retval != g.Retval || (w.Refuse == "") != (g.Refuse == "") || !bytes.Equal(w.Data, g.Data) || !bytes.Equal(w.Ctx, g.Ctx) {
			differ("%s on %q:\n\tgot  %s\n\twant %s", w.Prog, w.Input, g, w)
		}
	}
	for name, w := range want.Maps {
		g, ok := got.Maps[name]
		if !ok {
			differ("map %s is missing", name)
			continue
		}
		c.maps += compareMap(name, w, g, differ)
	}
	for name := range got.Maps {
		if _, ok := want.Maps[name]; !ok {
			differ("map %s was not expected", name)
		}
	}
	for name, w := range want.Events {
		g := got.Events[name]
		if len(w) != len(g) {
			differ("%s has %d records, want %d", name, len(g), len(w))
		}
		for i := range min(len(w), len(g)) {
			c.events++
			if !bytes.Equal(w[i], g[i]) {
				differ("%s: record %d:\n\tgot  %x\n\twant %x", name, i, g[i], w[i])
			}
		}
	}
	return c
}

// compareMap compares elements sorted by key.
func compareMap(name string, want, got []mapElem, differ func(string, ...any)) (n int) {
	for i, j := 0, 0; i < len(want) || j < len(got); {
		order := 0
		switch {
		case i == len(want):
			order = 1
		case j == len(got):
			order = -1
		default:
			order = bytes.Compare(want[i].Key, got[j].Key)
		}
		n++
		if order < 0 {
			differ("map %s: no element %x, want %x", name, want[i].Key, want[i].Values)
			i++
			continue
		}
		if order > 0 {
			differ("map %s: element %x = %x was not expected", name, got[j].Key, got[j].Values)
			j++
			continue
		}
		w, g := want[i].Values, got[j].Values
		for k := range min(len(w), len(g)) {
			if !bytes.Equal(w[k], g[k]) {
				differ("map %s: element %x:\n\tgot  %x\n\twant %x", name, want[i].Key, g, w)
				break
			}
		}
		i++
		j++
	}
	return n
}
