package interp

import (
	"math/rand/v2"
	"testing"

	"github.com/gbpf/gbpf/helpers"
	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/internal/trap"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
)

// fuzzRig is a rig with maps whose handles programs meet, made once a worker.
func fuzzRig(t testing.TB) *rig {
	g := newRig(t)
	for _, s := range []maps.Spec{
		{Name: "array", Type: maps.Array, KeySize: 4, ValueSize: 16, MaxEntries: 4},
		{Name: "hash", Type: maps.Hash, KeySize: 8, ValueSize: 8, MaxEntries: 8},
		{Name: "lru", Type: maps.LRUHash, KeySize: 4, ValueSize: 8, MaxEntries: 4},
		{Name: "ringbuf", Type: maps.RingBuf, MaxEntries: 4096},
		{Name: "progs", Type: maps.ProgArray, KeySize: 4, ValueSize: 4, MaxEntries: 2},
		{Name: "events", Type: maps.PerfEventArray, KeySize: 4, ValueSize: 4},
		{Name: "queue", Type: maps.Queue, ValueSize: 8, MaxEntries: 4},
	} {
		if _, err := maps.New(g.mem, &s, 1, g.table); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

// fuzzProgram makes instructions of raw bytes, eight each: any row of the table, any registers, and
// offsets and immediates that are small, so that programs reach things.
func fuzzProgram(raw []byte) []isa.Insn {
	var insns []isa.Insn
	for ; len(raw) >= 8 && len(insns) < 200; raw = raw[8:] {
		op := isa.Op(int(raw[0])%(isa.NumOps-1) + 1)
		if op == isa.OpLddwHi || op == isa.OpCallKfunc {
			op = isa.OpMov64Imm
		}
		info := op.Info()
		dst, src := isa.Reg(raw[1]%11), isa.Reg(raw[2]%11)
		off := int16(int8(raw[3]))
		if info.Kind == isa.KindJump || info.Kind == isa.KindCond || info.Kind == isa.KindMayGoto || op == isa.OpCallLocal {
			off = int16(int8(raw[3])) % 16
		}
		imm := int64(int8(raw[4]))
		if raw[5]&1 != 0 {
			imm = int64(int32(uint32(raw[4]) | uint32(raw[5])<<8 | uint32(raw[6])<<16 | uint32(raw[7])<<24))
		}
		switch {
		case info.Kind == isa.KindLoadImm64:
			v := int64(raw[4] % 9) // a handle
			switch raw[5] % 4 {
			case 1:
				v = int64(guest.NullZone) + int64(raw[6])<<8 + int64(raw[7])<<16
			case 2:
				v = int64(uint64(raw[6])<<56 | uint64(raw[7]))
			}
			if op == isa.OpLddwFunc {
				v = int64(int32(int8(raw[4]) % 16))
			}
			two := isa.LoadImm64(op, dst, v)
			insns = append(insns, two[:]...)
			continue
		case op == isa.OpCallHelper:
			imm = int64(raw[4])
		case op == isa.OpCallLocal, op == isa.OpJa32:
			imm = int64(int8(raw[4]) % 16)
		}
		in := isa.New(op, dst, src, off, imm)
		insns = append(insns, in)
	}
	return insns
}

// checkProgram runs a program in both modes within little fuel and holds what must be true of any program: no panic,
// a known trap, no more fuel than given, nothing outside the window changed (the race detector and
// the guards would tell).
func checkProgram(t *testing.T, g *rig, insns []isa.Insn, data []byte) *trap.Trap {
	if len(insns) == 0 {
		return nil
	}
	p, err := New(Source{
		Name: "fuzz", Type: progtype.ByName("raw"), GPL: true, Insns: insns,
		Const: func(pc int) (uint64, error) {
			if insns[pc].Op == isa.OpLddwFunc {
				return FuncRef(insns[pc].Target(pc)), nil
			}
			return uint64(insns[pc].Imm), nil
		},
		Helper: func(pc int) (*helpers.Helper, error) {
			if h := g.set.ByID(int32(insns[pc].Imm)); h != nil {
				return h, nil
			}
			return g.set.ByID(5), nil
		},
		ByID: func(id uint64) *helpers.Helper { return g.set.ByID(int32(id)) },
	})
	if err != nil {
		t.Fatalf("prepare: %v", err)
	}
	const fuel = 20_000
	var first *trap.Trap
	for _, m := range []Mode{{Checked: true}, {Checked: true, Uninit: true}, {}} {
		res, tr := g.run(p, m, fuel, data)
		if res.Fuel > fuel {
			t.Fatalf("used %d fuel of %d", res.Fuel, fuel)
		}
		if m.Checked && res.Insns > fuel+uint64(8*len(insns)) {
			t.Fatalf("executed %d instructions on %d fuel", res.Insns, fuel)
		}
		if tr != nil && (tr.Code == trap.None || tr.Code == trap.Internal || tr.Insn < 0 || tr.Insn >= len(insns) || tr.Error() == "") {
			t.Fatalf("trap %+v", tr)
		}
		if first == nil {
			first = tr
		}
	}
	return first
}

// FuzzPrograms runs random programs. The first byte is the length of the input data.
func FuzzPrograms(f *testing.F) {
	rng := rand.New(rand.NewPCG(8, 9))
	for range 50 {
		b := make([]byte, 8*(1+rng.IntN(30)))
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		f.Add(b)
	}
	g := fuzzRig(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		g.t = t
		if len(raw) < 9 {
			return
		}
		checkProgram(t, g, append(fuzzProgram(raw[1:]), isa.New(isa.OpExit, 0, 0, 0, 0)), make([]byte, raw[0]))
	})
}

// TestRandomPrograms is a bounded slice of FuzzPrograms that always runs, and counts how programs end.
func TestRandomPrograms(t *testing.T) {
	n := 20_000
	if testing.Short() {
		n = 2_000
	}
	g := fuzzRig(t)
	rng := rand.New(rand.NewPCG(10, 11))
	ends := map[string]int{}
	for range n {
		b := make([]byte, 8*(1+rng.IntN(25)))
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		tr := checkProgram(t, g, append(fuzzProgram(b), isa.New(isa.OpExit, 0, 0, 0, 0)), b[:rng.IntN(len(b))])
		if tr == nil {
			ends["returned"]++
		} else {
			ends[tr.Code.String()]++
		}
	}
	t.Log(ends)
	if ends["returned"] == 0 || len(ends) < 5 {
		t.Error("the programs all end alike: the generator is too weak")
	}
}
