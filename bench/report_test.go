package bench

import (
	"bytes"
	"flag"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite what is made: README.md's figures, testdata/insns.json")

// committed is the report that the README's figures come from.
func committed(t *testing.T) *Report {
	t.Helper()
	f, err := os.Open("testdata/report.json")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := ReadReport(f)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestReadme holds the README's part on speed against the committed report.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(readme), markdownBegin+"\n")
	old, after, ok2 := strings.Cut(rest, markdownEnd)
	if !ok || !ok2 {
		t.Fatal("README.md lacks the markers of the part that is made from the report")
	}
	var b bytes.Buffer
	if err := committed(t).WriteMarkdown(&b); err != nil {
		t.Fatal(err)
	}
	if old == b.String() {
		return
	}
	if !*update {
		t.Fatalf("README.md is not what the committed report says: run with -update (-README +report)\n%s", cmp.Diff(old, b.String()))
	}
	if err := os.WriteFile("../README.md", []byte(before+markdownBegin+"\n"+b.String()+markdownEnd+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestCommittedReport says that the committed report is one of everything: no row void, and engines compared.
func TestCommittedReport(t *testing.T) {
	r := committed(t)
	for _, p := range r.Programs {
		if p.Void != "" {
			t.Errorf("%s is void: %s", p.Name, p.Void)
		}
	}
	if len(r.Programs) < 24 || r.Geomeans[EngineKernel] == nil || r.Geomeans[EngineNative] == nil || r.Geomeans[EngineWazero] == nil {
		t.Errorf("%d programs, geomeans of %d engines", len(r.Programs), len(r.Geomeans))
	}
	if len(r.Sections) != len(sections) {
		t.Errorf("%d sections, there are %d", len(r.Sections), len(sections))
	}
	if !regexp.MustCompile(`^geomean jit/kernel \d+\.\d\d jit/native \d+\.\d\d jit/wazero \d+\.\d\d$`).MatchString(r.Line()) {
		t.Errorf("the last line is %q", r.Line())
	}
}

// TestReportRoundTrips writes a report and reads it again: what --compare sees is what was measured.
func TestReportRoundTrips(t *testing.T) {
	r := committed(t)
	var b bytes.Buffer
	if err := r.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	again, err := ReadReport(&b)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(r, again); d != "" {
		t.Error(d)
	}
	for _, bad := range []string{"", "{}", `{"format":1,"programs":[{"name":"x","samples":{"jit":[]}}]}`} {
		if _, err := ReadReport(strings.NewReader(bad)); err == nil {
			t.Errorf("%q is taken for a report", bad)
		}
	}
}

// scaled is a report in which one engine's times are so many times longer.
func scaled(t *testing.T, engine string, times float64, only string) *Report {
	r := committed(t)
	for _, p := range r.Programs {
		if only != "" && p.Name != only {
			continue
		}
		for _, rounds := range p.Samples[engine] {
			for i := range rounds {
				rounds[i] *= times
			}
		}
	}
	r.geomeans()
	return r
}

// TestComparison has reports that differ in one thing judged.
func TestComparison(t *testing.T) {
	for _, c := range []struct {
		name string
		now  *Report
		want []string
		not  string
	}{
		{"nothing", committed(t), []string{"verdict: no change seen: 1.000"}, "slower"},
		{"machine code takes 10 % longer", scaled(t, EngineJIT, 1.1, ""), []string{"verdict: slower: 1.100"}, "faster"},
		{"machine code takes 10 % less", scaled(t, EngineJIT, 0.9, ""), []string{"verdict: faster: 0.900"}, "slower"},
		{"one program takes twice as long", scaled(t, EngineJIT, 2, "fnv"), []string{"fnv  2.00"}, "murmur"},
		{"less than the least", scaled(t, EngineJIT, 1.01, ""), []string{"verdict: no change seen: 1.010"}, "slower"},
	} {
		var b bytes.Buffer
		if err := c.now.WriteComparison(&b, committed(t)); err != nil {
			t.Fatal(err)
		}
		for _, want := range c.want {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%s: lacks %q:\n%s", c.name, want, b.String())
			}
		}
		if strings.Contains(b.String(), c.not) {
			t.Errorf("%s: says %q:\n%s", c.name, c.not, b.String())
		}
	}
	// A machine of half the speed is no change of gbpf's.
	slow := scaled(t, EngineJIT, 2, "")
	for _, p := range slow.Programs {
		for name, s := range p.Samples {
			for _, rounds := range s {
				for i := range rounds {
					if name != EngineJIT {
						rounds[i] *= 2
					}
				}
			}
		}
	}
	var b bytes.Buffer
	if err := slow.WriteComparison(&b, committed(t)); err != nil || !strings.Contains(b.String(), "verdict: no change seen: 1.000") {
		t.Errorf("a slower machine: %v\n%s", err, b.String())
	}
}

// TestAbsentEngines renders a report of a machine that lacks what can be lacking: it says so, and shows no zero.
func TestAbsentEngines(t *testing.T) {
	r := committed(t)
	r.Engines = []string{EngineJIT, EngineInterp}
	r.Absent = []Absent{{EngineKernel, "bpf(2) is not permitted"}, {EngineNative, "no clang was found"}, {EngineWazero, "not here"}}
	for i := range r.Programs {
		p := &r.Programs[i]
		p.Samples = map[string]Samples{EngineJIT: p.Samples[EngineJIT], EngineInterp: p.Samples[EngineInterp]}
	}
	for _, s := range r.Sections {
		for _, row := range s.Rows {
			for i := range row.Cells {
				if i < len(s.Columns) && s.Columns[i].Name == EngineKernel {
					row.Cells[i] = none("no kernel: bpf(2) is not permitted")
				}
			}
		}
	}
	r.Geomeans, r.Kinds = map[string]*Ratio{}, map[string]map[string]*Ratio{}
	r.geomeans()
	if want := "geomean jit/kernel absent jit/native absent jit/wazero absent"; r.Line() != want {
		t.Errorf("the last line is %q", r.Line())
	}
	var text, html bytes.Buffer
	if err := r.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	if err := r.WriteHTML(&html); err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]string{"text": text.String(), "page": html.String()} {
		if !strings.Contains(s, "bpf(2) is not permitted") || !strings.Contains(s, "no clang was found") {
			t.Errorf("the %s does not say why engines are absent", name)
		}
		if strings.Contains(s, "NaN") || strings.Contains(s, "Inf") {
			t.Errorf("the %s has a figure of nothing", name)
		}
	}
}

// TestStatistics checks the figures on samples of which they are known.
func TestStatistics(t *testing.T) {
	s := Samples{{5, 3, 9}, {4, 4, 4}, {100, 7, 8}}
	if v := s.Value(); v != 4 {
		t.Errorf("the value is %v, want 4: the median of 3, 4 and 7", v)
	}
	if low, high := s.Range(); low != 3 || high != 7 {
		t.Errorf("the range is %v to %v, want 3 to 7", low, high)
	}
	if v := (Samples{}).Value(); !math.IsNaN(v) {
		t.Errorf("the value of nothing is %v", v)
	}
	if g := geomean([]float64{0.5, 2, 8}); math.Abs(g-2) > 1e-12 {
		t.Errorf("geomean %v, want 2", g)
	}
	g := ratio([]pair{{Samples{{2}}, Samples{{1}}}, {Samples{{8}}, Samples{{1}}}})
	if math.Abs(g.Mean-4) > 1e-12 || g.Low != g.Mean || g.High != g.Mean || g.ProgramsLow != 2 || math.Abs(g.ProgramsHigh-8) > 1e-9 || g.Programs != 2 {
		t.Errorf("ratio %+v: want 4 without noise, and 2 to 8 for other programs", g)
	}
}

// TestPage renders the committed report in a browser where there is one, in light and in dark, and looks whether both show
// something.
func TestPage(t *testing.T) {
	var b bytes.Buffer
	r := committed(t)
	if err := r.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, bad := range []string{"src=", "href=", "@import", "url(", "NaN", "ZgotmplZ"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page has %q: it is to need no other file", bad)
		}
	}
	_, data, _ := strings.Cut(page, `<script type="application/json" id="data">`)
	data, _, _ = strings.Cut(data, "</script>")
	if again, err := ReadReport(strings.NewReader(data)); err != nil || len(again.Programs) != len(r.Programs) {
		t.Errorf("the page's data is no report: %v", err)
	}
	if n := strings.Count(page, "<svg viewBox=\"0 0"); n < len(sections) {
		t.Errorf("%d charts", n)
	}
	if testing.Short() {
		t.Skip("a browser takes its time")
	}
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("no chromium here: the page was not looked at")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "report.html")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	light := screenshot(t, browser, dir, file)
	dark := screenshot(t, browser, dir, file, "--blink-settings=preferredColorScheme=0")
	for name, s := range map[string]shades{"light": light, "dark": dark} {
		if s.colours < 40 {
			t.Errorf("the %s page has %d colours: nothing is drawn", name, s.colours)
		}
	}
	if light.paper < 0.9 || dark.paper > 0.2 {
		t.Errorf("the paper's brightness is %.2f in light and %.2f in dark", light.paper, dark.paper)
	}
}

// timeout bounds a run of the browser.
const timeout = time.Minute
