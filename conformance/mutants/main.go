// Command mutants asks whether the conformance suite would notice: it puts one fault after the other into the engines,
// builds them so, and runs the suite, which must fail each time.
//
//	go run ./conformance/mutants [-run REGEXP] [-list]
//
// The tree itself stays as it is: a fault is a piece of text of one file and what stands there instead, given to the
// build as an overlay. Text that does not stand in its file exactly once is an error, so that the table ages with the
// code. A line is printed for each mutant, with the first case that failed. Mutants of machine code for an architecture other
// than the host's run in qemu-user, where that is installed; else they are left out, and counted. The command exits with 1 when a mutant
// survives. It takes about ten seconds a mutant.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"
)

func main() {
	run := flag.String("run", "", "only mutants whose names match")
	list := flag.Bool("list", false, "print the names")
	play := flag.String("play", "", "run the suite in these engines until a case fails (what mutants do)")
	flag.Parse()
	if *play != "" {
		os.Exit(playSuite(strings.Split(*play, ",")))
	}
	want, err := regexp.Compile(*run)
	if err != nil {
		fatal(err)
	}
	var chosen []mutant
	for _, m := range mutants {
		if want.MatchString(m.name) {
			chosen = append(chosen, m)
		}
	}
	if *list {
		for _, m := range chosen {
			fmt.Printf("%-60s %s\n", m.name, m.file)
		}
		return
	}
	b, err := newBuilder()
	if err != nil {
		fatal(err)
	}
	sum, err := b.all(chosen, os.Stdout)
	os.RemoveAll(b.tmp)
	if err != nil {
		fatal(err)
	}
	fmt.Printf("%d killed, %d survived, %d left out\n", sum.killed, sum.survived, sum.left)
	if sum.survived > 0 {
		os.Exit(1)
	}
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "mutants:", err)
	os.Exit(2)
}

// mutant is a fault to put into a file.
type mutant struct {
	name string
	file string // from the top of the module
	old  string // stands in the file exactly once
	new  string
	// arch is the architecture whose machine code the fault is in, by Go's name; "" for a fault that every
	// host shows.
	arch string
	// engines are where the suite looks, all if nil.
	engines []string
}

type summary struct{ killed, survived, left int }

// builder makes and runs mutants.
type builder struct {
	root, tmp string
	intact    map[string]error // whether the suite passes without a fault, by architecture
}

// timeLimit bounds the run of a mutant: one that goes on for ever has been noticed.
const timeLimit = 5 * time.Minute

func newBuilder() (*builder, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return nil, fmt.Errorf("where is the module? %w", err)
	}
	b := &builder{root: strings.TrimSpace(string(out)), intact: map[string]error{}}
	b.tmp, err = os.MkdirTemp("", "mutants")
	return b, err
}

// emulator is what runs programs of an architecture here: nothing for the host's own. The error says that there is none.
func emulator(arch string) ([]string, error) {
	if arch == runtime.GOARCH {
		return nil, nil
	}
	name := map[string]string{"arm64": "qemu-aarch64-static", "amd64": "qemu-x86_64-static"}[arch]
	path, err := exec.LookPath(name)
	if err != nil || runtime.GOOS != "linux" {
		return nil, fmt.Errorf("no emulator of %s", arch)
	}
	return []string{path}, nil
}

// all tries mutants and prints a line for each.
func (b *builder) all(list []mutant, out *os.File) (sum summary, err error) {
	for _, m := range list {
		if _, err := m.apply(b.root); err != nil {
			return sum, err // before anything takes long
		}
	}
	for _, m := range list {
		arch := m.arch
		if arch == "" {
			arch = runtime.GOARCH
		}
		emu, err := emulator(arch)
		if err != nil {
			sum.left++
			fmt.Fprintf(out, "left out  %-62s %v\n", m.name, err)
			continue
		}
		if err := b.passes(arch, emu); err != nil {
			return sum, err
		}
		why, err := b.try(m, arch, emu)
		if err != nil {
			return sum, err
		}
		if why == "" {
			sum.survived++
			fmt.Fprintf(out, "SURVIVED  %s\n", m.name)
			continue
		}
		sum.killed++
		fmt.Fprintf(out, "killed    %-62s %s\n", m.name, cutTo(why, 160))
	}
	return sum, nil
}

func cutTo(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n]) + "..."
	}
	return s
}

// passes makes sure, once an architecture, that the suite passes without a fault.
func (b *builder) passes(arch string, emu []string) error {
	if err, ok := b.intact[arch]; ok {
		return err
	}
	why, err := b.try(mutant{name: "no fault"}, arch, emu)
	if err == nil && why != "" {
		err = fmt.Errorf("the suite fails on %s without a fault: %s", arch, why)
	}
	b.intact[arch] = err
	return err
}

// apply returns the file with the fault.
func (m *mutant) apply(root string) ([]byte, error) {
	src, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(m.file)))
	if err != nil {
		return nil, fmt.Errorf("mutant %s: %w", m.name, err)
	}
	switch n := strings.Count(string(src), m.old); {
	case n != 1:
		return nil, fmt.Errorf("mutant %s: its text stands %d times in %s: bring the table up to date", m.name, n, m.file)
	case m.old == m.new:
		return nil, fmt.Errorf("mutant %s: changes nothing", m.name)
	}
	return []byte(strings.Replace(string(src), m.old, m.new, 1)), nil
}

// try builds the suite with a fault and runs it. It returns how the fault was noticed, "" if it was not. The error is of a
// mutant that cannot be built.
func (b *builder) try(m mutant, arch string, emu []string) (why string, err error) {
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	if m.file != "" {
		src, err := m.apply(b.root)
		if err != nil {
			return "", err
		}
		path := filepath.Join(b.tmp, "mutant.go")
		if err := os.WriteFile(path, src, 0o600); err != nil {
			return "", err
		}
		overlay.Replace[filepath.Join(b.root, filepath.FromSlash(m.file))] = path
	}
	j, err := json.Marshal(overlay)
	if err != nil {
		return "", err
	}
	config := filepath.Join(b.tmp, "overlay.json")
	if err := os.WriteFile(config, j, 0o600); err != nil {
		return "", err
	}
	bin := filepath.Join(b.tmp, "suite.exe")
	build := exec.Command("go", "build", "-ldflags=-s -w", "-overlay", config, "-o", bin, "./conformance/mutants")
	build.Dir = b.root
	build.Env = append(os.Environ(), "GOARCH="+arch, "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("mutant %s does not build: %w\n%s", m.name, err, out)
	}
	engines := m.engines
	if engines == nil {
		engines = everywhere
	}
	ctx, stop := context.WithTimeout(context.Background(), timeLimit)
	defer stop()
	args := append(append([]string(nil), emu...), bin, "-play", strings.Join(engines, ","))
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	out, err := cmd.Output()
	return verdict(string(out), err, ctx.Err() != nil)
}

// verdict says from what the suite printed how it failed, "" if it passed.
func verdict(out string, err error, late bool) (string, error) {
	var exit *exec.ExitError
	switch lines := strings.Split(strings.TrimSpace(out), "\n"); {
	case err != nil && !errors.As(err, &exit):
		return "", err
	case err == nil:
		return "", nil
	case late:
		return "does not end at " + lines[len(lines)-1], nil
	case exit.ExitCode() == exitFailed:
		return lines[len(lines)-1], nil
	case exit.ExitCode() == exitUnable:
		return "", fmt.Errorf("the suite does not run: %s", out)
	default:
		return "crashes at " + lines[len(lines)-1], nil
	}
}
