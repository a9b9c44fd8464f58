package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/spf13/cobra"

	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/loader"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
	"github.com/gbpf/gbpf/vm"
)

type verifyFlags struct {
	program   string
	raw       string
	typ       string
	policy    string
	kernelBTF string
	targets   []string
	vars      []string
	kconfig   []string
	json      bool
	log       bool
}

// errRejected ends a verify command that refused a program; it has said so already.
var errRejected = errors.New("rejected")

func verifyCommand() *cobra.Command {
	f := &verifyFlags{}
	cmd := &cobra.Command{
		Use:   "verify OBJ | verify --raw FILE --type TYPE",
		Short: "Say whether programs are safe, and if not, why",
		Long: "Verify holds the programs of an object against the rules of the Linux verifier, without loading or running\n" +
			"them: maps and helpers that this build does not have are no obstacle. It prints a line a program, and a report\n" +
			"for each one that is refused.\n\n" +
			"Exit status: 0 all programs are accepted, 1 some are rejected, 2 the command or the file is wrong.",
		Example: "  gbpf verify filter.o\n" +
			"  gbpf verify probes.o --program on_open --kernel-btf vmlinux\n" +
			"  echo 'b7 00 00 00 02 00 00 00  95 00 00 00 00 00 00 00' | gbpf verify --raw - --type xdp",
		Args: func(cmd *cobra.Command, args []string) error {
			if f.raw == "" {
				return oneObject(cmd, args)
			}
			if len(args) > 0 {
				return fmt.Errorf("verify: --raw %s and %s given: want one of them", f.raw, args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			opts, err := f.options(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			var all []*verdict
			if f.raw != "" {
				all, err = f.bytes(cmd.InOrStdin())
			} else {
				all, err = f.object(args[0])
			}
			if err != nil {
				return err
			}
			return f.judge(cmd.OutOrStdout(), all, opts)
		},
	}
	fl := cmd.Flags()
	fl.StringVarP(&f.program, "program", "p", "", "the program's `name`; all of them without")
	fl.StringVar(&f.raw, "raw", "", "a `file` of instructions in hex, 8 bytes or one 0x word each, instead of an object; - for standard input")
	fl.StringVar(&f.typ, "type", "", "with --raw, the program `type`, such as xdp or tc")
	fl.StringVar(&f.policy, "policy", "linux", "what is accepted: the `policy` linux, strict or sandboxed")
	fl.StringVar(&f.kernelBTF, "kernel-btf", "", "the kernel's types: a BTF `file`, vmlinux for this machine's kernel, or none; by default vmlinux for objects with programs that attach to kernel functions, where there is one")
	fl.StringArrayVar(&f.targets, "target", nil, "what a tracing program attaches to, if a BPF program, as `PROGRAM=TYPE`, such as trace=xdp")
	fl.StringArrayVar(&f.vars, "var", nil, "a global variable as `NAME=VALUE`, set before verifying")
	fl.StringArrayVar(&f.kconfig, "kconfig", nil, "a .kconfig variable as `NAME=VALUE`")
	fl.BoolVar(&f.json, "json", false, "print one JSON object a program, on a line")
	fl.BoolVar(&f.log, "log", false, "print each instruction that is walked, and what is known there, to standard error")
	return cmd
}

// options validates the flags that need no file.
func (f *verifyFlags) options(log io.Writer) (o verifier.Options, err error) {
	if o.Policy, err = vm.ParsePolicy(f.policy); err != nil {
		return o, fmt.Errorf("--policy %s: want linux, strict or sandboxed", f.policy)
	}
	if f.log {
		o.Log = log
	}
	switch {
	case f.raw == "" && f.typ != "":
		return o, fmt.Errorf("--type %s: an object's programs have their types: it goes with --raw", f.typ)
	case f.raw != "" && f.typ == "":
		return o, fmt.Errorf("--raw %s: give the program type with --type, such as --type xdp", f.raw)
	case f.raw != "":
		for _, flag := range []struct {
			name string
			set  bool
		}{{"program", f.program != ""}, {"kernel-btf", f.kernelBTF != ""}, {"target", f.targets != nil}, {"var", f.vars != nil}, {"kconfig", f.kconfig != nil}} {
			if flag.set {
				return o, fmt.Errorf("--%s: it goes with an object, not with --raw", flag.name)
			}
		}
	}
	return o, nil
}

// verdict is what there is to say of one program.
type verdict struct {
	name  string
	typ   string
	spec  *verifier.Spec // nil if err is known without the verifier
	insns int
	err   *verifier.Error // nil for an accepted program
	stats verifier.Stats
	took  time.Duration
}

// refused is the verdict on a program that never got to the verifier.
func refused(name, typ string, code verifier.Code, insn, insns int, line, reason string) *verdict {
	return &verdict{name: name, typ: typ, insns: insns, err: &verifier.Error{
		Program: name, Code: code, Insn: insn, Line: line, Reason: reason, Stats: verifier.Stats{Insns: insns},
	}}
}

// object lists the programs of an object.
func (f *verifyFlags) object(path string) ([]*verdict, error) {
	spec, err := loader.LoadSpecFile(path)
	if err != nil {
		return nil, err
	}
	opts := &loader.Options{SkipUnsupported: true}
	if f.program != "" {
		if _, err := pickProgram(spec, f.program); err != nil {
			return nil, err
		}
		opts.Programs = []string{f.program}
	}
	if err := setVariables(spec, f.vars); err != nil {
		return nil, err
	}
	if opts.Kconfig, err = kconfigValues(spec, f.kconfig); err != nil {
		return nil, err
	}
	if opts.KernelBTF, err = f.kernelTypes(spec); err != nil {
		return nil, err
	}
	if opts.Targets, err = f.attachTargets(spec); err != nil {
		return nil, err
	}
	specs, err := loader.VerifierSpecs(spec, opts)
	if err != nil {
		return nil, err
	}
	var all []*verdict
	for name, s := range specs {
		if f.program == "" || name == f.program {
			all = append(all, &verdict{name: name, typ: s.Type.Name, spec: s, insns: len(s.Insns)})
		}
	}
	for _, e := range opts.Skipped {
		if e.Program != "" && (f.program == "" || e.Program == f.program) {
			insns, typ := 0, "unknown"
			if p := spec.Programs[e.Program]; p != nil {
				for i := range p.Instructions {
					insns += int(p.Instructions[i].Width())
				}
				if t := progtype.ByKernel(uint32(p.Type)); t != nil {
					typ = t.Name
				}
			}
			all = append(all, refused(e.Program, typ, verifier.CodeUnsupported, e.Insn, insns, e.Line, e.Reason))
		}
	}
	slices.SortFunc(all, func(a, b *verdict) int { return strings.Compare(a.name, b.name) })
	return all, nil
}

// attachTargets parses PROGRAM=TYPE settings.
func (f *verifyFlags) attachTargets(spec *ebpf.CollectionSpec) (map[string]*verifier.FuncType, error) {
	targets := map[string]*verifier.FuncType{}
	for _, s := range f.targets {
		name, typ, ok := strings.Cut(s, "=")
		if !ok {
			return nil, fmt.Errorf("--target %s: want PROGRAM=TYPE", s)
		}
		p := spec.Programs[name]
		if p == nil {
			return nil, fmt.Errorf("--target %s: no such program: the object has %s", s, nameList(spec.Programs))
		}
		if t := progtype.ByName(typ); t != nil {
			targets[name] = loader.BPFTarget(p.AttachTo, t)
		}
		if targets[name] == nil {
			return nil, fmt.Errorf("--target %s: programs of type %s cannot be traced: want a type such as xdp or sched_cls", s, typ)
		}
	}
	return targets, nil
}

// bytes reads a program from a file of hex.
func (f *verifyFlags) bytes(stdin io.Reader) ([]*verdict, error) {
	typ, attach := progtype.ByName(f.typ), uint32(0)
	if t, a, ok := progtype.BySection(f.typ); ok && (typ == nil || typ == t) {
		typ, attach = t, a
	}
	if typ == nil {
		return nil, fmt.Errorf("--type %s: no such program type: gbpf types lists them", f.typ)
	}
	text, err := readRaw(f.raw, stdin)
	if err != nil {
		return nil, err
	}
	b, err := parseInsns(text)
	if err != nil {
		return nil, fmt.Errorf("--raw %s: %w", f.raw, err)
	}
	const name = "raw"
	insns, err := isa.Decode(b)
	if err != nil {
		var de *isa.DecodeError
		if errors.As(err, &de) {
			return []*verdict{refused(name, typ.Name, verifier.CodeStructure, de.Insn, len(b)/8, "", de.Reason)}, nil
		}
		return nil, fmt.Errorf("--raw %s: %w", f.raw, err)
	}
	return []*verdict{{name: name, typ: typ.Name, insns: len(insns), spec: &verifier.Spec{
		Name: name, Type: typ, Attach: attach, GPL: true, Sleepable: typ == progtype.Syscall, Insns: insns,
	}}}, nil
}

func readRaw(name string, stdin io.Reader) (string, error) {
	const limit = 64 << 20
	r := stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			var pe *os.PathError
			if errors.As(err, &pe) {
				err = pe.Err
			}
			return "", fmt.Errorf("--raw %s: %w", name, err)
		}
		defer file.Close()
		r = file
	}
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return "", fmt.Errorf("--raw %s: %w", name, err)
	}
	if len(b) > limit {
		return "", fmt.Errorf("--raw %s: more than %d bytes of text", name, limit)
	}
	return string(b), nil
}

