package events

import (
	"context"
	"encoding/binary"
	"fmt"
	"log"
	"sync"
	"testing"
)

// tcp is an Ethernet frame with a TCP packet from 192.0.2.source.
func tcp(source byte, port uint16, flags byte) []byte {
	p := make([]byte, 60)
	copy(p[12:], "\x08\x00\x45")
	p[23] = 6
	copy(p[26:], []byte{192, 0, 2, source})
	binary.BigEndian.PutUint16(p[36:], port)
	p[46], p[47] = 0x50, flags
	return p
}

const (
	syn = 0x02
	ack = 0x10
)

func Example() {
	w, err := New()
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range [][]byte{tcp(1, 22, syn), tcp(1, 22, ack), tcp(2, 443, syn), tcp(1, 443, syn)} {
		if err := w.Packet(context.Background(), p); err != nil {
			log.Fatal(err)
		}
	}
	seen := 0
	for e, err := range w.Events() {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(e)
		if seen++; seen == 3 {
			break
		}
	}
	sources, err := w.Sources()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(sources)
	if err := w.Close(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// 192.0.2.1 to port 22
	// 192.0.2.2 to port 443
	// 192.0.2.1 to port 443
	// map[192.0.2.1:2 192.0.2.2:1]
}

// One goroutine reads while others run the program.
func TestReadWhileRunning(t *testing.T) {
	w, err := New()
	if err != nil {
		t.Fatal(err)
	}
	const each, runners = 20, 4
	got := make(chan int)
	go func() {
		n := 0
		for _, err := range w.Events() {
			if err != nil {
				t.Error(err)
			}
			if n++; n == each*runners {
				break
			}
		}
		got <- n
	}()
	var wg sync.WaitGroup
	for i := range runners {
		wg.Go(func() {
			for range each {
				if err := w.Packet(context.Background(), tcp(byte(i), 80, syn)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := <-got; n != each*runners {
		t.Errorf("%d events, want %d", n, each*runners)
	}
	sources, err := w.Sources()
	if err != nil || len(sources) != runners {
		t.Errorf("sources %v, %v, want %d", sources, err, runners)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	for _, err := range w.Events() {
		t.Errorf("an event after Close: %v", err)
	}
}
