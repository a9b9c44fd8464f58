package conformance

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gbpf/gbpf/internal/kernel"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/verifier"
)

var elsewhere = flag.Bool("elsewhere", false, "name programs that gbpf and the kernel refuse at different instructions")

// knownKernel is the release that the verifier follows. Others may judge otherwise.
const knownKernel = "6.18"

// differs returns how to report a difference from the live kernel: as an error if it is the one that the
// verifier follows.
func differs(t *testing.T) func(format string, args ...any) {
	if minor(kernel.Release()) == knownKernel {
		return t.Errorf
	}
	return t.Logf
}

// A judgement is what gbpf's verifier says about a program.
type judgement struct {
	accepted bool
	// out is the feature that the verifier does not know, "" for a verdict that counts.
	out   string
	err   error // why the program was refused
	stats verifier.Stats
}

func (j *judgement) String() string {
	switch {
	case j.out != "":
		return "unsupported"
	case j.accepted:
		return "accept"
	}
	return "reject"
}

// judge verifies a program. A panic of the verifier is a failure of the test, whatever the kernel said.
func judge(t testing.TB, spec *verifier.Spec) (j *judgement) {
	t.Helper()
	defer func() {
		if r := recover(); r != nil {
			t.Errorf("%s: the verifier panicked: %v", spec.Name, r)
			j = &judgement{err: fmt.Errorf("panic: %v", r), out: "panic"}
		}
	}()
	proof, err := verifier.Verify(spec, verifier.Options{})
	if err == nil {
		return &judgement{accepted: true, stats: proof.Stats()}
	}
	j = &judgement{err: err}
	var ve *verifier.Error
	if !errors.As(err, &ve) {
		t.Errorf("%s: the verifier's error is a %T, want *verifier.Error: %v", spec.Name, err, err)
		return j
	}
	j.stats = ve.Stats
	// What a loader marked as impossible to call is no feature that the verifier lacks.
	if ve.Code == verifier.CodeUnsupported && spec.Poison[ve.Insn] == "" {
		j.out = ve.Reason
	}
	return j
}

// listing prints a program with the kernel's notation, the beginning of a long one.
func listing(s *verifier.Spec) string {
	if s == nil {
		return ""
	}
	var b strings.Builder
	for pc, in := range s.Insns {
		if pc == 100 {
			fmt.Fprintf(&b, "\t... and %d more", len(s.Insns)-pc)
			break
		}
		if in.Op != isa.OpLddwHi {
			fmt.Fprintf(&b, "\t%3d: %s\n", pc, isa.Format(s.Insns, pc, nil))
		}
	}
	return b.String()
}

// An exception is a program about which gbpf and the kernel differ, and may.
type exception struct {
	accept bool // gbpf accepts it
	reason string
	seen   bool
}

// readExceptions reads a list of lines "KEY accept|reject REASON", where the verdict is gbpf's and
// the kernel's is the other one. Empty lines and those that begin with # are comments.
func readExceptions(t *testing.T, file string) map[string]*exception {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	list := map[string]*exception{}
	for lines, n := bufio.NewScanner(f), 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		key, rest, _ := strings.Cut(line, " ")
		verdict, reason, _ := strings.Cut(strings.TrimSpace(rest), " ")
		reason = strings.TrimSpace(reason)
		if verdict != "accept" && verdict != "reject" || reason == "" {
			t.Fatalf("%s:%d: %q: want KEY accept|reject REASON", file, n, line)
		}
		if list[key] != nil {
			t.Fatalf("%s:%d: %s is listed twice", file, n, key)
		}
		list[key] = &exception{accept: verdict == "accept", reason: reason}
	}
	return list
}

// verdicts counts how two verifiers agree.
type verdicts struct {
	accepted, rejected         int // by both
	unsafe, falseReject        int // by gbpf alone, by the kernel alone
	beyond                     int // by gbpf alone, where the kernel gives up at one of its limits
	excepted                   int // differing, and listed as an exception
	out                        map[string]int
	kernelInsns, insns         int // processed for programs that both accepted
	kernelRejected, ourRejects int // processed for programs that both refused
}

func (v *verdicts) leaveOut(why string) {
	if v.out == nil {
		v.out = map[string]int{}
	}
	v.out[why]++
}

func (v *verdicts) inScope() int {
	return v.accepted + v.rejected + v.unsafe + v.falseReject + v.beyond + v.excepted
}

func (v *verdicts) String() string {
	n := v.inScope()
	left := 0
	for _, c := range v.out {
		left += c
	}
	return fmt.Sprintf("%d programs in scope (%.1f %% of %d): both accept %d, both reject %d, unsafe acceptances %d, false rejections %d, too much for the kernel alone %d, listed exceptions %d\n"+
		"processed instructions of those accepted: kernel %d, gbpf %d (%.3f); of those rejected: kernel %d, gbpf %d\n%s",
		n, 100*float64(n)/float64(max(1, n+left)), n+left, v.accepted, v.rejected, v.unsafe, v.falseReject, v.beyond, v.excepted,
		v.kernelInsns, v.insns, float64(v.insns)/float64(max(1, v.kernelInsns)), v.kernelRejected, v.ourRejects, histogram(v.out))
}

