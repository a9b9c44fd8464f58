package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseInsns(t *testing.T) {
	const want = "b7000000020000009500000000000000"
	for _, text := range []string{
		want, "b7 00 00 00 02 00 00 00\n95 00 00 00 00 00 00 00\n", "B7,00,00,00,02,00,00,00\t95:00:00:00:00:00:00:00\r\n",
		"# r0 = 2\nb700000002000000 // XDP_PASS\n\n0000 # no, the next\n"[:0] + want,
		"0x00000002000000b7 0x95", "0X00000002000000B7\n9500000000000000 # exit", "b700000002000000 0x0000000000000095",
	} {
		got, err := parseInsns(text)
		if err != nil || hex.EncodeToString(got) != want {
			t.Errorf("%q: %x, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		"":                                       "no instructions",
		"# nothing":                              "no instructions",
		"b7":                                     "1 byte: an instruction has 8",
		"b7000000020000009500":                   "10 bytes: an instruction has 8",
		"b7 0":                                   `line 1: "0": 1 digit, two make a byte`,
		"b7 00\n123":                             `line 2: "123": 3 digits, two make a byte`,
		"mov r0, 1":                              `line 1: "mov" is not hex`,
		"0xzz":                                   `line 1: "0xzz" is not a word of 64 bits`,
		"0x":                                     `line 1: "0x" is not a word of 64 bits`,
		"0x11111111111111111":                    `line 1: "0x11111111111111111" is not a word of 64 bits`,
		"b7 00 0x95":                             `line 1: "0x95": the instruction before it has 2 of 8 bytes`,
		"\x7fELF\x02\x01" + string([]byte{0xff}): `line 1: "\x7fELF\x02\x01\xff" is not hex`,
		strings.Repeat("x", 100):                 `line 1: "xxxxxxxxxxxxxxxxxxxxxxxx..." is not hex`,
	} {
		if got, err := parseInsns(text); err == nil || err.Error() != want {
			t.Errorf("%q: %x, got %v, want %s", text, got, err, want)
		}
	}
}

// took finds what a verification took, which is never the same, or the walk's own matter.
var took = regexp.MustCompile(`(processed|states|time)=\S+|"(processed|states|time_ns|peak_bytes)":\d+`)

// verifyTranscript is a transcript without what the verifications took.
func verifyTranscript(t *testing.T, cmds [][]string) string {
	t.Helper()
	return took.ReplaceAllStringFunc(transcript(t, cmds), func(s string) string {
		return s[:strings.IndexAny(s, "=:")+1] + "N"
	})
}

func rawFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "raw.hex")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestVerifyRaw(t *testing.T) {
	for _, tt := range []struct {
		name, text, typ, policy string
		status                  int
		want                    []string
	}{
		{"accepted", "0x00000002000000b7 0x95", "xdp", "linux", 0, []string{`"verdict":"accept"`, `"code":""`, `"insn":-1`, `"insns":2`, `"type":"xdp"`}},
		{"section name", "0x00000002000000b7 0x95", "tc", "linux", 0, []string{`"verdict":"accept"`, `"type":"sched_cls"`}},
		{"r0 not set", "0x95", "xdp", "linux", 1, []string{`"verdict":"reject"`, `"code":"uninit"`, `"insn":0`}},
		{"sandboxed", "0x95", "xdp", "sandboxed", 0, []string{`"verdict":"accept"`}},
		{"jump out", "0x00000000000a0005 0x95", "xdp", "sandboxed", 1, []string{`"verdict":"reject"`, `"code":"structure"`, `"insn":0`}},
		{"no instruction", "0x00000000000000ff 0x95", "xdp", "linux", 1, []string{`"verdict":"reject"`, `"code":"structure"`, `"insn":0`}},
		{"a map that is not there", "0x0000000000001118 0x0 0x00000002000000b7 0x95", "xdp", "linux", 1, []string{`"verdict":"reject"`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, out, errs := exec(t, "", "verify", "--raw", rawFile(t, tt.text), "--type", tt.typ, "--policy", tt.policy, "--json")
			if status != tt.status || errs != "" {
				t.Errorf("exit status %d, want %d: %s", status, tt.status, errs)
			}
			for _, w := range tt.want {
				if !strings.Contains(out, w) {
					t.Errorf("%s: no %s", out, w)
				}
			}
		})
	}
	if status, out, errs := exec(t, "0x00000002000000b7 0x95", "verify", "--raw", "-", "--type", "xdp"); status != 0 || !strings.HasPrefix(out, "accept raw insns=2 ") || errs != "" {
		t.Errorf("standard input: %d, %s%s", status, out, errs)
	}
}

// TestVerifyJSON holds each line against the keys that tools read.
func TestVerifyJSON(t *testing.T) {
	_, out, _ := exec(t, "", "verify", "testdata/many.o", "--json")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 9 {
		t.Fatalf("%d lines, the object has 9 programs:\n%s", len(lines), out)
	}
	keys := []string{"program", "type", "verdict", "code", "insn", "message", "insns", "processed", "states", "peak_bytes", "time_ns"}
	for _, line := range lines {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		for _, k := range keys {
			if _, ok := m[k]; !ok {
				t.Errorf("%s: no key %s", line, k)
			}
		}
		if len(m) != len(keys) {
			t.Errorf("%s: %d keys, want %d", line, len(m), len(keys))
		}
		if accepted := m["verdict"] == "accept"; accepted != (m["message"] == "") || accepted != (m["code"] == "") {
			t.Errorf("%s: the verdict and its reason do not agree", line)
		}
	}
}

func TestVerifyGolden(t *testing.T) {
	golden(t, "verify", verifyTranscript(t, [][]string{
		{"verify", "testdata/one.o"},
		{"verify", "testdata/many.o"},
		{"verify", "testdata/many.o", "--program", "reads_beyond", "--json"},
		{"verify", "testdata/many.o", "--program", "filter", "--policy", "strict"},
		{"verify", "testdata/many.o", "--policy", "sandboxed", "--json"},
		{"verify", "testdata/odd.o"},
		{"verify", "testdata/nothing.o"},
		{"verify", "--help"},
	}))
}

// TestVerifyLog has the walk's steps on standard error, and the verdict alone on standard output.
func TestVerifyLog(t *testing.T) {
	status, out, errs := exec(t, "0x00000002000000b7 0x95", "verify", "--raw", "-", "--type", "xdp", "--log")
	if status != 0 || strings.Count(out, "\n") != 1 || strings.Count(errs, "\n") < 2 || !strings.Contains(errs, "exit") {
		t.Errorf("exit status %d\n%s\n%s", status, out, errs)
	}
}

func TestVerifyErrors(t *testing.T) {
	good := rawFile(t, "0x00000002000000b7 0x95")
	for _, tt := range []struct {
		args []string
		want string
	}{
		{nil, "verify: no object file given: want gbpf verify OBJ | verify --raw FILE --type TYPE"},
		{[]string{"testdata/one.c"}, "load object: testdata/one.c: not an ELF file"},
		{[]string{"testdata/nothing.o"}, "load object: testdata/nothing.o: "},
		{[]string{"testdata/one.o", "--program", "nothing"}, "--program nothing: not found: the object has only"},
		{[]string{"testdata/one.o", "--policy", "lax"}, "--policy lax: want linux, strict or sandboxed"},
		{[]string{"testdata/one.o", "--type", "xdp"}, "--type xdp: an object's programs have their types: it goes with --raw"},
		{[]string{"testdata/one.o", "--kernel-btf", "testdata/one.c"}, "--kernel-btf testdata/one.c: parsing .BTF header: no valid BTF header"},
		{[]string{"testdata/one.o", "--raw", good, "--type", "xdp"}, "verify: --raw " + good + " and testdata/one.o given: want one of them"},
		{[]string{"--raw", good}, "--raw " + good + ": give the program type with --type, such as --type xdp"},
		{[]string{"--raw", good, "--type", "nothing"}, "--type nothing: no such program type: gbpf types lists them"},
		{[]string{"--raw", good, "--type", "xdp", "--var", "x=1"}, "--var: it goes with an object, not with --raw"},
		{[]string{"--raw", "testdata/nothing", "--type", "xdp"}, "--raw testdata/nothing: "},
		{[]string{"--raw", "testdata/one.o", "--type", "xdp"}, "--raw testdata/one.o: line 1: "},
		{[]string{"--raw", rawFile(t, "b7 00"), "--type", "xdp"}, ": 2 bytes: an instruction has 8"},
		{[]string{"testdata/one.o", "--target", "x"}, "--target x: want PROGRAM=TYPE"},
		{[]string{"testdata/one.o", "--target", "x=xdp"}, "--target x=xdp: no such program: the object has only"},
		{[]string{"testdata/one.o", "--target", "only=nothing"}, "--target only=nothing: programs of type nothing cannot be traced: want a type such as xdp or sched_cls"},
		{[]string{"--frob"}, "unknown flag: --frob: see gbpf verify --help"},
	} {
		status, out, errs := exec(t, "", append([]string{"verify"}, tt.args...)...)
		if status != 2 || out != "" || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, tt.want) {
			t.Errorf("verify %q: exit status %d, %q, %q: want 2 and %q", tt.args, status, out, errs, tt.want)
		}
	}
}

// TestVerifyUnsupported has a program that cannot even be described: it is rejected, and the others are judged.
func TestVerifyUnsupported(t *testing.T) {
	status, out, errs := exec(t, "", "verify", "testdata/odd.o", "--json")
	if status != 1 || errs != "" {
		t.Fatalf("exit status %d, %s%s", status, out, errs)
	}
	got := map[string]string{}
	for _, line := range bytes.Split(bytes.TrimSpace([]byte(out)), []byte("\n")) {
		var m struct{ Program, Verdict, Code string }
		if err := json.Unmarshal(line, &m); err != nil {
			t.Fatal(err)
		}
		got[m.Program] = strings.TrimSpace(m.Verdict + " " + m.Code)
	}
	want := map[string]string{"fine": "accept", "calls_unknown": "reject helper", "uses_map": "reject helper"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("verdicts (-want +got):\n%s", d)
	}
}
