package bench

import (
	"bytes"
	"embed"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"

	"github.com/cilium/ebpf"

	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/loader"
)

//go:generate ./programs/build.sh

//go:embed programs/*.c programs/*.h programs/*.o programs/*.wasm
var files embed.FS

// The kinds of programs. Those of map and helper exist for BPF only.
const (
	KindCompute  = "compute"
	KindPacket   = "packet"
	KindCall     = "call"
	KindStraight = "straight"
	KindBranchy  = "branchy"
	KindMap      = "map"
	KindHelper   = "helper"
)

// Program is one benchmark program.
type Program struct {
	Name  string
	Kind  string // one of the Kind constants
	About string // one sentence
	// Input is what every engine runs it on. Do not write.
	Input []byte
	// Source, Object and Wasm are the C source, the BPF object, and the WebAssembly module, nil where there is none.
	Source, Object, Wasm []byte
}

// Portable says that the program exists for all engines, not for BPF only.
func (p *Program) Portable() bool { return p.Wasm != nil }

// Spec parses the BPF object, which holds one program that has the name of p and is of type XDP.
func (p *Program) Spec() (*ebpf.CollectionSpec, error) {
	return loader.LoadSpec(bytes.NewReader(p.Object))
}

// Insns returns the bytecode, one entry per 8-byte slot, with references to maps unresolved.
func (p *Program) Insns() ([]isa.Insn, error) {
	spec, err := p.Spec()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := spec.Programs[p.Name].Instructions.Marshal(&b, binary.LittleEndian); err != nil {
		return nil, fmt.Errorf("bench: %s: %w", p.Name, err)
	}
	return isa.Decode(b.Bytes())
}

// list names the programs and how their input is made.
var list = []struct {
	name, kind string
	input      func(*rand.Rand) []byte
}{
	{"fnv", KindCompute, randomBytes},
	{"murmur", KindCompute, randomBytes},
	{"siphash", KindCompute, randomBytes},
	{"checksum", KindCompute, randomBytes},
	{"adler", KindCompute, randomBytes},
	{"crc", KindCompute, randomBytes},
	{"insertion", KindCompute, randomBytes},
	{"bitonic", KindCompute, randomBytes},
	{"search", KindCompute, randomBytes},
	{"dfa", KindCompute, text},
	{"numbers", KindCompute, text},
	{"matmul", KindCompute, randomBytes},
	{"chacha", KindCompute, randomBytes},
	{"xxtea", KindCompute, randomBytes},
	{"sha256", KindCompute, randomBytes},
	{"bits", KindCompute, randomBytes},
	{"base64", KindCompute, randomBytes},
	{"levenshtein", KindCompute, randomBytes},
	{"sieve", KindCompute, randomBytes},
	{"gcd", KindCompute, randomBytes},
	{"collatz", KindCompute, randomBytes},
	{"modpow", KindCompute, randomBytes},
	{"xoshiro", KindCompute, randomBytes},
	{"headers", KindPacket, tagged},
	{"filter", KindPacket, segment},
	{"nat", KindPacket, segment},
	{"l4sum", KindPacket, segment},
	{"options", KindPacket, segment},
	{"calls", KindCall, randomBytes},
	{"nested", KindCall, randomBytes},
	{"straight", KindStraight, randomBytes},
	{"branchy", KindBranchy, randomBytes},
	{"map_array", KindMap, randomBytes},
	{"map_percpu", KindMap, randomBytes},
	{"map_hash", KindMap, randomBytes},
	{"map_update", KindMap, randomBytes},
	{"map_lpm", KindMap, randomBytes},
	{"helper_clock", KindHelper, randomBytes},
	{"helper_csum", KindHelper, randomBytes},
	{"helper_loop", KindHelper, randomBytes},
}

// Programs returns all programs, sorted by kind as the reports show them.
func Programs() []*Program { return slices.Clone(programs()) }

var programs = sync.OnceValue(func() []*Program {
	all := make([]*Program, 0, len(list))
	for _, l := range list {
		seed := fnv.New64a()
		seed.Write([]byte(l.name))
		p := &Program{Name: l.name, Kind: l.kind, Input: l.input(rand.New(rand.NewPCG(seed.Sum64(), 1)))}
		p.Source, p.Object, p.Wasm = file(l.name+".c"), file(l.name+".o"), file(l.name+".wasm")
		p.About = about(p.Source)
		all = append(all, p)
	}
	return all
})

// file returns an embedded file, nil for none.
func file(name string) []byte {
	b, err := files.ReadFile("programs/" + name)
	if err != nil {
		return nil
	}
	return b
}

// about is the first comment of a source after the licence.
func about(source []byte) string {
	_, rest, _ := strings.Cut(string(source), "*/\n/* ")
	s, _, _ := strings.Cut(rest, " */")
	return strings.Join(strings.Fields(strings.ReplaceAll(s, "\n *", " ")), " ")
}

// inputSize is the length of random and text input, in bytes.
const inputSize = 256

func randomBytes(r *rand.Rand) []byte {
	b := make([]byte, inputSize)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// text is words, numbers and punctuation.
func text(r *rand.Rand) []byte {
	var b []byte
	for len(b) < inputSize {
		switch r.IntN(4) {
		case 0:
			b = fmt.Appendf(b, "%d ", r.IntN(100_000)-20_000)
		case 1:
			b = fmt.Appendf(b, "%c%d, ", 'a'+rune(r.IntN(26)), r.IntN(1000))
		default:
			for range 2 + r.IntN(8) {
				b = append(b, byte('a'+r.IntN(26)))
			}
			b = append(b, " \n.;"[r.IntN(4)])
		}
	}
	return b[:inputSize]
}

// segment is a TCP segment from 10.0.0.7:40000 to 203.0.113.5:443 with 20 bytes of options and random payload.
func segment(r *rand.Rand) []byte {
	b := make([]byte, 14+20+40+450)
	for i := 74; i < len(b); i++ {
		b[i] = byte(r.Uint32())
	}
	copy(b, []byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45})
	binary.BigEndian.PutUint16(b[16:], uint16(len(b)-14))
	b[22], b[23] = 64, 6
	copy(b[26:], []byte{10, 0, 0, 7, 203, 0, 113, 5})
	binary.BigEndian.PutUint16(b[24:], ^onesSum(b[14:34]))
	binary.BigEndian.PutUint16(b[34:], 40000)
	binary.BigEndian.PutUint16(b[36:], 443)
	b[46], b[47] = 10<<4, 0x10
	copy(b[54:], []byte{2, 4, 5, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 3, 3, 7})
	return b
}

// tagged is segment within two VLAN tags.
func tagged(r *rand.Rand) []byte {
	b := segment(r)
	return slices.Concat(b[:12], []byte{0x88, 0xa8, 0, 5, 0x81, 0, 0, 9}, b[12:])
}

// onesSum is the sum in ones' complement of RFC 1071.
func onesSum(b []byte) uint16 {
	sum := uint32(0)
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return uint16(sum)
}
