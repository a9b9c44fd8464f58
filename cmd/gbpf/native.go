package main

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/jit"
	"github.com/gbpf/gbpf/loader"
	"github.com/gbpf/gbpf/vm"
)

type dumpFlags struct {
	program   string
	arch      string
	confine   string
	all       bool
	kernelBTF string
	vars      []string
	kconfig   []string
}

func dumpCommand() *cobra.Command {
	f := &dumpFlags{}
	cmd := &cobra.Command{
		Use:   "dump OBJ",
		Short: "Print programs as machine code, beside their instructions and C lines",
		Long: "Dump loads an object and prints what the JIT makes of its programs, on any host for any architecture: the C line,\n" +
			"the instructions of BPF on the left, the machine code that stands for each on the right. Constants that a machine\n" +
			"chooses, such as addresses of maps, are of the machine that the command made.",
		Example: "  gbpf dump filter.o\n  gbpf dump filter.o --program drop --arch arm64",
		Args:    oneObject,
		RunE:    func(cmd *cobra.Command, args []string) error { return f.run(cmd.OutOrStdout(), args[0]) },
	}
	fl := cmd.Flags()
	fl.StringVarP(&f.program, "program", "p", "", "the program's `name`; all of them without")
	fl.StringVar(&f.arch, "arch", "", "the `architecture` amd64 or arm64; by default this machine's")
	fl.StringVar(&f.confine, "confine", "always", "which memory accesses are confined to the sandbox: `always`, or unproved: those alone that the verifier did not prove")
	fl.BoolVar(&f.all, "all", false, "print also the ways out that are rarely taken and the code by which the host enters")
	fl.StringVar(&f.kernelBTF, "kernel-btf", "", "the kernel's types for CO-RE: a BTF `file`, or vmlinux for this machine's kernel")
	fl.StringArrayVar(&f.vars, "var", nil, "a global variable as `NAME=VALUE`, set before loading")
	fl.StringArrayVar(&f.kconfig, "kconfig", nil, "a .kconfig variable as `NAME=VALUE`")
	return cmd
}

func (f *dumpFlags) run(w io.Writer, path string) error {
	if f.arch == "" {
		f.arch = runtime.GOARCH
	}
	if !slices.Contains(jit.Archs, f.arch) {
		return fmt.Errorf("--arch %s: no machine code is made for it: want %s", f.arch, strings.Join(jit.Archs, " or "))
	}
	vo := vm.Options{}
	switch f.confine {
	case "always":
	case "unproved":
		vo.Confine = jit.ConfineUnproved
	default:
		return fmt.Errorf("--confine %s: want always or unproved", f.confine)
	}
	spec, err := loader.LoadSpecFile(path)
	if err != nil {
		return err
	}
	names := programNames(spec)
	if f.program != "" || len(names) == 0 {
		if f.program, err = pickProgram(spec, f.program); err != nil {
			return err
		}
		names = []string{f.program}
	}
	if err := setVariables(spec, f.vars); err != nil {
		return err
	}
	opts := &loader.Options{Programs: names}
	if opts.Kconfig, err = kconfigValues(spec, f.kconfig); err != nil {
		return err
	}
	if opts.KernelBTF, err = kernelBTF(f.kernelBTF); err != nil {
		return err
	}
	m, err := vm.NewMachine(vo)
	if err != nil {
		return err
	}
	defer m.Close()
	coll, err := loader.New(m, spec, opts)
	if err != nil {
		return refusalHelp(path, err)
	}
	for i, name := range names {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if err := printNative(w, coll.Programs[name], f.arch, f.all); err != nil {
			return err
		}
	}
	return nil
}

// nativeColumn is where machine code begins on a line.
const nativeColumn = 52

// printNative prints a program in the order of its machine code: what stands for its instructions, or all.
func printNative(w io.Writer, p *vm.Program, arch string, all bool) error {
	code, err := p.MachineCode(arch)
	if err != nil {
		return err
	}
	insns := p.Insns()
	var left []string // waits for machine code on its right
	flush := func(right string) {
		for len(left) > 1 || len(left) == 1 && right == "" {
			fmt.Fprintln(w, left[0])
			left = left[1:]
		}
		text := ""
		if len(left) == 1 {
			text, left = left[0], nil
		}
		if right != "" {
			fmt.Fprintf(w, "%-*s %s\n", nativeColumn, text, right)
		}
	}
	lines, parts, source := code.Lines, code.Parts, ""
	shown := make([]bool, len(insns))
	own := 0 // native instructions that stand for the program's
	end := code.End
	if all {
		end = len(code.Code)
	}
	fmt.Fprintf(w, "# %s on %s\n", p.Name(), arch)
	for at := 0; at < end; {
		for len(parts) > 0 && parts[0].Offset <= at {
			flush("")
			fmt.Fprintf(w, "%s:\n", parts[0].Name)
			parts = parts[1:]
		}
		for len(lines) > 0 && lines[0].Offset <= at {
			pc := lines[0].Insn
			lines = lines[1:]
			if pc >= len(insns) {
				continue
			}
			// Instructions before it that left no code of their own are shown with it.
			from := pc
			for from > 0 && !shown[from-1] {
				from--
			}
			for i := from; i <= pc; i++ {
				if c := p.Source(i); c != source && c != "" {
					flush("")
					fmt.Fprintf(w, "; %s\n", c)
					source = c
				}
				if insns[i].Op != isa.OpLddwHi {
					left = append(left, fmt.Sprintf("%6d: %s", i, p.Text(i)))
				}
				shown[i] = true
			}
		}
		text, n := decode(arch, code.Code[at:], uint64(at))
		flush(fmt.Sprintf("%5x: %s", at, text))
		if at < code.End {
			own++
		}
		at += n
	}
	flush("")
	note := ""
	if arch == "arm64" {
		note = fmt.Sprintf(" (%d if translated one by one)", jit.OneToOne(insns))
	}
	fmt.Fprintf(w, "%d instructions of BPF, %d of %s%s; %d bytes", len(insns), own, arch, note, code.End)
	if all {
		fmt.Fprintf(w, ", with exits and entries %d", len(code.Code))
	}
	fmt.Fprintln(w)
	return nil
}
