package interp

import (
	"bytes"
	"errors"
	"testing"

	"github.com/gbpf/gbpf/helpers"
	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/internal/asm"
	"github.com/gbpf/gbpf/internal/trap"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

// pair is a twin whose programs are verified by the kernel's rules, so that machine code does helpers
// by itself, with the same maps on both sides.
type pair struct {
	*twin
	typ  *progtype.Type
	maps [2][]*maps.Map
}

func newPair(t testing.TB, typ *progtype.Type, specs ...maps.Spec) *pair {
	p := &pair{twin: newTwin(t), typ: typ}
	for i, g := range []*rig{p.a, p.b} {
		for k := range specs {
			m, err := maps.New(g.mem, &specs[k], 1, g.table)
			if err != nil {
				t.Fatal(err)
			}
			p.maps[i] = append(p.maps[i], m)
		}
	}
	return p
}

// program verifies insns for one side.
func (p *pair) program(side int, insns []isa.Insn) *Program {
	p.t.Helper()
	g, own := []*rig{p.a, p.b}[side], p.maps[side]
	spec := &verifier.Spec{Name: "test", Type: p.typ, GPL: true, Insns: insns, Helper: func(id int32) *proto.Proto { return proto.For(p.typ.Kernel, id) }}
	for _, m := range own {
		spec.Maps = append(spec.Maps, &verifier.Map{
			Name: m.Name(), Type: m.Type(), KeySize: m.KeySize(), ValueSize: m.ValueSize(), MaxEntries: m.MaxEntries(), Flags: m.Flags(),
		})
	}
	proof, err := verifier.Verify(spec, verifier.Options{})
	if err != nil {
		p.t.Fatalf("%+v", err)
	}
	q, err := New(Source{
		Name: "test", Type: p.typ, GPL: true, Proof: proof, Maps: g.table, Map: func(i uint32) *maps.Map { return own[i] },
		Const: func(pc int) (uint64, error) {
			switch in := insns[pc]; in.Op {
			case isa.OpLddwFunc:
				return FuncRef(in.Target(pc)), nil
			case isa.OpLddwMapFD, isa.OpLddwMapIdx:
				return own[uint32(in.ImmLow())].Handle(), nil
			case isa.OpLddw:
				return uint64(in.Imm), nil
			}
			return 0, errors.New("no such constant here")
		},
		Helper: func(pc int) (*helpers.Helper, error) {
			if h := g.set.ByID(int32(insns[pc].Imm)); h != nil {
				return h, nil
			}
			return nil, errors.New("no such helper")
		},
		ByID: func(id uint64) *helpers.Helper { return g.set.ByID(int32(id)) },
	})
	if err != nil {
		p.t.Fatal(err)
	}
	if side == 1 {
		if err := q.Compile(p.cfg); err != nil {
			p.t.Fatal(err)
		}
	}
	return q
}

// both is one program on both sides.
type both struct {
	*pair
	name string
	prog [2]*Program
}

func (p *pair) load(name, text string) *both {
	p.t.Helper()
	insns := asm.Must(text)
	return &both{p, name, [2]*Program{p.program(0, insns), p.program(1, insns)}}
}

// run runs the program on both sides, holds what they leave against each other, and returns the result in machine code and how
// often that was left. The stack is left out: what of it the functions do not use is not cleared in machine code.
func (b *both) run(data []byte, fuel uint64) (Result, *trap.Trap, uint64) {
	b.t.Helper()
	b.b.st.exits = 0
	ra, ta := b.enter(b.a, b.prog[0], Mode{}, fuel, data)
	rb, tb := b.enter(b.b, b.prog[1], Mode{Native: true}, fuel, data)
	switch {
	case (ta == nil) != (tb == nil) || ta != nil && (ta.Code != tb.Code || ta.Insn != tb.Insn || ta.Addr != tb.Addr || ta.Detail != tb.Detail):
		b.t.Fatalf("%s: fuel %d: trap %v in the interpreter, %v in machine code", b.name, fuel, ta, tb)
	case ra.R0 != rb.R0:
		b.t.Fatalf("%s: fuel %d: r0 = %#x in the interpreter, %#x in machine code", b.name, fuel, ra.R0, rb.R0)
	case ra.Fuel != rb.Fuel:
		b.t.Fatalf("%s: fuel %d: %d taken in the interpreter, %d in machine code", b.name, fuel, ra.Fuel, rb.Fuel)
	}
	sa, sb := b.a.st.slot, b.b.st.slot
	x, y := sa.Region.Bytes()[sa.Ctx-sa.Region.Addr:], sb.Region.Bytes()[sb.Ctx-sb.Region.Addr:]
	if !bytes.Equal(x, y) {
		for i := range x {
			if x[i] != y[i] {
				b.t.Fatalf("%s: fuel %d: byte %#x behind the context is %#x in the interpreter, %#x in machine code", b.name, fuel, i, x[i], y[i])
			}
		}
	}
	for i, m := range b.maps[0] {
		if m.Type() == maps.Array {
			x, _ := m.ValueBytes(0, m.ValueSize())
			y, _ := b.maps[1][i].ValueBytes(0, m.ValueSize())
			if !bytes.Equal(x, y) {
				b.t.Fatalf("%s: fuel %d: map %d begins with %x in the interpreter, %x in machine code", b.name, fuel, i, x, y)
			}
		}
	}
	b.ran++
	return rb, tb, b.b.st.exits
}

// sweep runs the program with each amount of fuel up to a limit, and with plenty; it says how
// often machine code is to be left then.
func (b *both) sweep(data []byte, limit, exits uint64) Result {
	b.t.Helper()
	for fuel := range limit {
		b.run(data, fuel)
	}
	res, tr, n := b.run(data, 1<<40)
	if tr != nil {
		b.t.Fatalf("%s: %v", b.name, tr)
	}
	if n != exits {
		b.t.Errorf("%s: the run left machine code %d times, want %d", b.name, n, exits)
	}
	return res
}
