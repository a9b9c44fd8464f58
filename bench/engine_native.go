package bench

import (
	"bufio"
	"embed"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

//go:embed native/*.c
var nativeFiles embed.FS

// nativeEngine runs the programs as clang compiles them for this machine, in child processes: each placement is an executable of
// its own, linked in another order.
type nativeEngine struct {
	label    string
	flags    []string
	clang    string
	dir      string
	index    map[string]int
	children []*child
}

// findClang returns the path of the compiler: $CLANG, clang-19 or clang.
func findClang() (string, error) {
	if runtime.GOOS == "windows" {
		return "", fmt.Errorf("the driver of native programs needs a POSIX system")
	}
	for _, name := range []string{os.Getenv("CLANG"), "clang-19", "clang"} {
		if path, err := exec.LookPath(name); name != "" && err == nil {
			return path, targets(path)
		}
	}
	return "", fmt.Errorf("no clang was found: install clang-19 or set CLANG")
}

// targets says whether a clang compiles for what gbpf runs on, which an emulator may make something else.
func targets(clang string) error {
	out, err := exec.Command(clang, "-print-target-triple").Output()
	if err != nil {
		return fmt.Errorf("%s -print-target-triple: %w", clang, err)
	}
	arch, _, _ := strings.Cut(strings.TrimSpace(string(out)), "-")
	arch = map[string]string{"x86_64": "amd64", "aarch64": "arm64"}[arch]
	if arch != "" && arch != runtime.GOARCH {
		return fmt.Errorf("clang compiles for %s, this is %s", arch, runtime.GOARCH)
	}
	return nil
}

func newNative(label string, flags ...string) (engine, error) {
	clang, err := findClang()
	if err != nil {
		return nil, err
	}
	return &nativeEngine{label: label, flags: flags, clang: clang, index: map[string]int{}}, nil
}

func (e *nativeEngine) name() string { return e.label }

func (e *nativeEngine) command(args ...string) error {
	cmd := exec.Command(e.clang, args...)
	cmd.Dir = e.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", e.clang, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// unpack writes the sources into e.dir and returns the names of the programs.
func (e *nativeEngine) unpack() ([]string, error) {
	var names []string
	for _, source := range []struct {
		fs   fs.FS
		glob string
	}{{files, "programs/*.[ch]"}, {nativeFiles, "native/*.c"}} {
		paths, err := fs.Glob(source.fs, source.glob)
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			b, err := fs.ReadFile(source.fs, path)
			if err != nil {
				return nil, err
			}
			if err := os.WriteFile(filepath.Join(e.dir, filepath.Base(path)), b, 0o600); err != nil {
				return nil, err
			}
		}
	}
	for _, p := range programs() {
		if p.Portable() {
			names = append(names, p.Name)
		}
	}
	return append(names, "empty"), nil
}

func (e *nativeEngine) prepare(n int) (err error) {
	if e.dir, err = os.MkdirTemp("", "gbpf-bench-"); err != nil {
		return err
	}
	names, err := e.unpack()
	if err != nil {
		return err
	}
	var table strings.Builder
	for i, name := range names {
		e.index[name] = i
		fmt.Fprintf(&table, "X(%s)\n", name)
	}
	if err := os.WriteFile(filepath.Join(e.dir, "table.h"), []byte(table.String()), 0o600); err != nil {
		return err
	}
	flags := append([]string{"-O2", "-fno-strict-aliasing", "-Wno-pass-failed", "-c"}, e.flags...)
	flags = append(flags, "driver.c")
	for _, name := range names {
		flags = append(flags, name+".c")
	}
	if err := e.command(flags...); err != nil {
		return err
	}
	for i := range n {
		r := rand.New(rand.NewPCG(uint64(i), 7))
		pad := fmt.Sprintf(".text\n.globl pad\npad: .skip %d\n.section .note.GNU-stack,\"\",@progbits\n", 1+16*r.IntN(256))
		if runtime.GOOS == "darwin" {
			pad = fmt.Sprintf(".text\n.globl pad\npad: .space %d\n", 1+16*r.IntN(256))
		}
		if err := os.WriteFile(filepath.Join(e.dir, "pad.s"), []byte(pad), 0o600); err != nil {
			return err
		}
		objects := []string{"-o", "run" + strconv.Itoa(i), "pad.s", "driver.o"}
		for _, k := range r.Perm(len(names)) {
			objects = append(objects, names[k]+".o")
		}
		if err := e.command(objects...); err != nil {
			return err
		}
		c, err := newChild(filepath.Join(e.dir, "run"+strconv.Itoa(i)))
		if err != nil {
			return err
		}
		e.children = append(e.children, c)
	}
	return nil
}

func (e *nativeEngine) load(p *Program, placement int) (runner, error) {
	i, ok := e.index[p.Name]
	if !ok {
		return nil, absent("maps and helpers exist for BPF only")
	}
	return &nativeRunner{child: e.children[placement], index: i, input: p.Input}, nil
}

func (e *nativeEngine) close() {
	for _, c := range e.children {
		c.close()
	}
	os.RemoveAll(e.dir)
}

// child is a running driver.
type child struct {
	mu  sync.Mutex
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func newChild(path string) (*child, error) {
	c := &child{cmd: exec.Command(path)}
	in, err := c.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.in, c.out = in, bufio.NewReader(out)
	return c, c.cmd.Start()
}

func (c *child) ask(format string, args ...any) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := fmt.Fprintf(c.in, format+"\n", args...); err != nil {
		return "", err
	}
	line, err := c.out.ReadString('\n')
	return strings.TrimSpace(line), err
}

func (c *child) close() {
	c.in.Close()
	c.cmd.Wait() // its end is all that matters
}

type nativeRunner struct {
	child *child
	index int
	input []byte
}

func (r *nativeRunner) first() (uint32, []byte, error) {
	line, err := r.child.ask("first %d %x", r.index, r.input)
	if err != nil {
		return 0, nil, err
	}
	var ret uint32
	var text string
	if _, err := fmt.Sscan(line, &ret, &text); err != nil {
		return 0, nil, fmt.Errorf("bench: the driver says %q: %w", line, err)
	}
	data, err := hex.DecodeString(text)
	return ret, data, err
}

func (r *nativeRunner) run(n int) (time.Duration, error) {
	line, err := r.child.ask("run %d %d", r.index, n)
	if err != nil {
		return 0, err
	}
	ns, err := strconv.ParseInt(line, 10, 64)
	return time.Duration(ns), err
}
