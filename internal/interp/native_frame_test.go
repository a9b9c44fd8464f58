package interp

import (
	"fmt"
	"testing"

	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/internal/trap"
	"github.com/gbpf/gbpf/isa"
)

// TestNativeFramePointer runs every row that takes R10 for an operand or a base, in every depth of functions, before and behind a way
// out to the host, and in windows of both kinds: machine code may hold R10 otherwise than the program has it.
func TestNativeFramePointer(t *testing.T) {
	for _, masked := range []bool{false, true} {
		tw := newTwin(t)
		if masked {
			tw.cfg.Mask = uint32(tw.a.mem.Limit() - 1)
			tw.a.st.mask = uint64(tw.cfg.Mask)
		}
		rows := 0
		for op := isa.Op(1); int(op) < isa.NumOps; op++ {
			ins := framePointerUses(op)
			if len(ins) > 0 {
				rows++
			}
			for i, in := range ins {
				for depth := range guest.MaxFrames + 1 {
					if testing.Short() && (int(op)+i+depth)%9 != 0 {
						continue
					}
					prog := nested(depth, in)
					if !tw.compare(fmt.Sprintf("%v, %d functions deep", in, depth), prog, nil, 1000) {
						t.Fatalf("%v: the structure is refused", in)
					}
					if tr := tw.b.st.trap; (depth == guest.MaxFrames) != (tr != nil && tr.Code == trap.CallDepth) {
						t.Fatalf("%v, %d functions deep: trap %v", in, depth, tr)
					}
				}
			}
		}
		tw.wholeWindow("frame pointer")
		t.Logf("compared %d programs of %d rows", tw.ran, rows)
		if rows < 100 {
			t.Errorf("%d rows take R10", rows)
		}
	}
}

// framePointerUses are the instructions of a row with R10 in each place that can read it.
func framePointerUses(op isa.Op) (all []isa.Insn) {
	info := op.Info()
	in := isa.New(op, 3, 4, 0, 0)
	if info.SrcUse != isa.UseOperand {
		in.Src = 0
	}
	if info.ImmUse == isa.UseOperand {
		in.Imm = 1 << 20
	}
	if op == isa.OpAddrSpaceCast {
		in.Imm = isa.CastToKernel
	}
	offsets := []int16{0}
	switch info.Kind {
	case isa.KindALU, isa.KindMov, isa.KindMovSX, isa.KindAddrSpaceCast:
	case isa.KindCond:
		offsets = []int16{1}
	case isa.KindLoad, isa.KindLoadSX, isa.KindStore, isa.KindStoreImm, isa.KindAtomic, isa.KindLoadAcquire, isa.KindStoreRelease:
		offsets = []int16{-8, -512, -9, -513, 8, 32767, -32768}
	default:
		return nil
	}
	for _, off := range offsets {
		in.Off = off
		if info.OffUse != isa.UseOperand {
			in.Off = 0
		}
		for _, places := range [][2]bool{{true, false}, {false, true}, {true, true}} {
			use := in
			if places[0] {
				use.Dst = isa.R10
			}
			if places[1] && info.SrcUse == isa.UseOperand {
				use.Src = isa.R10
			}
			if use != in && !use.WriteRegs().Has(isa.R10) {
				all = append(all, use)
			}
		}
	}
	return all
}

// nested is an instruction in a function at a depth, between two calls of the host. Every function on the way stores R10 and all
// else, before and after.
func nested(depth int, in isa.Insn) []isa.Insn {
	keep := func(off int16) []isa.Insn {
		return []isa.Insn{isa.New(isa.OpStxDW, isa.R10, isa.R10, off, 0), isa.New(isa.OpMov64Reg, 6, isa.R10, 0, 0)}
	}
	host := isa.New(isa.OpCallHelper, 0, 0, 0, 5) // ktime_get_ns
	var prog []isa.Insn
	for range depth {
		back := append(append(keep(-24), spill()...), exit...)
		prog = append(append(prog, keep(-16)...), isa.New(isa.OpCallLocal, 0, 1, 0, int64(len(back))))
		prog = append(prog, back...)
	}
	prog = append(append(prog, host), setAll([10]uint64{1, 1 << 33, 3, 1<<63 + 5, 4, 77, 6, 1 << 40, 8, 9})...)
	prog = append(append(prog, in), keep(-16)...) // a jump goes over the first of it
	prog = append(append(prog, spill()...), host)
	return append(append(prog, keep(-32)...), exit...)
}
