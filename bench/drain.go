package bench

import (
	"errors"
	"os"
	"time"

	"github.com/cilium/ebpf/ringbuf"

	"github.com/gbpf/gbpf/maps"
)

// drained empties a ring buffer before each measurement, which must not fill it: a full one is a different thing to measure.
type drained struct {
	runner
	drain func() error
}

// drainedRuns is how many runs of 64 records of 16 bytes fit the ring buffer of micro.c twice.
const drainedRuns = 8192

func (d *drained) runs(slice time.Duration) (int, error) {
	if err := d.drain(); err != nil {
		return 0, err
	}
	const few = 500
	took, err := d.run(few)
	if err != nil {
		return 0, err
	}
	return min(int(float64(slice)/float64(max(took, 1))*few)+1, drainedRuns), d.drain()
}

func (d *drained) run(n int) (time.Duration, error) {
	took, err := d.runner.run(min(n, drainedRuns))
	if err != nil {
		return 0, err
	}
	return took, d.drain()
}

// drain returns a function that empties the ring buffers of placement i in gbpf.
func (m *micro) drainGbpf(i int) (func() error, error) {
	r, err := maps.NewRingbufReader(m.coll[i].Maps["ringbuf"])
	if err != nil {
		return nil, err
	}
	m.readers = append(m.readers, r)
	var rec maps.RingbufRecord
	return func() error {
		for r.AvailableBytes() > 0 {
			if err := r.ReadInto(&rec); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

// drainKernel does so for the kernel's.
func (m *micro) drainKernel(i int) (func() error, error) {
	r, err := ringbuf.NewReader(m.kernel[i].object.Maps["ringbuf"])
	if err != nil {
		return nil, err
	}
	m.readers = append(m.readers, r)
	var rec ringbuf.Record
	return func() error {
		for {
			// Programs wake nobody: a deadline that has passed returns what is there, and then the error.
			r.SetDeadline(time.Unix(1, 0))
			if err := r.ReadInto(&rec); errors.Is(err, os.ErrDeadlineExceeded) {
				return nil
			} else if err != nil {
				return err
			}
		}
	}, nil
}
