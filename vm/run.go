package vm

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/gbpf/gbpf/internal/interp"
	"github.com/gbpf/gbpf/internal/trap"
	"github.com/gbpf/gbpf/progtype"
)

// Trap is a run that was stopped, see its fields for where and why.
type Trap = trap.Trap

// TrapCode says why a run was stopped.
type TrapCode = trap.Code

// The reasons a run is stopped.
const (
	TrapBadAccess   = trap.BadAccess
	TrapMisaligned  = trap.Misaligned
	TrapUninit      = trap.Uninit
	TrapBadJump     = trap.BadJump
	TrapBadInsn     = trap.BadInsn
	TrapCallDepth   = trap.CallDepth
	TrapFuel        = trap.Fuel
	TrapCancelled   = trap.Cancelled
	TrapBadHelper   = trap.BadHelper
	TrapHelperFault = trap.HelperFault
	TrapBadHandle   = trap.BadHandle
	TrapInternal    = trap.Internal
)

// RunOptions are the input of a run, and take its output. The zero value runs a
// program without input.
type RunOptions struct {
	// Data is packet data, the memory of a raw program, or a syscall program's
	// context. It is copied into guest memory.
	Data []byte
	// Meta is how many of the first bytes of Data are metadata in front of the
	// packet (XDP's data_meta).
	Meta uint32
	// DataOut receives what the program left of Data: the run appends to
	// DataOut[:0], so a slice with room is reused. nil means a new one unless
	// NoOutput is set.
	DataOut []byte
	// Buffer, if not nil, is what Data lies in: the first bytes of its Bytes. Nothing is copied then, and DataOut is set to
	// what the program left of the packet, metadata included, in the buffer itself. Only one run at a time can use it.
	Buffer *Buffer
	// NoOutput leaves DataOut, ContextOut and FieldsOut alone.
	NoOutput bool

	// Context is the context as the kernel's UAPI lays it out: []byte, or a value that
	// encoding/binary can write in little-endian order. nil means zeros.
	Context any
	// ContextOut, if not nil, receives the context after the run: *[]byte, or a pointer
	// to a value that encoding/binary can read.
	ContextOut any
	// Fields sets single context fields by name, over Context: "ingress_ifindex",
	// "cb[2]".
	Fields map[string]uint64
	// FieldsOut, if not nil, receives every scalar field of the context after the run.
	FieldsOut map[string]uint64

	// Fuel bounds the run, in units, which turns of loops, calls and the work of helpers take. What is
	// executed is at most the fuel and the program's length, to which a loop that counts to a constant adds its turns,
	// 65,536 units a function at most, instead of taking fuel. 0 means the machine's.
	Fuel uint64
	// Pin makes the run use the simulated CPU number CPU.
	Pin bool
	CPU int
	// Repeat runs the program that often in a row on the input that is laid out once, as the repeat of
	// BPF_PROG_TEST_RUN does: a run finds packet and context as the one before left them, and has the whole fuel. R0
	// and what follows are of the last run; a trap ends the row. 0 means once.
	Repeat int

	// Insns is set to the number of instructions that the interpreter executed, and FuelUsed to the fuel. Machine code does
	// not count: what it runs counts as 0, so that Insns is the whole number on machines with EngineInterp or Checked
	// only, whose figures do not depend on the host. Helper work counts as fuel only.
	Insns    uint64
	FuelUsed uint64
	// Redirect is set to where the program asked the packet to go.
	Redirect progtype.Redirect
}

// Run executes the program once and returns R0. It ends early with a *[Trap], whose
// Cause is context.Cause(ctx) when ctx ended; input that the program type cannot
// take is a *[progtype.InputError].
func (p *Program) Run(ctx context.Context, o *RunOptions) (r0 uint64, err error) {
	if o == nil {
		o = &RunOptions{NoOutput: true}
	}
	cpu, st, err := p.enter(ctx, o)
	if err != nil {
		return 0, err
	}
	defer p.leave(cpu, &err)
	return p.run(ctx, st, &p.m.slots.io[cpu], o)
}