// overLimit reports whether the kernel refused a program because it took too long to verify.
func overLimit(line string) bool {
	return strings.HasPrefix(line, "BPF program is too large. Processed ") || strings.Contains(line, " jumps is too complex")
}

// add counts one program and returns what to report, "" when the verdicts agree or the
// difference is listed.
func (v *verdicts) add(key string, accepted bool, line string, processed int, j *judgement, list map[string]*exception) string {
	if j.out != "" {
		v.leaveOut(j.out)
		return ""
	}
	if accepted == j.accepted {
		if accepted {
			v.accepted++
			v.kernelInsns += processed
			v.insns += j.stats.Processed
		} else {
			v.rejected++
			v.kernelRejected += processed
			v.ourRejects += j.stats.Processed
		}
		return ""
	}
	if e := list[key]; e != nil && e.accept == j.accepted {
		e.seen = true
		v.excepted++
		return ""
	}
	if j.accepted && overLimit(line) {
		v.beyond++
		return ""
	}
	if j.accepted {
		v.unsafe++
		return fmt.Sprintf("UNSAFE: accepted, the kernel rejects: %s", line)
	}
	v.falseReject++
	return fmt.Sprintf("FALSE REJECTION, the kernel accepts: %v", j.err)
}

// checkCount fails if gbpf takes more than 1.1 times as many instructions as the kernel for the programs
// that both accept: programs that the kernel just manages would not be verified.
func (v *verdicts) checkCount(t *testing.T) {
	t.Helper()
	if 10*v.insns > 11*v.kernelInsns {
		t.Errorf("%d instructions processed for programs that take the kernel %d: more than 1.1 times as many", v.insns, v.kernelInsns)
	}
}

// checkExceptions fails for listed programs about which the two do not differ (any more).
func checkExceptions(t *testing.T, file string, list map[string]*exception) {
	t.Helper()
	for key, e := range list {
		if !e.seen {
			t.Errorf("%s: %s is listed (%s), but gbpf and the kernel do not differ in that way", file, key, e.reason)
		}
	}
}

func TestVerdictCount(t *testing.T) {
	refused := &judgement{err: errors.New("no")}
	accepted := &judgement{accepted: true, stats: verifier.Stats{Processed: 9}}
	limitless := &judgement{accepted: true}
	list := map[string]*exception{"7": {accept: true, reason: "r"}, "8": {reason: "r"}}
	var v verdicts
	for _, tt := range []struct {
		key    string
		kernel bool
		j      *judgement
		want   string // how the report begins
	}{
		{"1", true, accepted, ""},
		{"2", false, refused, ""},
		{"3", false, accepted, "UNSAFE"},
		{"4", true, refused, "FALSE REJECTION"},
		{"5", true, &judgement{out: "a feature"}, ""},
		{"7", false, accepted, ""},
		{"8", true, refused, ""},
		{"8", false, accepted, "UNSAFE"},
		{"7", true, refused, "FALSE REJECTION"},
		{"9", false, limitless, ""},
	} {
		line := "line"
		if tt.j == limitless {
			line = "BPF program is too large. Processed 1000001 insn"
		}
		got := v.add(tt.key, tt.kernel, line, 10, tt.j, list)
		if got != tt.want && (tt.want == "" || !strings.HasPrefix(got, tt.want)) {
			t.Errorf("%s: kernel %v, gbpf %v: %q, want %q", tt.key, tt.kernel, tt.j, got, tt.want)
		}
	}
	if v.accepted != 1 || v.rejected != 1 || v.unsafe != 2 || v.falseReject != 2 || v.excepted != 2 || v.beyond != 1 || v.out["a feature"] != 1 || v.inScope() != 9 {
		t.Errorf("counted %+v", v)
	}
	if v.kernelInsns != 10 || v.insns != 9 {
		t.Errorf("processed: kernel %d, gbpf %d; want 10 and 9", v.kernelInsns, v.insns)
	}
	if !list["7"].seen || !list["8"].seen {
		t.Error("exceptions that were used are not marked")
	}
}

func TestReadExceptions(t *testing.T) {
	file := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(file, []byte("# comment\n\n12 accept  the kernel is too strict\na:b:c reject too long\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	list := readExceptions(t, file)
	if e := list["12"]; len(list) != 2 || e == nil || !e.accept || e.reason != "the kernel is too strict" {
		t.Errorf("read %+v", list)
	}
	if e := list["a:b:c"]; e == nil || e.accept || e.reason != "too long" {
		t.Errorf("read %+v", e)
	}
}
