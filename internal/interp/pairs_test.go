package interp

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/gbpf/gbpf/internal/cpu"
	"github.com/gbpf/gbpf/isa"
)

// edges are values at which shifts, products, quotients, swaps and atomics change what they do.
var edges = []uint64{0, 1, ^uint64(0), 1 << 63, 1<<31 - 1, 1 << 31, 1<<32 + 63}

// TestRegisterPairs runs each row of the classes in which registers are special to some processor, on every
// pair of registers and every pair of edges: the interpreter, checked mode and machine code, with and without what the
// processor has beyond the base.
func TestRegisterPairs(t *testing.T) {
	for _, f := range []cpu.Features{cpu.Host, {}} {
		withFeatures(t, f, registerPairs)
	}
}

func registerPairs(t *testing.T) {
	tw := newTwin(t)
	rows := map[string]int{}
	pairs, values := 0, 0
	for op := isa.Op(1); int(op) < isa.NumOps; op++ {
		class := pairClass(op)
		if class == "" {
			continue
		}
		rows[class]++
		for dst := isa.R0; dst <= isa.R10; dst++ {
			for src := isa.R0; src <= isa.R10; src++ {
				info := op.Info()
				atomic := info.Kind == isa.KindAtomic
				uses := info.SrcUse == isa.UseOperand
				if !uses && src > 0 || dst == isa.R10 && !atomic || info.Fetch && src == isa.R10 || testing.Short() && (int(op)+int(dst)*3+int(src)*5)%31 != 0 {
					continue
				}
				// A base that the operation itself changes cannot be the base again.
				if atomic && (dst == src || dst == isa.R0 && info.AtomicOp == isa.AtomicCmpxchg) && dst != isa.R10 {
					continue
				}
				pairs++
				values += tw.pair(op, dst, src)
			}
		}
	}
	t.Logf("rows by class %v, %d pairs of registers, %d pairs of values in three engines", rows, pairs, values)
	if len(rows) != 6 || pairs == 0 {
		t.Errorf("classes %v", rows)
	}
}

// pairClass is the class of a row that is tried on pairs of registers, "" for others.
func pairClass(op isa.Op) string {
	info := op.Info()
	switch info.Kind {
	case isa.KindEnd:
		return "swap"
	case isa.KindAtomic:
		return "atomic"
	case isa.KindALU:
		switch info.AluOp {
		case isa.AluLsh, isa.AluRsh, isa.AluArsh:
			return "shift"
		case isa.AluMul:
			return "mul"
		case isa.AluDiv, isa.AluSdiv:
			return "div"
		case isa.AluMod, isa.AluSmod:
			return "mod"
		}
	}
	return ""
}

// pair runs an operation on all pairs of edges in one program, which stores what it leaves, and returns how many.
func (tw *twin) pair(op isa.Op, dst, src isa.Reg) (n int) {
	tw.t.Helper()
	info := op.Info()
	seconds := edges
	if info.SrcUse != isa.UseOperand && info.ImmUse != isa.UseOperand {
		seconds = edges[:1]
	}
	for i, x := range edges {
		var prog []isa.Insn
		slot := int16(-8)
		put := func(r isa.Reg) {
			slot -= 8
			prog = append(prog, isa.New(isa.OpStxDW, isa.R10, r, slot, 0))
		}
		set := func(r isa.Reg, v uint64) { prog = append(prog, lddw(r, v)...) }
		for k, y := range seconds {
			n++
			for r := isa.R0; r <= isa.R9; r++ {
				if k == 0 || r == isa.R0 {
					set(r, uint64(r)*0x0101010101010101)
				}
			}
			in := isa.New(op, dst, src, 0, 0)
			switch {
			case info.Kind == isa.KindAtomic:
				// The word at the top of the frame, through any register.
				set(isa.R9, x)
				prog = append(prog, isa.New(isa.OpStxDW, isa.R10, isa.R9, -8, 0))
				set(isa.R0, edges[(i+k)%len(edges)]) // what an exchange compares with
				if src != isa.R10 {
					set(src, y)
				}
				in.Off = -8
				if info.ImmUse == isa.UseSelect {
					in.Imm = int64(info.ImmVal)
				}
				if dst != isa.R10 {
					prog = append(prog, isa.New(isa.OpMov64Reg, dst, isa.R10, 0, 0))
				}
				prog = append(prog, in)
				if dst != isa.R10 { // an address is no result
					prog = append(prog, isa.New(isa.OpMov64Imm, dst, 0, 0, 0))
				}
				prog = append(prog, isa.New(isa.OpLdxDW, isa.R1, isa.R10, -8, 0))
				if src != isa.R10 && src != isa.R1 {
					put(src)
				}
				put(isa.R0)
				put(isa.R1)
			default:
				set(dst, x)
				switch {
				case info.SrcUse == isa.UseOperand && src != isa.R10:
					set(src, y)
				case info.ImmUse == isa.UseOperand:
					in.Imm = int64(int32(y))
				}
				prog = append(prog, in)
				put(dst)
				if info.SrcUse == isa.UseOperand && src != isa.R10 && src != dst {
					put(src)
				}
			}
		}
		// All registers but R10, which nothing may have changed.
		for r := isa.R0; r <= isa.R9; r++ {
			put(r)
		}
		prog = append(prog, exit...)
		name := fmt.Sprintf("%s r%d, r%d", op, dst, src)
		if !tw.compare(name, prog, nil, 1000) {
			tw.t.Fatalf("%s: the structure is refused", name)
		}
		stack := func(g *rig) []byte {
			at := g.st.slot.FrameTop(0)
			b, _ := g.mem.Slice(uint64(at)-512, 512)
			return bytes.Clone(b)
		}
		fast := stack(tw.a)
		pa, err := tw.a.proved(prog)
		if err != nil {
			tw.t.Fatal(err)
		}
		if _, tr := tw.enter(tw.a, pa, Mode{Checked: true}, 1000, nil); tr != nil {
			tw.t.Fatalf("%s: checked mode: %v\n%s", name, tr, listing(prog))
		}
		if !bytes.Equal(fast, stack(tw.a)) {
			tw.t.Fatalf("%s: checked mode leaves something else\n%s", name, listing(prog))
		}
	}
	return n
}
