package conformance

import (
	"bytes"
	"fmt"
	"os"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/perf"
	"github.com/cilium/ebpf/ringbuf"

	"github.com/gbpf/gbpf/internal/kernel"
)

// kernelEvents opens a reader for each map of events; drain reads them empty and closes them.
func kernelEvents(o *kernel.Object) (drain func() (map[string][][]byte, error), err error) {
	rings, perfs := map[string]*ringbuf.Reader{}, map[string]*perf.Reader{}
	for name, m := range o.Maps {
		switch m.Type() {
		case ebpf.RingBuf:
			if rings[name], err = ringbuf.NewReader(m); err != nil {
				return nil, err
			}
		case ebpf.PerfEventArray:
			if perfs[name], err = perf.NewReader(m, 64*os.Getpagesize()); err != nil {
				return nil, err
			}
		}
	}
	return func() (map[string][][]byte, error) {
		events := map[string][][]byte{}
		for name, r := range rings {
			r.SetDeadline(time.Now())
			for {
				rec, err := r.Read()
				if err != nil {
					break
				}
				events[name] = append(events[name], bytes.Clone(rec.RawSample))
			}
			r.Close()
		}
		for name, r := range perfs {
			r.SetDeadline(time.Now())
			for {
				rec, err := r.Read()
				if err != nil {
					break
				}
				if rec.LostSamples > 0 {
					return nil, fmt.Errorf("%s: %d samples lost", name, rec.LostSamples)
				}
				events[name] = append(events[name], bytes.Clone(rec.RawSample))
			}
			r.Close()
		}
		return events, nil
	}, nil
}
