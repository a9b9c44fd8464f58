package runner

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/gbpf/gbpf/conformance/data"
	"github.com/gbpf/gbpf/conformance/suite"
	"github.com/gbpf/gbpf/internal/kernel"
	"github.com/gbpf/gbpf/isa"
)

var exampleDir = filepath.Join("..", "testdata", "data")

// folder makes a folder of files.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// hostile is a folder in which every kind of result is to be had.
func hostile(t *testing.T) string {
	return folder(t, map[string]string{
		"good.data":         "-- asm\nmov %r0, 7\nexit\n-- result\n7\n",
		"bad/syntax.data":   "-- asm\nmov %r0, 7\nfrob %r0\nexit\n-- result\n7\n",
		"bad/wrong.data":    "-- asm\nlddw %r0, 0x100000007\nexit\n-- result\n7\n",
		"bad/endless.data":  "-- asm\nmov %r0, 7\ntop:\nja top\nexit\n-- result\n7\n",
		"bad/noprog.data":   "-- raw\n0xff\n-- result\n7\n",
		"bad/noerror.data":  "-- asm\nmov %r0, 7\nexit\n-- error\nsomething\n",
		"error.data":        "-- raw\n0xff\n-- error\ndecode: insn 0: opcode 0xff is not an instruction\n",
		"skip/unknown.data": "-- asm\nexit\n-- spell\nx\n-- result\n0\n",
		"skip/nothing.data": "-- asm\nexit\n",
		"notes.txt":         "not a test",
	})
}

func TestFiles(t *testing.T) {
	files, err := Find([]string{hostile(t)})
	if err != nil {
		t.Fatal(err)
	}
	r := Run(&Options{Files: files, Engines: []suite.Engine{suite.Checked}})
	got := map[string]Result{}
	for _, x := range r.Results {
		got[x.Test] = x
	}
	for name, want := range map[string]struct {
		status Status
		reason string
	}{
		"good.data":         {Passed, ""},
		"error.data":        {Passed, ""},
		"bad/syntax.data":   {Failed, filepath.Join("bad", "syntax.data") + ":3: frob: no such instruction"},
		"bad/wrong.data":    {Failed, "r0 is 0x100000007, want 0x7"},
		"bad/endless.data":  {Failed, "fuel"},
		"bad/noprog.data":   {Failed, "is not an instruction"},
		"bad/noerror.data":  {Failed, `r0 is 0x7, want the error "something"`},
		"skip/unknown.data": {Skipped, "not a test"},
		"skip/nothing.data": {Skipped, "not a test"},
	} {
		x := got[name]
		if x.Status != want.status || !strings.Contains(x.Reason, want.reason) {
			t.Errorf("%s: %s %q, want %s %q", name, x.Status, x.Reason, want.status, want.reason)
		}
	}
	if len(r.Results) != 9 {
		t.Errorf("%d results, want 9", len(r.Results))
	}
	if n := r.Table().Total; n != (Count{2, 5, 2}) {
		t.Errorf("%s", n)
	}
	var b bytes.Buffer
	if err := r.Print(&b); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if last := lines[len(lines)-1]; last != "2 passed, 5 failed, 2 skipped" {
		t.Errorf("the last line is %q", last)
	}
	if !strings.Contains(b.String(), "FAILED base64/bad/wrong.data checked/"+runtime.GOARCH) {
		t.Errorf("the failure is not named:\n%s", b.String())
	}
}

func TestFindErrors(t *testing.T) {
	empty := t.TempDir()
	for _, dir := range []string{empty, filepath.Join(empty, "absent")} {
		if files, err := Find([]string{exampleDir, dir}); err == nil {
			t.Errorf("%s: %d files and no error", dir, len(files))
		}
	}
	one := filepath.Join(exampleDir, "callx", "helper.data")
	files, err := Find([]string{one})
	if err != nil || len(files) != 1 || files[0].Name != "helper.data" || files[0].Group != suite.CallX {
		t.Errorf("%+v, %v", files, err)
	}
}

// TestExamples runs gbpf's own examples of the format; the folder is the group unless a 64-bit instruction is beside.
func TestExamples(t *testing.T) {
	files, err := Find([]string{exampleDir})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[suite.Group]int{}
	for _, f := range files {
		seen[f.Group]++
		if dir, _, _ := strings.Cut(f.Name, "/"); dir != string(f.Group) && dir != "base32" {
			t.Errorf("%s is of group %s", f.Name, f.Group)
		}
	}
	for _, g := range suite.Groups[:8] {
		if seen[g] == 0 {
			t.Errorf("no example of %s", g)
		}
	}
	n := Run(&Options{Files: files}).Table().Total
	t.Logf("%d files: %s", len(files), n)
	if n.Failed != 0 || Native() == nil && n.Skipped != 0 || n.Passed == 0 {
		t.Errorf("%s", n)
	}
}