// judge verifies the programs and reports.
func (f *verifyFlags) judge(w io.Writer, all []*verdict, o verifier.Options) error {
	rejected := false
	for _, v := range all {
		if err := v.verify(o); err != nil {
			return err
		}
		rejected = rejected || v.err != nil
		if f.json {
			if err := v.json(w); err != nil {
				return err
			}
			continue
		}
		v.text(w)
	}
	if rejected {
		return errRejected
	}
	return nil
}

func (v *verdict) verify(o verifier.Options) error {
	if v.err != nil {
		return nil
	}
	begin := time.Now()
	proof, err := verifier.Verify(v.spec, o)
	v.took = time.Since(begin)
	switch {
	case err == nil:
		v.stats = proof.Stats()
	case errors.As(err, &v.err):
		v.stats = v.err.Stats
	default:
		return err
	}
	return nil
}

func (v *verdict) word() string {
	if v.err != nil {
		return "reject"
	}
	return "accept"
}

func (v *verdict) text(w io.Writer) {
	fmt.Fprintf(w, "%s %s insns=%d processed=%d states=%d time=%v\n", v.word(), v.name, v.insns, v.stats.Processed, v.stats.States, v.took.Round(time.Microsecond))
	if v.err == nil {
		return
	}
	for _, line := range strings.Split(strings.TrimRight(fmt.Sprintf("%+v", v.err), "\n"), "\n") {
		fmt.Fprintln(w, strings.TrimRight("  "+line, " "))
	}
}

