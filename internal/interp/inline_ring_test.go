package interp

import (
	"bytes"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gbpf/gbpf/internal/cpu"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
)

var ringSpec = maps.Spec{Name: "r", Type: maps.RingBuf, MaxEntries: 4096}

// readers are ones of a ring buffer of both sides.
func (p *pair) readers(i int) (r [2]*maps.RingbufReader) {
	for side := range r {
		var err error
		if r[side], err = maps.NewRingbufReader(p.maps[side][i]); err != nil {
			p.t.Fatal(err)
		}
		r[side].SetDeadline(time.Unix(1, 0))
	}
	return r
}

// drain reads all records of both sides and holds them against each other.
func (p *pair) drain(name string, r [2]*maps.RingbufReader) (n int) {
	p.t.Helper()
	var rec [2]maps.RingbufRecord
	for {
		ea, eb := r[0].ReadInto(&rec[0]), r[1].ReadInto(&rec[1])
		if (ea == nil) != (eb == nil) {
			p.t.Fatalf("%s: record %d: %v from the interpreter, %v from machine code", name, n, ea, eb)
		}
		if ea != nil {
			return n
		}
		if !bytes.Equal(rec[0].RawSample, rec[1].RawSample) || rec[0].Remaining != rec[1].Remaining {
			p.t.Fatalf("%s: record %d: %x, %d left, from the interpreter, %x, %d left, from machine code", name, n, rec[0].RawSample, rec[0].Remaining,
				rec[1].RawSample, rec[1].Remaining)
		}
		n++
	}
}

// TestInlineRing holds what programs do with ring buffers in machine code against the interpreter: the same
// records, and no exit where the guesses are right.
func TestInlineRing(t *testing.T) {
	for _, f := range []cpu.Features{cpu.Host, {}} {
		withFeatures(t, f, inlineRing)
	}
}

func inlineRing(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		data       []byte
		exits      uint64
		records    int // of one run
	}{
		{"submit", "r6 = r2; r1 = map[0]; r2 = 16; r3 = 0; call ringbuf_reserve; if r0 == 0 goto out; *(u64 *)(r0 +0) = r6; *(u64 *)(r0 +8) = 9; r1 = r0; r2 = 0; call ringbuf_submit\nout: r0 = 0; exit", []byte{1, 2, 3}, 0, 1},
		{"what submit returns", "r1 = map[0]; r2 = 8; r3 = 0; call ringbuf_reserve; if r0 == 0 goto out; *(u64 *)(r0 +0) = 1; r1 = r0; r2 = 1; call ringbuf_submit; r0 = 4; exit\nout: r0 = 77; exit", nil, 0, 1},
		{"discard", "r1 = map[0]; r2 = 24; r3 = 0; call ringbuf_reserve; if r0 == 0 goto out; *(u64 *)(r0 +0) = 1; r1 = r0; r2 = 2; call ringbuf_discard; r0 = 4; exit\nout: r0 = 77; exit", nil, 0, 0},
		{"odd size", "r1 = map[0]; r2 = 13; r3 = 0; call ringbuf_reserve; if r0 == 0 goto out; *(u64 *)(r0 +0) = 5; *(u32 *)(r0 +8) = 5; *(u8 *)(r0 +12) = 5; r1 = r0; r2 = 0; call ringbuf_submit; r0 = 0; exit\nout: exit", nil, 0, 1},
		{"empty record", "r1 = map[0]; r2 = 0; r3 = 0; call ringbuf_reserve; if r0 == 0 goto out; r1 = r0; r2 = 0; call ringbuf_submit; r0 = 0; exit\nout: r0 = 5; exit", nil, 0, 1},
		{"too large", "r1 = map[0]; r2 = 4096; r3 = 0; call ringbuf_reserve; if r0 == 0 goto out; r1 = r0; r2 = 0; call ringbuf_submit; r0 = 0; exit\nout: r0 = 5; exit", nil, 0, 0},
		{"far too large", "r1 = map[0]; r2 = 0x20000000; r3 = 0; call ringbuf_reserve; if r0 == 0 goto out; r1 = r0; r2 = 0; call ringbuf_submit; r0 = 0; exit\nout: r0 = 5; exit", nil, 0, 0},
		{"flags of reserve", "r1 = map[0]; r2 = 16; r3 = 1; call ringbuf_reserve; if r0 == 0 goto out; r1 = r0; r2 = 0; call ringbuf_submit; r0 = 0; exit\nout: r0 = 5; exit", nil, 1, 0},
		{"two at once", "r1 = map[0]; r2 = 16; r3 = 0; call ringbuf_reserve; if r0 == 0 goto out; r6 = r0; *(u64 *)(r6 +0) = 1; *(u64 *)(r6 +8) = 1; r1 = map[0]; r2 = 8; r3 = 0; call ringbuf_reserve; if r0 == 0 goto one; *(u64 *)(r0 +0) = 2; r1 = r0; r2 = 0; call ringbuf_submit\none: r1 = r6; r2 = 0; call ringbuf_submit\nout: r0 = 0; exit", nil, 0, 2},
		{"the other ring", "r1 = map[0]; r2 = 16; r3 = 0; call ringbuf_reserve; if r0 == 0 goto out; r6 = r0; *(u64 *)(r6 +0) = 1; *(u64 *)(r6 +8) = 1; r1 = map[1]; r2 = 8; r3 = 0; call ringbuf_reserve; if r0 == 0 goto one; r1 = r0; r2 = 0; call ringbuf_discard\none: r1 = r6; r2 = 0; call ringbuf_submit\nout: r0 = 0; exit", nil, 1, 1},
		{"output", "*(u64 *)(r10 -8) = r2; *(u64 *)(r10 -16) = 8; r1 = map[0]; r2 = r10; r2 += -16; r3 = 16; r4 = 0; call ringbuf_output; exit", []byte{1}, 0, 1},
		{"output quietly", "*(u64 *)(r10 -8) = r2; r1 = map[0]; r2 = r10; r2 += -8; r3 = 5; r4 = 1; call ringbuf_output; exit", []byte{1, 2}, 0, 1},
		{"output loudly", "*(u64 *)(r10 -8) = r2; r1 = map[0]; r2 = r10; r2 += -8; r3 = 8; r4 = 2; call ringbuf_output; exit", []byte{1, 2}, 0, 1},
		{"output with other flags", "*(u64 *)(r10 -8) = r2; r1 = map[0]; r2 = r10; r2 += -8; r3 = 8; r4 = 4; call ringbuf_output; exit", nil, 1, 0},
		{"output of three bytes", "*(u64 *)(r10 -8) = r2; r1 = map[0]; r2 = r10; r2 += -8; r3 = 3; r4 = 0; call ringbuf_output; exit", nil, 1, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPair(t, progtype.ByName("raw"), ringSpec, ringSpec)
			r := p.readers(0)
			b := p.load(tt.name, tt.text)
			_, tr, exits := b.run(tt.data, 1000)
			if n := p.drain(tt.name, r); tr != nil || exits != tt.exits || n != tt.records {
				t.Errorf("%v, left %d times, want %d; %d records, want %d", tr, exits, tt.exits, n, tt.records)
			}
			for i := range 700 { // until it is full, and round it
				b.run(tt.data, 1000)
				if i%350 == 349 {
					p.drain(tt.name, r)
				}
			}
			for side := range r {
				if n := p.maps[side][0].Ringbuf().Query(0); n != 0 {
					t.Errorf("%d bytes are left", n)
				}
			}
		})
	}
	// A map that is closed has no room.
	t.Run("closed", func(t *testing.T) {
		p := newPair(t, progtype.ByName("raw"), ringSpec)
		b := p.load("closed", "r1 = map[0]; r2 = 16; r3 = 0; call ringbuf_reserve; if r0 == 0 goto out; r1 = r0; r2 = 0; call ringbuf_discard\nout: r0 = 3; exit")
		p.maps[1][0].Close()
		if res, tr := p.enter(p.b, b.prog[1], Mode{Native: true}, 1000, nil); tr != nil || res.R0 != 3 {
			t.Errorf("r0 = %d, %v", res.R0, tr)
		}
	})
}

