package bench

import (
	"fmt"
	"time"

	"github.com/cilium/ebpf"

	"github.com/gbpf/gbpf/internal/kernel"
)

// kernelEngine is the live kernel: each placement is a load of its own.
type kernelEngine struct{ objects []*kernel.Object }

func newKernel() (engine, error) {
	if err := kernel.Available(); err != nil {
		return nil, err
	}
	return &kernelEngine{}, nil
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
	return &kernelRunner{object: o, name: p.Name, in: kernel.Input{Data: p.Input}}, nil
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

// run times the system call, of whose cost each run bears its share.
func (r *kernelRunner) run(n int) (time.Duration, error) {
	begin := threadTime()
	_, err := r.call(uint32(n))
	return threadTime() - begin, err
}
