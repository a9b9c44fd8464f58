// Package vm is what users of gbpf hold: a [Machine] with its guest memory, and the
// maps and programs in it.
//
// A machine is a tenant: programs and maps of one machine share its window of guest memory
// and cannot reach that of another. Everything is safe for concurrent use; as
// many programs run at once as the machine has simulated CPUs.
package vm

import (
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/gbpf/gbpf/helpers"
	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/jit"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/verifier"
)

// ErrClosed says that the machine or program has been closed.
var ErrClosed = errors.New("closed")

// Policy says what a machine accepts, see [verifier.Policy].
type Policy = verifier.Policy

// The policies. Whatever a policy lets through, the sandbox confines.
const (
	// PolicyLinux accepts what the kernel accepts from root.
	PolicyLinux = verifier.PolicyLinux
	// PolicyStrict also refuses what only root may do: pointers that leak, and reads
	// of stack bytes that were never written.
	PolicyStrict = verifier.PolicyStrict
	// PolicySandboxed asks for sound structure only, for tests of the
	// instruction set and experiments: every access is checked while the program runs.
	PolicySandboxed = verifier.PolicySandboxed
)

// ParsePolicy is the inverse of [verifier.Policy.String].
func ParsePolicy(s string) (Policy, error) {
	for p := PolicyLinux; p <= PolicySandboxed; p++ {
		if p.String() == s {
			return p, nil
		}
	}
	return 0, fmt.Errorf("policy: %q: want linux, strict or sandboxed", s)
}

// Engine is what runs programs.
type Engine uint8

// The engines.
const (
	// EngineAuto is machine code for programs with a proof of more than their structure, where the host
	// and the processor permit; else the interpreter. [Program.Stats] says which, and why.
	EngineAuto Engine = iota
	// EngineJIT is machine code for all programs: one that cannot be compiled is not loaded. Under
	// PolicySandboxed it confines accesses where the interpreter checks them.
	EngineJIT
	// EngineInterp is the interpreter.
	EngineInterp
)

// Confine says which memory accesses of machine code are confined, see [jit.Confine].
type Confine = jit.Confine

// The choices of Confine.
const (
	// ConfineAlways confines all of them: a wrong proof stays without consequence for the host.
	ConfineAlways = jit.ConfineAlways
	// ConfineUnproved trusts the verifier's proof of an access.
	ConfineUnproved = jit.ConfineUnproved
)

// DefaultFuel is the fuel of a run when nobody says otherwise, in units: see RunOptions.Fuel for what it bounds.
// A call of a helper weighs as much as eight instructions.
const DefaultFuel = 1 << 30

// Options are the choices of a machine. The zero value is a sensible default.
type Options struct {
	// MemoryLimit bounds the guest memory of the machine, in bytes: maps,
	// stacks, packets. 0 means 256 MiB. It is rounded up to a power of two of at least
	// 16 MiB.
	MemoryLimit uint64
	// CPUs is the number of simulated CPUs: how many programs run at once and how
	// many values a per-CPU map has. 0 means runtime.NumCPU(), at most 64.
	CPUs int
	// MaxPacket is the size of the largest packet or input, in bytes. 0 means 64 KiB.
	MaxPacket uint32
	// Policy says what is accepted.
	Policy Policy
	// Checked runs programs in checked mode although they have a proof: every access
	// is held against the object map, which takes several times as long. It is for tests
	// and for those who look for errors of gbpf's own.
	Checked bool
	// Engine says what runs the programs: machine code where that can be had is the default.
	Engine Engine
	// Confine says which accesses of machine code are confined to guest memory.
	Confine Confine
	// NoPasses switches optimisations of machine code off, so that what each is worth can be measured.
	NoPasses jit.Pass
	// PerfMap appends the machine code of each program to /tmp/perf-PID.map, where Linux perf looks for the names of code
	// that a process made itself: as bpf_prog_NAME. The file stays. It is an error where there is no such file.
	PerfMap bool
	// VerifySteps and VerifyMemory bound the verification of a program: how many instructions it
	// walks over all paths, and how many bytes it keeps. 0 means the kernel's 1,000,000, and 256 MiB.
	VerifySteps, VerifyMemory int
	// Fuel is what a run may use when its options do not say, in units. 0 means
	// DefaultFuel.
	Fuel uint64
	// Helpers are added to the kernel's helpers, or replace those of the same
	// number.
	Helpers []helpers.Helper
	// Env is what helpers tell programs about the world: clocks, the current task,
	// where trace_printk goes. nil means the host's clock and a made-up task.
	Env *helpers.Env
}

