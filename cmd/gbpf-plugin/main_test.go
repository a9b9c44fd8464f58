package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gbpf/gbpf/conformance/runner"
	"github.com/gbpf/gbpf/internal/asm"
	"github.com/gbpf/gbpf/isa"
)

// spaced writes bytes as the suite does: each in hex with two blanks behind it.
func spaced(b []byte) string {
	var s strings.Builder
	for _, c := range b {
		fmt.Fprintf(&s, "%02x  ", c)
	}
	return s.String()
}

func code(t *testing.T, text string) string {
	t.Helper()
	insns, err := asm.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	b, err := isa.Encode(insns)
	if err != nil {
		t.Fatal(err)
	}
	return spaced(b)
}

func plugin(stdin string, args ...string) (status int, out, errs string) {
	var o, e bytes.Buffer
	status = run(args, strings.NewReader(stdin), &o, &e)
	return status, strings.TrimSpace(o.String()), strings.TrimSpace(e.String())
}

// engines are the options that work on this host.
func engines() []string {
	all := []string{"", "--interpret", "--checked"}
	if runner.Native() == nil {
		all = append(all, "--jit")
	}
	return all
}

func TestRun(t *testing.T) {
	object, err := os.ReadFile(filepath.Join("..", "gbpf", "testdata", "one.o"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, mem, in, want string }{
		{"all 64 bits", "", code(t, "r0 = -2; exit"), "fffffffffffffffe"},
		{"memory", "aa  bb  11  22  ", code(t, "r0 = *(u32 *)(r1 +0); r0 += r2; exit"), "2211bbae"},
		{"no memory", "", code(t, "r0 = r2; exit"), "0"},
		{"stack", "", code(t, "r1 = 7; *(u64 *)(r10 -512) = r1; r0 = *(u64 *)(r10 -512); exit"), "7"},
		{"shifts beyond the width", "", code(t, "r0 = 1; r0 <<= 65; r1 = 33; w2 = 1; w2 <<= w1; r0 += r2; exit"), "4"},
		{"helper 5", "", code(t, "r1 = 11; call 5; exit"), "b"},
		{"callx of helper 5", "", code(t, "r1 = 11; r3 = 5; callx r3; exit"), "b"},
		{"local call", "", code(t, "r1 = 5; call f; exit; f: r0 = r1; r0 *= 3; exit"), "f"},
		{"r10 is written", "", code(t, "r10 += -8; r1 = 42; *(u64 *)(r10 +0) = r1; r0 = *(u64 *)(r10 +0); exit"), "2a"},
		{"both encodings of callx", "", "b7 01 00 00 0b 00 00 00 b7 02 00 00 05 00 00 00 8d 00 00 00 02 00 00 00 95 00 00 00 00 00 00 00", "b"},
		{"a program that the kernel would refuse", "", code(t, "r0 = r7; r1 = *(u64 *)(r10 -16); r0 += r1; exit"), "0"},
		{"what is never reached", "", code(t, "r0 = 3; exit; r0 = 4; exit"), "3"},
	} {
		for _, e := range engines() {
			var args []string
			if tt.mem != "" {
				args = append(args, tt.mem)
			}
			if e != "" {
				args = append(args, e)
			}
			if status, out, errs := plugin(tt.in, args...); status != 0 || out != tt.want {
				t.Errorf("%s %s: status %d, %q %q, want %s", tt.name, e, status, out, errs, tt.want)
			}
		}
	}
	for _, e := range engines() {
		args := []string{strings.Repeat("00  ", 64), "--elf"}
		if e != "" {
			args = append(args, e)
		}
		if status, out, errs := plugin(spaced(object), args...); status != 0 || out != "2" {
			t.Errorf("--elf %s: status %d, %q %q", e, status, out, errs)
		}
	}
}

func TestFailures(t *testing.T) {
	for _, tt := range []struct {
		in     string
		args   []string
		status int
		want   string
	}{
		{"", nil, exitFailed, "program is empty"},
		{"b7", nil, exitFailed, "8"},
		{"xx", nil, exitUsage, "not bytes in hex"},
		{code(t, "r0 = 1; exit"), []string{"zz"}, exitUsage, "memory"},
		{code(t, "r0 = 1; exit"), []string{"--fast"}, exitUsage, "no such option"},
		{code(t, "r0 = 1; exit"), []string{"01  02  ", "03"}, exitUsage, "one argument"},
		{code(t, "r0 = 1; exit"), []string{"--jit=no"}, exitUsage, "without a value"},
		{code(t, "top: goto top; exit"), []string{"--interpret"}, exitFailed, "fuel"},
		{code(t, "r0 = 1"), nil, exitFailed, "test"},
		{code(t, "call 12345; exit"), nil, exitFailed, "12345"},
		{spaced([]byte("not an object")), []string{"--elf"}, exitFailed, ""},
	} {
		status, out, errs := plugin(tt.in, tt.args...)
		if status != tt.status || out != "" || errs == "" || strings.Contains(errs, "\n") || !strings.Contains(errs, tt.want) {
			t.Errorf("%q %v: status %d, %q %q, want %d and %q", tt.in, tt.args, status, out, errs, tt.status, tt.want)
		}
	}
}