// RunBatch runs the program on many inputs in a row, on one simulated CPU, which Pin and CPU of the first may choose.
// It sets r0[i] to R0 of the run of batch[i], and returns how many runs there were before the one, if any, that err is of.
// It is faster than single runs by what a CPU takes to find and give back.
func (p *Program) RunBatch(ctx context.Context, batch []RunOptions, r0 []uint64) (n int, err error) {
	if len(r0) < len(batch) {
		return 0, fmt.Errorf("run: %d inputs, room for %d results", len(batch), len(r0))
	}
	if len(batch) == 0 {
		return 0, nil
	}
	cpu, st, err := p.enter(ctx, &batch[0])
	if err != nil {
		return 0, err
	}
	defer p.leave(cpu, &err)
	for ; n < len(batch); n++ {
		if r0[n], err = p.run(ctx, st, &p.m.slots.io[cpu], &batch[n]); err != nil {
			return n, err
		}
	}
	return n, nil
}

// enter waits for a CPU that o permits.
func (p *Program) enter(ctx context.Context, o *RunOptions) (int, *interp.State, error) {
	if p.closed.Load() {
		return 0, nil, fmt.Errorf("run: program %s is %w", p.spec.Name, ErrClosed)
	}
	want := p.m.slots.all
	if o.Pin {
		if o.CPU < 0 || o.CPU >= p.m.opts.CPUs {
			return 0, nil, fmt.Errorf("run: CPU %d: the machine has %d", o.CPU, p.m.opts.CPUs)
		}
		want = 1 << o.CPU
	}
	return p.m.slots.acquire(ctx, want)
}

// leave ends a run, and is the fence: whatever gbpf gets wrong, the host goes on.
func (p *Program) leave(cpu int, err *error) {
	if v := recover(); v != nil {
		*err = &Trap{Code: trap.Internal, Func: p.spec.Name, Detail: fmt.Sprintf("panic: %v; please report it with this stack: %s", v, debug.Stack())}
	}
	io := &p.m.slots.io[cpu]
	io.in, io.out.Data = progtype.Input{}, nil
	p.m.slots.release(cpu)
}

func (p *Program) run(ctx context.Context, st *interp.State, io *runIO, o *RunOptions) (uint64, error) {
	// One by one: a copy of the whole in wider pieces waits for the stores of its parts.
	io.in.Data, io.in.Ctx, io.in.Fields, io.in.Meta = o.Data, nil, o.Fields, o.Meta
	if o.Context != nil {
		raw, err := contextBytes(o.Context)
		if err != nil {
			return 0, err
		}
		io.in.Ctx = raw
	}
	b := &st.Bctx
	b.Reset(p.spec.Type)
	if o.Buffer != nil {
		if err := o.Buffer.use(p, b, o.Data); err != nil {
			return 0, err
		}
	}
	if err := p.spec.Type.Setup(b, &io.in); err != nil {
		return 0, err
	}
	if n := p.maxCtx(); n > int(b.CtxLen) {
		return 0, &progtype.InputError{
			Type: p.spec.Type.Name, What: "ctx", Reason: fmt.Sprintf("%d bytes, the program accesses the first %d", b.CtxLen, n),
		}
	}
	fuel := o.Fuel
	if fuel == 0 {
		fuel = p.m.opts.Fuel
	}
	// A row is counted at its end: counting, which other threads see, costs as much as a small program.
	res, row, runs, t := p.execute(ctx, st, fuel, max(o.Repeat, 1))
	o.Insns, o.FuelUsed, o.Redirect = res.Insns, res.Fuel, progtype.Redirect{}
	if b.Redirect.Set {
		o.Redirect = b.Redirect
	}
	p.stats[st.Call.CPU].add(runs, &row, t)
	if t != nil {
		return 0, t
	}
	if o.NoOutput {
		return res.R0, nil
	}
	if o.Buffer != nil {
		o.DataOut = o.Buffer.left(b)
	}
	if o.Buffer == nil || o.ContextOut != nil || o.FieldsOut != nil {
		out := &io.out
		if o.Buffer == nil {
			out.Data = o.DataOut[:0]
		}
		p.spec.Type.Finish(b, out)
		if o.Buffer == nil {
			o.DataOut = out.Data
		}
		if err := contextOut(p.spec.Type, o, out.Ctx); err != nil {
			return res.R0, err
		}
	}
	return res.R0, nil
}

