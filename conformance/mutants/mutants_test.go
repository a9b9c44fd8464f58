package main

import (
	"bytes"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
)

// TestTable: every fault can be put in, and there are enough of them in each engine.
func TestTable(t *testing.T) {
	b, err := newBuilder()
	if err != nil {
		t.Skip(err)
	}
	defer os.RemoveAll(b.tmp)
	seen := map[string]bool{}
	count := map[string]int{}
	for _, m := range mutants {
		if seen[m.name] {
			t.Errorf("two mutants are called %s", m.name)
		}
		seen[m.name] = true
		kind, _, ok := strings.Cut(m.name, ": ")
		if !ok {
			t.Errorf("%s: names no part", m.name)
		}
		count[kind]++
		if _, err := m.apply(b.root); err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d mutants: %v", len(mutants), count)
	for _, kind := range []string{"interp", "checked", "lower", "optimise", "amd64", "arm64"} {
		if count[kind] < 3 {
			t.Errorf("only %d mutants of %s", count[kind], kind)
		}
	}
}

// TestApply: text that is not there, or more than once, is an error.
func TestApply(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/f.go", []byte("a b b"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		m    mutant
		want string
	}{
		{mutant{file: "f.go", old: "a", new: "c"}, "c b b"},
		{mutant{file: "f.go", old: "b", new: "c"}, ""},
		{mutant{file: "f.go", old: "x", new: "c"}, ""},
		{mutant{file: "f.go", old: "a", new: "a"}, ""},
		{mutant{file: "g.go", old: "a", new: "b"}, ""},
	} {
		got, err := tt.m.apply(dir)
		if string(got) != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%+v: %q, %v", tt.m, got, err)
		}
	}
}

// TestSlice makes three mutants. The command of this directory makes them all.
func TestSlice(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the suite four times")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip(err)
	}
	b, err := newBuilder()
	if err != nil {
		t.Skip(err)
	}
	defer os.RemoveAll(b.tmp)
	var list []mutant
	for _, m := range mutants {
		switch m.name {
		case "interp: a call does not keep R9", "optimise: rotations go the other way", "amd64: accesses are not confined":
			list = append(list, m)
		}
	}
	out, err := os.CreateTemp(b.tmp, "out")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	sum, err := b.all(list, out)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(out.Name())
	t.Logf("%s", bytes.TrimSpace(text))
	if sum.survived > 0 || sum.killed == 0 || runtime.GOARCH == "amd64" && sum.killed != 3 {
		t.Errorf("%+v", sum)
	}
}

// TestVerdict: a suite that passes means a mutant that survived.
func TestVerdict(t *testing.T) {
	if why, err := verdict("interp: base64/x\n", nil, false); why != "" || err != nil {
		t.Errorf("%q, %v", why, err)
	}
	err := exec.Command("go", "no-such-command").Run()
	if why, verr := verdict("a\njit: base64/x\n", err, false); verr != nil || why != "crashes at jit: base64/x" {
		t.Errorf("%q, %v of %v", why, verr, err)
	}
}