// verdictLine is a verdict as JSON.
type verdictLine struct {
	Program   string `json:"program"`
	Type      string `json:"type"`
	Verdict   string `json:"verdict"` // accept or reject
	Code      string `json:"code"`    // of the rule that was broken, "" if none
	Insn      int    `json:"insn"`    // the instruction to blame, -1 if none
	Message   string `json:"message"`
	Insns     int    `json:"insns"`
	Processed int    `json:"processed"`
	States    int    `json:"states"`
	PeakBytes int    `json:"peak_bytes"`
	Time      int64  `json:"time_ns"`
}

func (v *verdict) json(w io.Writer) error {
	line := verdictLine{
		Program: v.name, Type: v.typ, Verdict: v.word(), Insn: -1, Insns: v.insns,
		Processed: v.stats.Processed, States: v.stats.States, PeakBytes: v.stats.PeakBytes, Time: v.took.Nanoseconds(),
	}
	if v.err != nil {
		line.Code, line.Insn, line.Message = string(v.err.Code), v.err.Insn, oneLine(v.err.Error())
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(line)
}

// kernelTypes are those that --kernel-btf names. Without it programs that attach to kernel functions, which have
// no context but these functions' arguments, get this machine's.
func (f *verifyFlags) kernelTypes(spec *ebpf.CollectionSpec) (*btf.Spec, error) {
	switch f.kernelBTF {
	case "none":
		return nil, nil
	case "":
		for _, p := range spec.Programs {
			switch p.Type {
			case ebpf.Tracing, ebpf.LSM, ebpf.StructOps:
				if s, err := btf.LoadKernelSpec(); err == nil {
					return s, nil
				}
				return nil, nil
			}
		}
	}
	return kernelBTF(f.kernelBTF)
}