// execute runs the program times times in a row on what has been laid out, until it is stopped. It returns the result of the last
// run, the sum of all, and how many there were.
func (p *Program) execute(ctx context.Context, st *interp.State, fuel uint64, times int) (last, sum interp.Result, runs uint64, t *Trap) {
	if p.slow == nil {
		return st.RepeatNative(ctx, p.code, fuel, times)
	}
	mode := interp.Mode{Checked: p.checked(), Uninit: p.m.opts.Policy == PolicyStrict}
	for ; int64(runs) < int64(times) && t == nil; runs++ {
		r1, r2 := st.Bctx.Entry()
		last, t = st.Run(ctx, p.code, mode, fuel, r1, r2)
		sum.Insns, sum.Fuel = sum.Insns+last.Insns, sum.Fuel+last.Fuel
	}
	return last, sum, runs, t
}

// maxCtx is the size of the smallest context that the program may run on, in bytes: where the size is the
// host's choice, the verifier takes all accesses for granted.
func (p *Program) maxCtx() int {
	if p.proof == nil {
		return 0
	}
	return p.proof.MaxCtx()
}

func contextBytes(v any) ([]byte, error) {
	if b, ok := v.([]byte); ok {
		return b, nil
	}
	var buf bytes.Buffer
	if err := binary.Write(&buf, binary.LittleEndian, v); err != nil {
		return nil, fmt.Errorf("run: context: %w", err)
	}
	return buf.Bytes(), nil
}

func contextOut(t *progtype.Type, o *RunOptions, ctx []byte) error {
	if o.FieldsOut != nil {
		t.Ctx.ReadFields(ctx, o.FieldsOut)
	}
	switch out := o.ContextOut.(type) {
	case nil:
	case *[]byte:
		*out = append((*out)[:0], ctx...)
	default:
		n := binary.Size(out)
		if n < 0 {
			return fmt.Errorf("run: context out: %T is not a pointer to a fixed-size value", out)
		}
		if n > len(ctx) {
			ctx = append(append([]byte{}, ctx...), make([]byte, n-len(ctx))...)
		}
		if err := binary.Read(bytes.NewReader(ctx), binary.LittleEndian, out); err != nil {
			return fmt.Errorf("run: context out: %w", err)
		}
	}
	return nil
}

// Test runs the program once on a packet, as cilium/ebpf's Program.Test does, and returns the
// low half of R0 and the packet as the program left it.
func (p *Program) Test(in []byte) (uint32, []byte, error) {
	o := RunOptions{Data: in}
	ret, err := p.Run(context.Background(), &o)
	return uint32(ret), o.DataOut, err
}

// Benchmark runs the program repeat times on in and returns the last return value and the
// mean duration of a run, set-up included. reset, if not nil, is called before
// each run and its time does not count.
func (p *Program) Benchmark(in []byte, repeat int, reset func()) (uint32, time.Duration, error) {
	if repeat < 1 {
		return 0, 0, fmt.Errorf("benchmark: repeat is %d: want at least 1", repeat)
	}
	o := RunOptions{Data: in, NoOutput: true}
	var total time.Duration
	var ret uint64
	for i := 0; i < repeat; i++ {
		if reset != nil {
			reset()
		}
		begin := time.Now()
		r, err := p.Run(context.Background(), &o)
		if err != nil {
			return 0, 0, err
		}
		total += time.Since(begin)
		ret = r
	}
	return uint32(ret), total / time.Duration(repeat), nil
}
