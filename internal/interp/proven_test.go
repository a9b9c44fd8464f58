package interp

import (
	"context"
	"testing"

	"github.com/gbpf/gbpf/internal/trap"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
)

// tail is a program as a prog array holds it.
type tail struct{ p *Program }

func (t tail) Interp() *Program { return t.p }
func (tail) ProgramHandle()     {}

// TailTarget implements [maps.Native].
func (t tail) TailTarget(table *maps.Table) (uint64, uint32) { return t.p.TailTarget(table) }

// TestUnproven asks for fast mode without a proof: every access is checked all the same, and so it is when a
// proven program goes on in one that is not.
func TestUnproven(t *testing.T) {
	g := newRig(t)
	wild := seq(lddw(1, 0x12345678), one(isa.OpLdxW, 0, 1, 0, 0), exit)
	p := g.program(wild)
	if p.Proven() {
		t.Fatal("a program without a proof is proven")
	}
	enter := func(p *Program) *trap.Trap {
		b := &g.st.Bctx
		b.Reset(p.Type())
		if err := p.Type().Setup(b, &progtype.Input{}); err != nil {
			t.Fatal(err)
		}
		_, tr := g.st.Run(context.Background(), p, Mode{}, 1<<20, 0, 0)
		return tr
	}
	if tr := enter(p); tr == nil || tr.Code != trap.BadAccess {
		t.Errorf("unproven in fast mode: %v", tr)
	}
	p.proven = true
	if tr := enter(p); tr != nil {
		t.Errorf("proven in fast mode: %v", tr)
	}
	p.proven = false
	progs, err := maps.New(g.mem, &maps.Spec{Name: "progs", Type: maps.ProgArray, KeySize: 4, ValueSize: 4, MaxEntries: 1}, 1, g.table)
	if err != nil {
		t.Fatal(err)
	}
	if err := progs.Put(uint32(0), tail{p}); err != nil {
		t.Fatal(err)
	}
	p.src.Maps = g.table
	caller := g.program(seq(lddw(2, progs.Handle()), one(isa.OpMov64Imm, 3, 0, 0, 0), one(isa.OpCallHelper, 0, 0, 0, 12), exit))
	caller.src.Maps, caller.proven = g.table, true
	if tr := enter(caller); tr == nil || tr.Code != trap.BadAccess || tr.Insn != 2 {
		t.Errorf("tail call of an unproven program: %v", tr)
	}
	p.proven = true
	if tr := enter(caller); tr != nil {
		t.Errorf("tail call of a proven program: %v", tr)
	}
}