// Machine holds guest memory, maps and programs.
type Machine struct {
	opts    Options
	mem     *guest.Memory
	table   *maps.Table
	helpers *helpers.Set
	env     *helpers.Env
	slots   slots
	retired retired
	perf    *perfMap // nil for none

	mu      sync.Mutex
	closed  bool
	maps    []*maps.Map
	buffers int // open ones: the memory stays as long as the host has slices of it
}

// MaxCPUs is the largest number of simulated CPUs.
const MaxCPUs = maps.MaxCPUs

// NewMachine makes an empty machine. It fails when the host cannot give the memory, or
// an option makes no sense. Call [Machine.Close] to give the memory back.
func NewMachine(o Options) (*Machine, error) {
	if o.CPUs == 0 {
		o.CPUs = min(runtime.NumCPU(), MaxCPUs)
	}
	if o.CPUs < 0 || o.CPUs > MaxCPUs {
		return nil, fmt.Errorf("new machine: %d CPUs: want 1 to %d", o.CPUs, MaxCPUs)
	}
	if o.Policy > PolicySandboxed {
		return nil, fmt.Errorf("new machine: policy %d: there are %d", o.Policy, PolicySandboxed+1)
	}
	if o.Engine > EngineInterp || o.Confine > ConfineUnproved {
		return nil, fmt.Errorf("new machine: engine %d, confine %d: no such choice", o.Engine, o.Confine)
	}
	if o.Fuel == 0 {
		o.Fuel = DefaultFuel
	}
	if o.MaxPacket == 0 {
		o.MaxPacket = guest.DefaultPacketSize
	}
	set := helpers.NewSet()
	for _, h := range o.Helpers {
		if err := set.Add(h); err != nil {
			return nil, fmt.Errorf("new machine: %w", err)
		}
	}
	env := o.Env
	if env == nil {
		env = helpers.NewEnv()
	}
	mem, err := guest.NewMemory(o.MemoryLimit)
	if err != nil {
		return nil, fmt.Errorf("new machine: %w", err)
	}
	m := &Machine{opts: o, mem: mem, table: maps.NewTable(), helpers: set, env: env}
	m.slots.init(m, o.CPUs)
	m.table.Retire = m.retire
	if o.PerfMap {
		if m.perf, err = openPerfMap(); err != nil {
			m.Close()
			return nil, fmt.Errorf("new machine: %w", err)
		}
	}
	return m, nil
}

// Close gives the machine's memory back and closes its maps. It waits for
// programs that run, and makes later runs fail with [ErrClosed]. The memory stays until the last [Buffer] is closed too.
func (m *Machine) Close() error {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return nil
	}
	m.closed = true
	all := m.maps
	m.maps = nil
	m.mu.Unlock()
	m.slots.close()
	m.perf.close()
	for _, mp := range all {
		mp.Close()
	}
	return m.giveBack()
}

// NewMap creates a map. The error wraps the reason: a spec the kernel would refuse
// too, or guest memory that does not suffice.
func (m *Machine) NewMap(spec *maps.Spec) (*maps.Map, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, fmt.Errorf("new map: %q: machine is %w", spec.Name, ErrClosed)
	}
	mp, err := maps.New(m.mem, spec, m.opts.CPUs, m.table)
	if err != nil {
		return nil, err
	}
	m.maps = append(m.maps, mp)
	return mp, nil
}

// RegisterHelper adds a helper, or replaces the one of the same number, for
// programs that are loaded from now on.
func (m *Machine) RegisterHelper(h helpers.Helper) error {
	return m.helpers.Add(h)
}

// CPUs is the number of simulated CPUs.
func (m *Machine) CPUs() int { return m.opts.CPUs }

// Policy is what the machine accepts.
func (m *Machine) Policy() Policy { return m.opts.Policy }

// MemoryLimit is the size of guest memory, in bytes.
func (m *Machine) MemoryLimit() uint64 { return m.mem.Limit() }

// MemoryUsed is how much of guest memory objects take, in bytes.
func (m *Machine) MemoryUsed() uint64 { return m.mem.Used() }
