package conformance

import "testing"

// TestCompareFinds checks the judge: each kind of difference is found once.
func TestCompareFinds(t *testing.T) {
	base := func() *outcome {
		return &outcome{
			Name:   "s",
			Runs:   []*runOutcome{{Prog: "p", Input: "a", Retval: 2}, {Prog: "p", Input: "b", Data: []byte{1}}},
			Maps:   map[string][]mapElem{"m": {{Key: []byte{1}, Values: [][]byte{{5}, {6}}}, {Key: []byte{2}, Values: [][]byte{{7}}}}},
			Events: map[string][][]byte{"e": {{1, 2}}},
		}
	}
	tests := []struct {
		name   string
		change func(*outcome)
		want   int
	}{
		{"equal", func(*outcome) {}, 0},
		{"return value", func(o *outcome) { o.Runs[0].Retval = 1 }, 1},
		{"refused", func(o *outcome) { o.Runs[0].Refuse = "EINVAL" }, 1},
		{"output", func(o *outcome) { o.Runs[1].Data = []byte{2} }, 1},
		{"context", func(o *outcome) { o.Runs[1].Ctx = []byte{2} }, 1},
		{"run missing", func(o *outcome) { o.Runs = o.Runs[:1] }, 1},
		{"second CPU's value", func(o *outcome) { o.Maps["m"][0].Values[1] = []byte{0} }, 1},
		{"one CPU only", func(o *outcome) { o.Maps["m"][0].Values = o.Maps["m"][0].Values[:1] }, 0},
		{"element missing", func(o *outcome) { o.Maps["m"] = o.Maps["m"][1:] }, 1},
		{"element too many", func(o *outcome) { o.Maps["m"] = append(o.Maps["m"], mapElem{Key: []byte{3}}) }, 1},
		{"map missing", func(o *outcome) { delete(o.Maps, "m") }, 1},
		{"map too many", func(o *outcome) { o.Maps["n"] = nil }, 1},
		{"record", func(o *outcome) { o.Events["e"][0][1] = 9 }, 1},
		{"record missing", func(o *outcome) { o.Events["e"] = nil }, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := base()
			tt.change(got)
			n := 0
			c := compare(base(), got, func(string) { n++ })
			if n != tt.want || c.differ != tt.want {
				t.Errorf("%d differences reported, %d counted, want %d", n, c.differ, tt.want)
			}
		})
	}
}
