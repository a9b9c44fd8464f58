// Package events shows how a host reads what its programs report: records of a ring buffer as
// they come, and the entries of a map.
//
// bpf/events.c watches packets for connections being opened. For each it writes a record to a
// ring buffer and counts it in a hash map, by source. [Watcher.Events] hands the records to the
// host while programs run on other goroutines, [Watcher.Sources] reads the map. The reader has
// the methods of ringbuf.Reader of cilium/ebpf.
package events

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"net/netip"

	"github.com/gbpf/gbpf/loader"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/vm"
)

//go:generate sh ../build.sh

//go:embed bpf/events.o
var object []byte

// Event is a connection being opened: struct event of events.c.
type Event struct {
	Source [4]byte
	Port   uint16
	Len    uint16 // bytes of the packet
}

// String is "192.0.2.1 to port 22".
func (e Event) String() string {
	return fmt.Sprintf("%s to port %d", netip.AddrFrom4(e.Source), e.Port)
}

// Watcher runs events.c on packets.
type Watcher struct {
	machine *vm.Machine
	coll    *vm.Collection
	reader  *maps.RingbufReader
}

// New loads the program.
func New() (*Watcher, error) {
	spec, err := loader.LoadSpec(bytes.NewReader(object))
	if err != nil {
		return nil, err
	}
	m, err := vm.NewMachine(vm.Options{})
	if err != nil {
		return nil, err
	}
	w := &Watcher{machine: m}
	if w.coll, err = loader.New(m, spec, nil); err == nil {
		w.reader, err = maps.NewRingbufReader(w.coll.Maps["events"])
	}
	if err != nil {
		m.Close()
		return nil, err
	}
	return w, nil
}

// Packet shows a packet to the program.
func (w *Watcher) Packet(ctx context.Context, packet []byte) error {
	_, err := w.coll.Programs["watch"].Run(ctx, &vm.RunOptions{Data: packet, NoOutput: true})
	return err
}

// Events yields events as they come, until [Watcher.Close] or an error, which it yields last.
func (w *Watcher) Events() iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		var rec maps.RingbufRecord
		for {
			err := w.reader.ReadInto(&rec)
			if errors.Is(err, maps.ErrClosed) {
				return
			}
			var e Event
			if err == nil {
				_, err = binary.Decode(rec.RawSample, binary.LittleEndian, &e)
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// Sources returns how many connections each source opened.
func (w *Watcher) Sources() (map[netip.Addr]uint64, error) {
	all := map[netip.Addr]uint64{}
	var source [4]byte
	var count uint64
	it := w.coll.Maps["sources"].Iterate()
	for it.Next(&source, &count) {
		all[netip.AddrFrom4(source)] = count
	}
	return all, it.Err()
}

// Close ends Events and gives the memory back.
func (w *Watcher) Close() error {
	w.reader.Close()
	return w.machine.Close()
}
