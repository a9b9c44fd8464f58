package runner

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gbpf/gbpf/conformance/suite"
)

var update = flag.Bool("update", false, "write the claims file and README's table anew; needs an emulator of the other architecture")

var (
	root       = filepath.Join("..", "..")
	claimsFile = filepath.Join("..", "claims.json")
	readme     = filepath.Join(root, "README.md")
)

const (
	tableBegin = "<!-- claims: go test ./conformance/runner -run TestClaims -update -->\n"
	tableEnd   = "<!-- end of claims -->\n"
)

func readClaims(t *testing.T) *Claims {
	t.Helper()
	b, err := os.ReadFile(claimsFile)
	if err != nil {
		t.Fatal(err)
	}
	c := &Claims{}
	if err := json.Unmarshal(b, c); err != nil {
		t.Fatal(err)
	}
	return c
}

// version is the first heading of the list of changes.
func version(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, "CHANGELOG.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(b), "\n## ")
	if !ok {
		t.Fatal("CHANGELOG.md has no heading")
	}
	name, _, _ := strings.Cut(rest, "\n")
	return name
}

// TestClaims holds the claims file against the suite: what it says of this architecture is what comes of running it.
func TestClaims(t *testing.T) {
	if *update {
		writeClaims(t)
	}
	c := readClaims(t)
	const again = "; write the claims anew: go test ./conformance/runner -run TestClaims -update"
	if v := version(t); c.Version != v {
		t.Errorf("the claims are of version %q, CHANGELOG.md is of %q%s", c.Version, v, again)
	}
	if diff := cmp.Diff(c.Cases, Cases()); diff != "" {
		t.Errorf("the claims are of another suite%s\n%s", again, diff)
	}
	type row struct {
		group suite.Group
		Column
	}
	claimed := map[row]Count{}
	for _, x := range c.Claims {
		claimed[row{x.Group, Column{x.Engine, x.Arch}}] = x.Count
		if x.Failed != 0 || x.Passed+x.Skipped != c.Cases[x.Group] {
			t.Errorf("%s %s/%s: %s of %d cases", x.Group, x.Engine, x.Arch, x.Count, c.Cases[x.Group])
		}
	}
	if want := len(suite.Groups) * len(suite.Engines) * len(Archs); len(claimed) != want {
		t.Errorf("%d claims, want one for each group, engine and architecture: %d", len(claimed), want)
	}
	if testing.Short() || !slices.Contains(Archs, runtime.GOARCH) {
		t.Logf("%d claims read; the suite is not run here", len(claimed))
		return
	}
	r := Run(&Options{})
	table := r.Table()
	n := 0
	for _, col := range table.Columns {
		if (col.Engine == suite.JIT || col.Engine == suite.Sandbox) && Native() != nil {
			t.Logf("%s: left out: %v", col, Native())
			continue
		}
		for _, g := range table.Groups {
			if got, want := table.Cell(g, col), claimed[row{g, col}]; got != want {
				t.Errorf("%s %s: %s, claimed are %s%s", g, col, got, want, again)
			}
			n++
		}
	}
	t.Logf("%d claims held against %s", n, table.Total)
}

func writeClaims(t *testing.T) {
	r := &Report{Version: version(t)}
	for _, a := range Archs {
		if a == runtime.GOARCH {
			r.Results = append(r.Results, Run(&Options{}).Results...)
			continue
		}
		f, err := NewForeign(a, "")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		there, err := f.Run(nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Results = append(r.Results, there.Results...)
	}
	c := r.Claims()
	b, err := c.JSON()
	if err == nil {
		err = os.WriteFile(claimsFile, b, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	before, _, after := readmeParts(t)
	if err := os.WriteFile(readme, []byte(before+tableBegin+c.Markdown()+tableEnd+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

func readmeParts(t *testing.T) (before, table, after string) {
	t.Helper()
	b, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(b), tableBegin)
	table, after, ok2 := strings.Cut(rest, tableEnd)
	if !ok || !ok2 {
		t.Fatalf("README.md has no place for the table of claims: want the lines\n%s%s", tableBegin, tableEnd)
	}
	return before, table, after
}

// TestReadme: the table in README is that of the claims.
func TestReadme(t *testing.T) {
	_, table, _ := readmeParts(t)
	if diff := cmp.Diff(readClaims(t).Markdown(), table); diff != "" {
		t.Errorf("README's table is not that of the claims: go test ./conformance/runner -run TestClaims -update\n%s", diff)
	}
}

// TestMarkdown: failures, and architectures that differ, are said.
func TestMarkdown(t *testing.T) {
	c := &Claims{Cases: map[suite.Group]int{suite.Base32: 3}}
	for _, x := range []struct {
		e    suite.Engine
		arch string
		n    Count
	}{
		{suite.Interp, "amd64", Count{Passed: 3}}, {suite.Interp, "arm64", Count{Passed: 3}},
		{suite.JIT, "amd64", Count{Passed: 3}}, {suite.JIT, "arm64", Count{Passed: 2, Skipped: 1}},
		{suite.Checked, "amd64", Count{Passed: 2, Failed: 1}}, {suite.Checked, "arm64", Count{Passed: 3}},
		{suite.Sandbox, "amd64", Count{Passed: 3}},
	} {
		c.Claims = append(c.Claims, Claim{suite.Base32, x.e, x.arch, x.n})
	}
	const want = "| base32 | 3 | 3 | 3 amd64, 2 arm64 | 2 amd64, 3 arm64, 1 failed | 3 amd64 |\n"
	if got := c.Markdown(); !strings.Contains(got, want) {
		t.Errorf("%s has no line\n%s", got, want)
	}
}