// TestCheck: all 64 bits of a result count, and all of a message.
func TestCheck(t *testing.T) {
	fails := errors.New("stopped")
	for _, tt := range []struct {
		name string
		test data.Test
		r0   uint64
		err  error
		ok   bool
	}{
		{"result", data.Test{HasResult: true, Result: 1 << 40}, 1 << 40, nil, true},
		{"half a result", data.Test{HasResult: true, Result: 1<<40 | 5}, 5, nil, false},
		{"stopped", data.Test{HasResult: true}, 0, fails, false},
		{"error", data.Test{Error: "stopped"}, 0, fails, true},
		{"part of an error", data.Test{Error: "stop"}, 0, fails, false},
		{"no error", data.Test{Error: "stopped"}, 0, nil, false},
	} {
		if err := check(&tt.test, tt.r0, tt.err); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// TestProcess runs other implementations' processes: of a good one, which answers for its input, a wrong one and some that
// do not keep to the protocol.
func TestProcess(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the implementations are shell scripts")
	}
	dir := folder(t, map[string]string{
		"good":    "#!/bin/sh\nread code\ntest \"$1\" = 'aa  bb  ' && test \"$2\" = --fast && test \"$code\" = '95  00  00  00  00  00  00  00' && echo fffffffffffffffe\n",
		"0x":      "#!/bin/sh\necho 0xFFFFFFFFFFFFFFFE\n",
		"wrong":   "#!/bin/sh\necho 5\n",
		"chatty":  "#!/bin/sh\necho here it is: 5\n",
		"mute":    "#!/bin/sh\nexit 3\n",
		"refuses": "#!/bin/sh\necho no >&2; exit 1\n",
	})
	for name, want := range map[string]string{
		"good": "", "0x": "", "wrong": "r0 is 0x5", "chatty": "no number in hex", "mute": "exit status 3", "refuses": "no", "absent": "no such file",
	} {
		path := filepath.Join(dir, name)
		_ = os.Chmod(path, 0o755)
		f := &File{Name: "test", Group: suite.Base32, Test: &data.Test{Code: []byte{0x95, 0, 0, 0, 0, 0, 0, 0}, Mem: []byte{0xaa, 0xbb}, Result: ^uint64(1), HasResult: true}}
		r := &Report{}
		r.Process(&Process{Path: path, Options: []string{"--fast"}}, []*File{f})
		x := r.Results[0]
		if (x.Status == Passed) != (want == "") || !strings.Contains(x.Reason, want) {
			t.Errorf("%s: %s %q, want %q", name, x.Status, x.Reason, want)
		}
	}
}

func TestForeignErrors(t *testing.T) {
	if _, err := NewForeign("vax", ""); err == nil {
		t.Error("there is a vax")
	}
	if _, err := NewForeign("arm64", filepath.Join(t.TempDir(), "absent")); err == nil {
		t.Error("a command that is not there will do")
	}
	r := &Report{}
	r.Skip(&Options{Every: 100, Engines: []suite.Engine{suite.Checked}}, "arm64", errors.New("not here"))
	n := r.Table().Total
	if n.Skipped < 50 || n.Passed+n.Failed != 0 || r.Skips()[0].Reason != "not here" {
		t.Errorf("%s", n)
	}
}

// TestKernel asks the live kernel about all of gbpf's own cases, and about the examples of the public format.
func TestKernel(t *testing.T) {
	if err := kernel.Available(); err != nil {
		t.Skipf("left out: %v", err)
	}
	o := &Options{Kernel: true}
	if testing.Short() {
		o.Every = 10
	}
	r := Run(o)
	n := r.Table().Total
	t.Logf("suite: %s; %v", n, r.Notes)
	for _, x := range r.Results {
		if x.Status == Failed {
			t.Errorf("%s/%s: %s (%s)", x.Group, x.Test, x.Reason, x.RFC)
		}
	}
	if n.Passed < 2000 && o.Every == 0 || n.Passed < 200 {
		t.Errorf("only %d cases ran", n.Passed)
	}
	files, err := Find([]string{exampleDir})
	if err != nil {
		t.Fatal(err)
	}
	r = Run(&Options{Kernel: true, Files: files})
	n = r.Table().Total
	t.Logf("examples: %s; %v", n, r.Notes)
	if n.Failed != 0 || n.Passed < 20 {
		t.Errorf("examples: %s", n)
	}
}

// TestKernelDiffers: what is wrong is noticed, in the low and in the high half of R0, in memory, and in what loads.
func TestKernelDiffers(t *testing.T) {
	if err := kernel.Available(); err != nil {
		t.Skipf("left out: %v", err)
	}
	l, err := newLive()
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	lddw := isa.LoadImm64(isa.OpLddw, 0, 0x700000005)
	insns := append(lddw[:], isa.New(isa.OpStxDW, isa.R1, isa.R0, 0, 0), isa.New(isa.OpExit, 0, 0, 0, 0))
	left := binary.LittleEndian.AppendUint64(nil, 0x700000005)
	for _, tt := range []struct {
		name string
		want uint64
		out  []byte
		bad  string
	}{
		{"right", 0x700000005, left, ""},
		{"low half", 0x700000004, left, "r0 is"},
		{"high half", 0x600000005, left, "r0 is"},
		{"memory", 0x700000005, make([]byte, 8), "memory is"},
	} {
		err := l.suite(&suite.Case{Type: "syscall", Insns: insns, Data: make([]byte, 8), Want: tt.want, Out: tt.out})
		if (err == nil) != (tt.bad == "") || err != nil && !strings.Contains(err.Error(), tt.bad) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.bad)
		}
	}
	err = l.suite(&suite.Case{Type: "syscall", Insns: insns[2:], Data: make([]byte, 8)})
	if !errors.Is(err, errRefused) || !strings.Contains(err.Error(), "R0") {
		t.Errorf("what the kernel refuses: %v", err)
	}
}

func TestHTML(t *testing.T) {
	files, err := Find([]string{hostile(t), exampleDir})
	if err != nil {
		t.Fatal(err)
	}
	r := Run(&Options{Files: files, Engines: []suite.Engine{suite.Checked, suite.Interp}, Source: "a <folder>"})
	r.Notes = []string{"a note"}
	var b bytes.Buffer
	if err := r.HTML(&b); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, want := range []string{"a &lt;folder&gt;", "prefers-color-scheme: dark", "a note", "bad/wrong.data", "want 0x7", "not a test", "callx/helper.data", "</html>"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	for _, bad := range []string{"http://", "https://", "<script", "<link", "ZgotmplZ"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page has %q in it: it is not self-contained", bad)
		}
	}
}
