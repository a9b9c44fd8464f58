package main

import (
	"strings"
	"testing"

	"github.com/gbpf/gbpf/jit"
)

// TestDumpNative shows small programs as machine code, and that the decoders know all that is made.
func TestDumpNative(t *testing.T) {
	golden(t, "dump", transcript(t, [][]string{
		{"dump", "testdata/one.o", "--arch", "amd64"},
		{"dump", "testdata/one.o", "--arch", "arm64"},
		{"dump", "testdata/one.o", "--arch", "riscv64"},
		{"dump", "testdata/one.o", "--confine", "never"},
		{"dump", "testdata/many.o", "--program", "none"},
		{"dump", "testdata/many.o", "--program", "never_ends"},
	}))
	lines := 0
	for _, arch := range jit.Archs {
		for _, program := range []string{"filter", "rewrite", "push", "forward", "jump", "mark"} {
			status, out, errs := exec(t, "", "dump", "testdata/many.o", "--all", "--arch", arch, "--program", program)
			if status != 0 {
				t.Errorf("%s: %s", program, errs)
			}
			for line := range strings.Lines(out) {
				if lines++; strings.Contains(line, ".byte") || strings.Contains(line, ".inst") && !strings.Contains(line, "0x00000000") {
					t.Errorf("%s on %s: not decoded: %s", program, arch, line)
				}
			}
		}
	}
	t.Logf("%d lines", lines)
}
