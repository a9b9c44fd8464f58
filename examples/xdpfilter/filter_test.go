package xdpfilter

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/gbpf/gbpf/loader"
	"github.com/gbpf/gbpf/vm"
)

// Verdicts, enum xdp_action.
const (
	drop = 1
	pass = 2
)

// load puts the filter into a machine of its own, so that tests do not share maps.
func load(t *testing.T) *vm.Collection {
	t.Helper()
	spec, err := loader.LoadSpec(bytes.NewReader(Object))
	if err != nil {
		t.Fatal(err)
	}
	m, err := vm.NewMachine(vm.Options{CPUs: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	coll, err := loader.New(m, spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	return coll
}

// udp is an Ethernet frame with a UDP packet to a port, behind an IPv4 header of ihl words.
func udp(port uint16, ihl byte) []byte {
	p := make([]byte, 14+int(ihl)*4+8)
	copy(p[12:], "\x08\x00")
	p[14], p[23] = 0x40|ihl, 17
	binary.BigEndian.PutUint16(p[14+int(ihl)*4+2:], port)
	return p
}

func TestFilter(t *testing.T) {
	arp := make([]byte, 42)
	copy(arp[12:], "\x08\x06")
	tcp := udp(53, 5)
	tcp[23] = 6
	for _, tt := range []struct {
		name   string
		packet []byte
		want   uint32
	}{
		{"blocked port", udp(53, 5), drop},
		{"blocked port, IP options", udp(53, 8), drop},
		{"another port", udp(54, 5), pass},
		{"TCP to the same port", tcp, pass},
		{"no IP", arp, pass},
		{"UDP header cut off", udp(54, 5)[:38], drop},
		{"Ethernet header only", udp(53, 5)[:14], pass},
		{"impossible IP header length", udp(53, 4), pass},
	} {
		t.Run(tt.name, func(t *testing.T) {
			coll := load(t)
			if err := coll.Maps["blocked"].Put(uint16(53), uint64(0)); err != nil {
				t.Fatal(err)
			}
			got, out, err := coll.Programs["filter"].Test(tt.packet)
			if err != nil {
				t.Fatal(err)
			}
			if got != tt.want {
				t.Errorf("verdict %d, want %d", got, tt.want)
			}
			if !bytes.Equal(out, tt.packet) {
				t.Errorf("the packet was changed to %x", out)
			}
		})
	}
}

func TestDropsAreCounted(t *testing.T) {
	coll := load(t)
	blocked := coll.Maps["blocked"]
	if err := blocked.Put(uint16(53), uint64(0)); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, _, err := coll.Programs["filter"].Test(udp(53, 5)); err != nil {
			t.Fatal(err)
		}
	}
	var drops uint64
	if err := blocked.Lookup(uint16(53), &drops); err != nil || drops != 3 {
		t.Errorf("%d drops counted, %v, want 3", drops, err)
	}
}
