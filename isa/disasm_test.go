package isa

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var (
	update     = flag.Bool("update", false, "rewrite testdata from the running kernel and from this code")
	exhaustive = flag.Bool("exhaustive", false, "try every encoding of TestKernelAccepts, minutes long")
)

const notationFile = "testdata/kernel_notation.txt"

// kernelNames has the names the kernel knows by itself.
var kernelNames = &Names{
	Helper: func(id int32) string {
		return map[int32]string{
			1: "bpf_map_lookup_elem", 5: "bpf_ktime_get_ns", 6: "bpf_trace_printk",
			7: "bpf_get_prandom_u32", 12: "bpf_tail_call", 181: "bpf_loop",
		}[id]
	},
	Kfunc: func(int32, int16) string { return "bpf_rcu_read_lock" },
}

func mustEncode(t *testing.T, prog []Insn) []byte {
	t.Helper()
	b, err := Encode(prog)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// notationSamples are the samples whose text is worth comparing: a few
// registers, and jumps only as far as around makes room for.
func notationSamples(op Op) [][]Insn {
	r := op.Info()
	all := slices.DeleteFunc(samples(op), func(i []Insn) bool {
		return i[0].Dst > R1 && i[0].Dst < R10 || r.SrcUse == UseOperand && i[0].Src > R1 && i[0].Src < R9
	})
	switch {
	case op == OpLddwHi:
		return nil
	case op == OpCallKfunc:
		return all[:1]
	case op == OpCallHelper:
		var list [][]Insn
		for _, id := range []int64{1, 5, 6, 7, 12, 181, 99999, -1} {
			list = append(list, []Insn{New(op, 0, 0, 0, id)})
		}
		return list
	case op == OpCallLocal:
		return [][]Insn{{New(op, 0, 0, 0, 2)}}
	case op == OpJa32:
		return [][]Insn{{New(op, 0, 0, 0, 0)}, {New(op, 0, 0, 0, 1)}, {New(op, 0, 0, 0, -1)}}
	case r.OffUse == UseOperand && r.Size == 0 && r.Kind != KindCall:
		var list [][]Insn
		for _, i := range all {
			if off := i[0].Off; off >= -1 && off <= 1 {
				list = append(list, i)
			}
		}
		return list
	}
	return all
}

// around returns a program that reaches i, with every instruction reachable
// whether i jumps by -1, 0 or 1, and where i stands in it.
func around(i []Insn) (prog []Insn, pc int) {
	exit := []Insn{New(OpMov64Imm, 0, 0, 0, 0), New(OpExit, 0, 0, 0, 0)}
	switch i[0].Op {
	case OpExit:
		return append([]Insn{New(OpMov64Imm, 0, 0, 0, 0)}, i...), 1
	case OpCallLocal, OpLddwFunc:
		return append(append(i[:len(i):len(i)], exit...), exit...), 0
	case OpJa, OpJa32:
		prog = append(prog, New(OpJeqImm, R1, 0, 1, 0))
	}
	prog = append(prog, i...)
	return append(append(prog, New(OpMov64Imm, R0, 0, 0, 1)), exit...), len(prog) - len(i)
}

func writeNotation(t *testing.T, lines []string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(notationFile), 0o755); err != nil {
		t.Fatal(err)
	}
	head := "# Instruction bytes and what a Linux verifier printed for them at log level 2.\n# Rewritten by go test -run TestKernelNotationLive -update, as root.\n"
	if err := os.WriteFile(notationFile, []byte(head+strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestKernelNotation compares String with the recorded text of a kernel.
func TestKernelNotation(t *testing.T) {
	b, err := os.ReadFile(notationFile)
	if err != nil {
		t.Fatal(err)
	}
	rows, n := map[Op]bool{}, 0
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		bytesHex, want, _ := strings.Cut(strings.TrimSpace(line), " ")
		code, err := hex.DecodeString(bytesHex)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		prog, err := Decode(code)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if got := Format(prog, 0, kernelNames); got != want {
			t.Errorf("%s: %q, the kernel printed %q", bytesHex, got, want)
		}
		rows[prog[0].Op] = true
		n++
	}
	if n < 1500 || len(rows) < 160 {
		t.Errorf("only %d instructions of %d rows recorded", n, len(rows))
	}
	t.Logf("compared %d instructions of %d rows with the recorded text", n, len(rows))
}

// TestDisasmGolden pins one line per row, so that every row has a notation.
func TestDisasmGolden(t *testing.T) {
	var b bytes.Buffer
	for op := range Ops() {
		i := New(op, R1, R2, 4, 5)
		switch r := op.Info(); {
		case r.Kind == KindLoadImm64:
			i = LoadImm64(op, R1, 8<<32|5)[0]
		case op == OpAddrSpaceCast:
			i.Imm = CastToKernel
		}
		fmt.Fprintf(&b, "%-20s %s\n", op, i)
	}
	golden(t, "testdata/disasm_rows.golden", b.Bytes())
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (rewrite with -update); got:\n%s", file, got)
	}
}

func TestDisasm(t *testing.T) {
	m := LoadImm64(OpLddwMapFD, R1, 3)
	v := LoadImm64(OpLddwMapValue, R2, 8<<32|3)
	f := LoadImm64(OpLddwFunc, R2, 4)
	prog := []Insn{
		m[0], m[1], v[0], v[1],
		New(OpCallHelper, 0, 0, 0, 1),
		New(OpJneImm, R0, 0, 1, 0),
		New(OpCallLocal, 0, 0, 0, 4),
		f[0], f[1],
		New(OpCallKfunc, 0, 0, 0, 77),
		New(OpExit, 0, 0, 0, 0),
		New(OpMov64Imm, R0, 0, 0, 0),
		New(OpExit, 0, 0, 0, 0),
	}
	names := *kernelNames
	names.Map = func(load Insn) string { return map[int32]string{3: "counters"}[load.ImmLow()] }
	names.Func = func(pc int) string { return map[int]string{0: "main", 11: "helper", 12: "callback"}[pc] }
	comments := func(pc int) []string {
		if pc == 4 {
			return []string{"value = bpf_map_lookup_elem(&counters, &key);"}
		}
		return nil
	}
	var b bytes.Buffer
	for _, tt := range []struct {
		title string
		opts  DisasmOptions
	}{
		{"plain", DisasmOptions{}},
		{"names, comments, bytes", DisasmOptions{Names: &names, Comment: comments, Bytes: true}},
		{"names that know nothing", DisasmOptions{Names: &Names{
			Helper: func(int32) string { return "" }, Kfunc: func(int32, int16) string { return "" },
			Map: func(Insn) string { return "" }, Func: func(int) string { return "" },
		}}},
	} {
		fmt.Fprintf(&b, "# %s\n", tt.title)
		if err := Disasm(prog, &b, tt.opts); err != nil {
			t.Fatal(err)
		}
	}
	golden(t, "testdata/disasm.golden", b.Bytes())

	if err := Disasm(prog, failingWriter{}, DisasmOptions{}); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("Disasm to a failing writer: %v", err)
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
