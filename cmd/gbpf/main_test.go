package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

//go:generate sh testdata/build.sh

var update = flag.Bool("update", false, "rewrite the golden files")

// telnet is a TCP packet from 192.0.2.1 to port 23.
const telnet = "ffffffffffff 020000000002 0800 4500002e00010000 4006 0000 c0000201 c0000202 9c40 0017 00000000"

// address finds guest addresses, which are nobody's business.
var address = regexp.MustCompile(`(bytes? at |"addr":)(0x)?[0-9a-f]+`)

// exec runs the command in this process and returns what it printed.
func exec(t testing.TB, stdin string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(args, strings.NewReader(stdin), &out, &errs)
	return status, out.String(), errs.String()
}

// golden compares got with a file under testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v: run go test -update", err)
	}
	if w := strings.ReplaceAll(string(want), "\r\n", "\n"); got != w {
		t.Errorf("%s differs; got:\n%s\nwant:\n%s", path, got, w)
	}
}

// transcript runs commands and writes down what each printed.
func transcript(t *testing.T, cmds [][]string) string {
	t.Helper()
	var b strings.Builder
	for _, args := range cmds {
		status, out, errs := exec(t, "", args...)
		b.WriteString("$ gbpf")
		for _, a := range args {
			if strings.ContainsAny(a, " \"{}[]") {
				a = "'" + a + "'"
			}
			b.WriteString(" " + filepath.ToSlash(a))
		}
		b.WriteString("\n" + out + errs)
		if status != 0 {
			b.WriteString("exit status " + string(rune('0'+status)) + "\n")
		}
		b.WriteString("\n")
	}
	text := address.ReplaceAllString(b.String(), "${1}ADDRESS")
	return strings.NewReplacer(telnet, "TELNET", "The system cannot find the file specified.", "no such file or directory").Replace(text)
}

func TestGolden(t *testing.T) {
	many := func(program string, more ...string) []string {
		return append([]string{"run", "testdata/many.o", "-p", program, "--packet", telnet}, more...)
	}
	rule := "rules:{saddr:192.0.2.1,dport:be:23,proto:6}={verdict:DENY,log:true,name:telnet,limit:-5,ports:[1,2],high:7,word:9}"
	for _, tt := range []struct {
		name string
		cmds [][]string
	}{
		{"report", [][]string{
			{"run", "testdata/one.o", "--packet", telnet},
			{"run", "testdata/one.o", "--packet", telnet, "--ctx", "rx_queue_index=7"},
			many("filter"),
			many("filter", "--packet", "020000000001 020000000002 86dd", "--map", rule),
			many("rewrite"),
			many("rewrite", "--var", "mac=02:00:00:00:00:99"),
			many("push"),
			many("forward", "--map", "ports:1=9"),
			many("jump"),
			many("jump", "--map", "jumps:0=rewrite"),
			many("mark"),
		}},
		{"maps", [][]string{
			many("filter", "--cpus", "2", "--dump-maps", "--map", rule, "--map", "counters:0=3", "--map", "nets:10.0.0.0/8=1",
				"--map", "queue:5", "--map", "jumps:1=push", "--map", "ports:2=4"),
			many("filter", "--dump-maps", "--map", `rules:192.0.2.1,be:23,6,0=3,true,"a, b",-1,[1,2],15,0xfff,-1`, "--var", "limit=-1", "--var", "seen=41"),
		}},
		{"json", [][]string{
			many("filter", "--json", "--trace", "--dump-maps", "--map", rule),
			many("filter", "--json", "--repeat", "2"),
			many("filter", "--json", "--engine", "checked"),
			many("reads_beyond", "--json", "--policy", "sandboxed"),
			many("mark", "--json", "--ctx", "cb=3", "--ctx", "cb[4]=0xffffffff", "--kconfig", "LINUX_KERNEL_VERSION=5"),
		}},
		{"traps", [][]string{
			many("reads_beyond"),
			many("reads_beyond", "--policy", "sandboxed"),
			many("never_ends"),
			many("never_ends", "--policy", "sandboxed", "--fuel", "1000"),
			many("reads_beyond", "--policy", "sandboxed", "--packet", "020000000001 020000000002 86dd"),
		}},
		{"disasm", [][]string{
			{"disasm", "testdata/many.o", "--program", "reads_beyond"},
			{"disasm", "testdata/many.o", "--program", "jump"},
			{"disasm", "testdata/core.o"},
			{"disasm", "testdata/odd.o"},
		}},
		{"info", [][]string{
			{"info", "testdata/one.o"},
			{"info", "testdata/many.o"},
			{"info", "testdata/odd.o"},
			{"info", "testdata/core.o"},
			{"info", "testdata/core.o", "--json"},
		}},
		{"demo", [][]string{{"demo"}}},
	} {
		t.Run(tt.name, func(t *testing.T) { golden(t, tt.name, transcript(t, tt.cmds)) })
	}
}

