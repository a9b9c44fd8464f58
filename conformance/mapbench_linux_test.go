package conformance

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"testing"

	"github.com/gbpf/gbpf/internal/asm"
	"github.com/gbpf/gbpf/internal/kernel"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/vm"
)

// mapOps are what a loop of 100 turns does in each turn, with the turn in R6 and as a key in the 4 or 8 bytes at R10-8.
// What is found is 0 and goes into the next key by R7, so that turns do not overlap. What the same loop takes without the operation is
// subtracted. Each map holds keys 0 to 99.
var mapOps = []struct {
	name string
	typ  maps.Type
	key  uint32
	base string // what the loop does in any case
	op   string
}{
	{"array, constant key", maps.Array, 4, "r0 = r7", "*(u32 *)(r10 -16) = 7; " + lookupAt(16)},
	{"array", maps.Array, 4, turnKey, lookupAt(8)},
	{"percpu_array", maps.PerCPUArray, 4, turnKey, lookupAt(8)},
	{"percpu_array, constant key", maps.PerCPUArray, 4, "r0 = r7", "*(u32 *)(r10 -16) = 7; " + lookupAt(16)},
	{"hash, 4-byte key, hit", maps.Hash, 4, turnKey, lookupAt(8)},
	{"hash, 8-byte key, hit", maps.Hash, 8, turnKey, lookupAt(8)},
	{"hash, 8-byte key, miss", maps.Hash, 8, missKey, lookupAt(8)},
	{"hash, 16-byte key, hit", maps.Hash, 16, turnKey + "; r1 = 0; *(u64 *)(r10 -16) = r1", lookupAt(16)},
	{"hash, 40-byte key, hit", maps.Hash, 40, turnKey, lookupAt(40)},
	{"percpu_hash, 8-byte key, hit", maps.PerCPUHash, 8, turnKey, lookupAt(8)},
	{"lru_hash, 8-byte key, hit", maps.LRUHash, 8, turnKey, lookupAt(8)},
	{"lru_percpu_hash, 8-byte key, hit", maps.LRUPerCPUHash, 8, turnKey, lookupAt(8)},
	{"array update, 8 bytes", maps.Array, 4, turnKey, "r2 = r10; r2 += -8; r3 = r10; r3 += -16; r4 = 0; r1 = map[0]; call map_update_elem"},
	{"hash update, 8-byte key", maps.Hash, 8, turnKey, "r2 = r10; r2 += -8; r3 = r10; r3 += -16; r4 = 0; r1 = map[0]; call map_update_elem"},
	{"lpm_trie (by the host)", maps.LPMTrie, 8, turnKey + "; r1 = 32; *(u32 *)(r10 -8) = r1; *(u32 *)(r10 -4) = r6", lookupAt(8)},
}

const (
	turnKey = "r1 = r6; r1 += r7; *(u64 *)(r10 -8) = r1"
	missKey = "r1 = r6; r1 += r7; r1 += 1000; *(u64 *)(r10 -8) = r1"
)

func lookupAt(off int) string {
	return fmt.Sprintf("r2 = r10; r2 += -%d; r1 = map[0]; call map_lookup_elem; if r0 == 0 goto next; r7 = *(u64 *)(r0 +0)", off)
}

// benchKey is the key that the programs make of turn i.
func benchKey(typ maps.Type, size uint32, i int) []byte {
	k := make([]byte, size)
	switch {
	case typ == maps.LPMTrie:
		binary.LittleEndian.PutUint32(k, 32)
		binary.LittleEndian.PutUint32(k[4:], uint32(i))
	case size == 4:
		binary.LittleEndian.PutUint32(k, uint32(i))
	default:
		binary.LittleEndian.PutUint64(k[size-8:], uint64(i))
	}
	return k
}

// mapTime gives the CPU time of one run in the kernel and in gbpf, in ns.
func mapTime(t *testing.T, m *vm.Machine, typ maps.Type, key uint32, body string) helperPair {
	text := "r6 = 0; r7 = 0"
	for off := 8; off <= 40; off += 8 {
		text += fmt.Sprintf("; *(u64 *)(r10 -%d) = 0", off)
	}
	insns := asm.Must(text + fmt.Sprintf("\ntop: %s\nnext: r6 += 1; if r6 < %d goto top; r0 = 2; exit", body, helperTurns))
	raw, err := isa.Encode(insns)
	if err != nil {
		t.Fatal(err)
	}
	s := maps.Spec{Name: "m", Type: typ, KeySize: key, ValueSize: 8, MaxEntries: 1024}
	if typ == maps.LPMTrie {
		s.Flags = maps.NoPrealloc
	}
	own, err := m.NewMap(&s)
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	theirs, err := kernel.NewMap(kernel.MapSpec{Name: s.Name, Type: uint32(typ), KeySize: key, ValueSize: 8, MaxEntries: 1024, Flags: s.Flags})
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	size := 8
	if typ.PerCPU() {
		size *= kernel.PossibleCPUs()
	}
	for i := range helperTurns {
		k := benchKey(typ, key, i)
		if e := own.UpdateElem(0, k, make([]byte, 8), maps.Any); e != 0 {
			t.Fatal(e)
		}
		if err := theirs.Update(k, make([]byte, size), 0); err != nil {
			t.Fatal(err)
		}
	}
	use := map[int]*kernel.Map{}
	for pc := range insns {
		if insns[pc].Op == isa.OpLddwMapFD {
			use[pc] = theirs
		}
	}
	kprog, v, err := kernel.Load(&kernel.Prog{Type: progtype.XDP.Kernel, Insns: raw, Maps: use})
	if err != nil || kprog == nil {
		t.Fatalf("%v %+v", err, v)
	}
	defer kprog.Close()
	p, err := m.NewProgram(&vm.ProgramSpec{Name: "bench", Type: progtype.XDP, License: "GPL", Insns: insns, Maps: []*maps.Map{own}})
	if err != nil {
		t.Fatal(err)
	}
	if s := p.Stats(); s.Engine != "jit" {
		t.Fatalf("engine %s: %s", s.Engine, s.Reason)
	}
	packet := make([]byte, 64)
	o := &vm.RunOptions{Data: packet, NoOutput: true}
	out := helperPair{math.Inf(1), math.Inf(1)}
	const reps = 3000
	for range 9 {
		c := threadCPU()
		if _, err := kprog.Run(kernel.Input{Data: packet, Repeat: reps}); err != nil {
			t.Fatal(err)
		}
		out.kernel = min(out.kernel, float64(threadCPU()-c)/reps)
		c = threadCPU()
		for range reps {
			if _, err := p.Run(context.Background(), o); err != nil {
				t.Fatal(err)
			}
		}
		out.gbpf = min(out.gbpf, float64(threadCPU()-c)/reps)
	}
	return out
}

// TestMapSpeed compares operations on maps with the live kernel's on the same bytecode.
func TestMapSpeed(t *testing.T) {
	m := speedMachine(t)
	for _, op := range mapOps {
		// The base has the map, too, and as many entries in it.
		base := mapTime(t, m, op.typ, op.key, "r1 = map[0]; "+op.base+"; r0 = 1; r7 = *(u64 *)(r10 -24)")
		with := mapTime(t, m, op.typ, op.key, op.base+"; "+op.op)
		t.Logf("%-34s kernel %6.2f ns, gbpf %6.2f", op.name, (with.kernel-base.kernel)/helperTurns, (with.gbpf-base.gbpf)/helperTurns)
	}
}