// TestInlineRingWakes lets several simulated CPUs write while a reader sleeps and wakes: no record is lost, none
// comes twice, each CPU's come in order.
func TestInlineRingWakes(t *testing.T) {
	p := newPair(t, progtype.ByName("raw"), maps.Spec{Name: "r", Type: maps.RingBuf, MaxEntries: 4096})
	producers, each := 3, 20_000
	if testing.Short() {
		each = 500
	}
	texts := []string{
		"*(u64 *)(r10 -8) = r2; r1 = map[0]; r2 = r10; r2 += -8; r3 = 8; r4 = 0; call ringbuf_output; exit",
		"r7 = r2; r1 = map[0]; r2 = 8; r3 = 0; call ringbuf_reserve; if r0 == 0 goto full; *(u64 *)(r0 +0) = r7; r1 = r0; r2 = 0; call ringbuf_submit; r0 = 0; exit\nfull: r0 = -11; exit",
	}
	var stop atomic.Bool
	var wg sync.WaitGroup
	for i := range producers {
		slot, err := p.b.mem.NewSlot(i+1, 0)
		if err != nil {
			t.Fatal(err)
		}
		g := &rig{t: t, mem: p.b.mem, table: p.b.table, set: p.b.set, st: NewState(p.b.mem, slot, p.b.table, p.b.st.Call.Env)}
		prog := p.load("producer", texts[i%2]).prog[1]
		if i == 2 {
			prog = p.load("discards", "r7 = r2; r1 = map[0]; r2 = 24; r3 = 0; call ringbuf_reserve; if r0 == 0 goto full; r1 = r0; r2 = 0; call ringbuf_discard; r0 = 0; exit\nfull: r0 = -11; exit").prog[1]
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			for n := 0; n < each && !stop.Load(); {
				// What is written is how long the input is: the number of the CPU and that of the record.
				res, tr := p.enter(g, prog, Mode{Native: true}, 1000, make([]byte, i*32+n%31+1))
				if tr != nil {
					t.Error(tr)
					return
				}
				if res.R0 == 0 {
					n++
				}
			}
		}()
	}
	reader, err := maps.NewRingbufReader(p.maps[1][0])
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		var next [3]int
		var rec maps.RingbufRecord
		for next[0] < each || next[1] < each {
			reader.SetDeadline(time.Now().Add(5 * time.Second))
			if err := reader.ReadInto(&rec); err != nil {
				done <- fmt.Errorf("after %v records: %w", next, err)
				return
			}
			v := int(rec.RawSample[0]) - 1
			cpu := v / 32
			if len(rec.RawSample) != 8 || cpu > 1 || v%32 != next[cpu]%31 {
				done <- fmt.Errorf("record %x of CPU %d after %v", rec.RawSample, cpu, next)
				return
			}
			next[cpu]++
		}
		done <- nil
	}()
	if err := <-done; err != nil {
		t.Error(err)
	}
	stop.Store(true) // nobody reads any more: the ring fills up
	wg.Wait()
	t.Logf("%d records from %d CPUs", 2*each, producers)
}
