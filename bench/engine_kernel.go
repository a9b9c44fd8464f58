package bench

import (
	"fmt"
	"time"

	"github.com/cilium/ebpf"

	"github.com/gbpf/gbpf/internal/kernel"
)

// kernelEngine is the live kernel: each placement is a load of its own.
type kernelEngine struct {
	objects []*kernel.Object
	fixed   time.Duration // what a system call with a repeat costs beside the runs
}

func newKernel() (engine, error) {
	if err := kernel.Available(); err != nil {
		return nil, err
	}
	e := &kernelEngine{}
	return e, e.measureFixed()
}

// measureFixed measures what a test run of XDP with a repeat takes beside the runs: the kernel puts the program into its
// dispatcher and takes it out again, some 0.2 ms of CPU time and 30 ms of waiting. It is no part of a
// run, and reported on its own.
func (e *kernelEngine) measureFixed() error {
	p := programs()[0]
	spec, err := p.Spec()
	if err != nil {
		return err
	}
	o, err := e.object(spec)
	if err != nil {
		return err
	}
	r := &kernelRunner{object: o, name: p.Name, in: kernel.Input{Data: p.Input}}
	var took []float64
	for range 5 {
		d, err := r.run(2)
		if err != nil {
			return err
		}
		took = append(took, float64(d))
	}
	e.fixed = time.Duration(median(took))
	return nil
}

func (e *kernelEngine) name() string      { return EngineKernel }
func (e *kernelEngine) prepare(int) error { return nil }

func (e *kernelEngine) load(p *Program, _ int) (runner, error) {
	spec, err := p.Spec()
	if err != nil {
		return nil, err
	}
	o, err := e.object(spec)
	if err != nil {
		return nil, err
	}
	return &kernelRunner{object: o, name: p.Name, in: kernel.Input{Data: p.Input}, fixed: e.fixed}, nil
}

func (e *kernelEngine) object(spec *ebpf.CollectionSpec) (*kernel.Object, error) {
	o, err := kernel.LoadObject(spec, false)
	if err == nil {
		e.objects = append(e.objects, o)
	}
	return o, err
}

func (e *kernelEngine) close() {
	for _, o := range e.objects {
		o.Close()
	}
}

type kernelRunner struct {
	object *kernel.Object
	name   string
	in     kernel.Input
	fixed  time.Duration
}

func (r *kernelRunner) call(n uint32) (*kernel.Output, error) {
	r.in.Repeat = n
	out, err := r.object.Run(r.name, r.in)
	if err == nil && out.Errno != 0 {
		err = fmt.Errorf("bench: the kernel does not run %s: %s", r.name, out.ErrnoName)
	}
	return out, err
}

func (r *kernelRunner) first() (uint32, []byte, error) {
	out, err := r.call(1)
	if err != nil {
		return 0, nil, err
	}
	return out.Retval, out.Data, nil
}

// kernelSlice is the least that a measurement takes: the fixed cost, which varies by 0.1 ms and more, must be
// small beside it.
const kernelSlice = 15 * time.Millisecond

// kernelPlacements is how often the kernel loads a program: each measurement waits long there.
func (s *session) kernelPlacements() int {
	if s.quick {
		return 2
	}
	return 5
}

// runs finds by the kernel's own clock how many runs a slice holds.
func (r *kernelRunner) runs(slice time.Duration) (int, error) {
	out, err := r.call(2000)
	if err != nil {
		return 0, err
	}
	return int(max(slice, kernelSlice)/max(out.Duration, time.Nanosecond)) + 1, nil
}

// run times the system call without its fixed cost.
func (r *kernelRunner) run(n int) (time.Duration, error) {
	begin := threadTime()
	_, err := r.call(uint32(n))
	return max(threadTime()-begin-r.fixed, 0), err
}