func TestErrors(t *testing.T) {
	one := func(more ...string) []string {
		return append([]string{"run", "testdata/one.o", "--packet", telnet}, more...)
	}
	entry := func(s string) []string {
		return []string{"run", "testdata/many.o", "-p", "filter", "--map", s}
	}
	golden(t, "errors", transcript(t, [][]string{
		{"frob"}, {"run"}, {"run", "a.o", "b.o"}, {"run", "--frob"}, {"disasm"}, {"info"}, {"version", "x"},
		{"run", "testdata/nothing.o"}, {"run", "testdata/one.c"}, {"disasm", "testdata/one.c"}, {"info", "testdata/one.c"},
		{"run", "testdata/many.o"}, {"run", "testdata/many.o", "-p", "nothing"}, {"disasm", "testdata/many.o", "-p", "nothing"},
		{"run", "testdata/one.o"},
		{"run", "testdata/one.o", "--packet", "0123"},
		one("--packet", "012"), one("--packet", "0x12"), one("--packet", "0123"),
		one("--data", "x"), {"run", "testdata/one.o", "--data", "testdata/nothing"},
		{"run", "testdata/one.o", "--pcap", "testdata/nothing"}, {"run", "testdata/one.o", "--pcap", "testdata/one.c"},
		one("--ctx", "rx_queue_index"), one("--ctx", "queue=1"), one("--ctx", "data=1"), one("--ctx", "rx_queue_index=one"),
		one("--ctx", "rx_queue_index=0x100000000"),
		one("--repeat", "0"), one("--repeat", "x"), one("--timeout", "-1s"), one("--timeout", "5"), one("--cpus", "65"),
		one("--policy", "lax"), one("--memory-limit", "much"), one("--memory-limit", "8G"), one("--engine", "turbo"), one("--fuel", "-1"),
		one("--kernel-btf", "testdata/one.c"), one("--map", "x:1=2"), one("--var", "x=1"), one("--kconfig", "X=y"),
		one("--map", "x"), one("--var", "x"), one("--kconfig", "X"),
		entry("nothing:1=2"), entry("counters:1"), entry("counters:4=1"), entry("counters:one=1"), entry("counters:0x100000000=1"),
		entry("counters:1=18446744073709551616"), entry("counters:hex:01=1"), entry("counters:hex:012=1"), entry("counters:1.2.3=1"),
		entry("counters:1=192.0.2.1"), entry("counters:1=1,2,3"), entry("counters:{x:1}=1"), entry("queue:1=2"), entry("events:1=2"),
		entry("jumps:0=nothing"), entry("nets:10.0.0.0=1"), entry("rules:1=1"), entry("rules:{address:1}=0"), entry("rules:{1,2}=0"),
		entry("rules:{saddr:1.2.3.4}={verdict:MAYBE}"), entry("rules:0={name:much too long a name}"), entry("rules:0={ports:[1]}"),
		entry("rules:0={low:16}"), entry("rules:{[=1"),
		{"run", "testdata/many.o", "-p", "filter", "--var", "limit=4294967296"},
		{"run", "testdata/many.o", "-p", "mark", "--kconfig", "LINUX_KERNEL_VERSION=six"},
		{"run", "testdata/odd.o", "-p", "calls_unknown"}, {"run", "testdata/odd.o", "-p", "uses_map"},
	}))
}

// Every error is one line on stderr, and nothing is printed on stdout with it.
func TestErrorShape(t *testing.T) {
	for _, args := range [][]string{{"run", "testdata/many.o"}, {"frob"}, {"run", "testdata/one.o", "--repeat", "x\ny"}, {"run", "no\nfile"}} {
		status, out, errs := exec(t, "", args...)
		if status != exitUsage || out != "" || strings.Count(errs, "\n") != 1 || !strings.HasPrefix(errs, "gbpf: ") {
			t.Errorf("%q: status %d, stdout %q, stderr %q", args, status, out, errs)
		}
	}
}

func TestLists(t *testing.T) {
	for _, tt := range []struct{ cmd, want string }{
		{"helpers", "bpf_map_lookup_elem"}, {"types", "sched_cls"}, {"version", "gbpf "}, {"run --help", "--dump-maps"},
		{"helpers --json", `{"id":1,"name":"map_lookup_elem","args":["`}, {"types --json", `"fields":["ingress_ifindex"`},
		{"demo --source", "bpf_map_lookup_elem"},
	} {
		status, out, errs := exec(t, "", strings.Fields(tt.cmd)...)
		if status != 0 || errs != "" || !strings.Contains(out, tt.want) {
			t.Errorf("gbpf %s: status %d, %s%s, want %q in it", tt.cmd, status, out, errs, tt.want)
		}
	}
}

func TestDemoIsShort(t *testing.T) {
	_, out, _ := exec(t, "", "demo")
	if n := strings.Count(out, "\n"); n >= 40 {
		t.Errorf("the demo prints %d lines, want less than 40", n)
	}
	for _, line := range strings.Split(out, "\n") {
		if len(line) > 120 {
			t.Errorf("line of %d bytes: %s", len(line), line)
		}
	}
	if strings.Contains(out, "\x1b") {
		t.Error("colours without a terminal")
	}
}

// TestMachineCodeReport has a run that counts no instructions tell its fuel instead.
func TestMachineCodeReport(t *testing.T) {
	text := transcript(t, [][]string{{"run", "testdata/one.o", "--packet", telnet, "--engine", "jit"}})
	if strings.Contains(text, "gbpf: ") {
		t.Skip("no machine code here: ", text)
	}
	if !strings.Contains(text, " of fuel in machine code") || strings.Contains(text, " instruction") {
		t.Errorf("the report is\n%s", text)
	}
}
