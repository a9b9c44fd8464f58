package progtype_test

import (
	"strings"
	"testing"

	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/internal/kernel"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/progtype"
)

// packet puts the data pointer of a case's context into R7, with 8 bytes behind it proven to be there; without
// packet pointers it is nil. What follows must end in three instructions.
func (c accessCase) packet(body ...isa.Insn) []isa.Insn {
	var data, end *progtype.Field
	l := c.typ.Layout(c.attach)
	for i := range l.Fields {
		f := &l.Fields[i]
		if f.Access&progtype.Read == 0 {
			continue
		}
		switch f.Kind {
		case progtype.PacketData:
			data = f
		case progtype.PacketEnd:
			end = f
		}
	}
	if data == nil || end == nil {
		return nil
	}
	return append([]isa.Insn{
		isa.New(isa.OpMov64Reg, 6, 1, 0, 0),
		isa.New(loads[data.Size], 7, 6, int16(data.Off), 0),
		isa.New(loads[end.Size], 8, 6, int16(end.Off), 0),
		isa.New(isa.OpMov64Reg, 9, 7, 0, 0), isa.New(isa.OpAdd64Imm, 9, 0, 0, 8),
		isa.New(isa.OpJgtReg, 9, 8, int16(len(body)), 0),
	}, body...)
}

// TestPacketCapabilities compares what a type may do with packet pointers with what the live kernel says.
func TestPacketCapabilities(t *testing.T) {
	if err := kernel.Available(); err != nil {
		t.Skipf("left out: %v", err)
	}
	compared := 0
	for _, c := range accessCases() {
		read := c.packet(isa.New(isa.OpLdxB, 0, 7, 0, 0))
		if read == nil {
			continue
		}
		if v := c.ask(t); !v.Accepted {
			continue
		}
		check := func(what string, ours bool, v *kernel.Verdict) {
			t.Helper()
			compared++
			if ours != v.Accepted {
				t.Errorf("%s: %s: ours %v, the kernel's %v: %s", c, what, ours, v.Accepted, v.LastLine)
			}
		}
		check("load", true, c.ask(t, read...))
		check("store", c.typ.PacketWrite, c.ask(t, c.packet(isa.New(isa.OpStB, 7, 0, 0, 0))...))
		// trace_printk is a helper without PktAccess.
		call := func(helper int64) *kernel.Verdict {
			return c.ask(t, c.packet(isa.New(isa.OpMov64Reg, 1, 7, 0, 0), isa.New(isa.OpMov64Imm, 2, 0, 0, 8), isa.New(isa.OpMov64Imm, 3, 0, 0, 0),
				isa.New(isa.OpMov64Imm, 4, 0, 0, 0), isa.New(isa.OpMov64Imm, 5, 0, 0, 0), isa.New(isa.OpCallHelper, 0, 0, 0, helper))...)
		}
		check("argument of trace_printk", c.typ.PacketArgs == progtype.PacketArgsAll, call(6))
		if csum := int64(proto.ByName("csum_diff").ID); proto.AllowedAttach(c.typ.Kernel, c.attach, false, int32(csum)) {
			check("argument of csum_diff", c.typ.PacketArgs != progtype.PacketArgsNone, call(csum))
		}
	}
	t.Logf("%d uses of packet pointers compared with the live kernel", compared)
}

// TestLoadAbs compares which types may load with LD_ABS and LD_IND with what the live kernel says.
func TestLoadAbs(t *testing.T) {
	if err := kernel.Available(); err != nil {
		t.Skipf("left out: %v", err)
	}
	compared := 0
	for _, c := range accessCases() {
		if v := c.ask(t); !v.Accepted {
			continue
		}
		for _, op := range []isa.Op{isa.OpLdAbsW, isa.OpLdIndB} {
			v := c.ask(t, isa.New(isa.OpMov64Reg, 6, 1, 0, 0), isa.New(isa.OpMov64Imm, 0, 0, 0, 0), isa.New(op, 0, 0, 0, 0))
			compared++
			if c.typ.LoadAbs != v.Accepted {
				t.Errorf("%s: %v: ours %v, the kernel's %v: %s", c, op, c.typ.LoadAbs, v.Accepted, v.LastLine)
			}
		}
	}
	t.Logf("%d packet loads of classic BPF compared with the live kernel", compared)
}

// TestSleepable compares which programs may be sleepable with what the live kernel says.
func TestSleepable(t *testing.T) {
	if err := kernel.Available(); err != nil {
		t.Skipf("left out: %v", err)
	}
	compared := 0
	for _, c := range accessCases() {
		awake := c.typ.ReturnsFor(c.attach).Min
		raw, err := isa.Encode([]isa.Insn{isa.New(isa.OpMov64Imm, 0, 0, 0, int64(awake)), isa.New(isa.OpExit, 0, 0, 0, 0)})
		if err != nil {
			t.Fatal(err)
		}
		var verdicts [2]*kernel.Verdict
		for i := range verdicts {
			p, v, err := kernel.Load(&kernel.Prog{Type: c.typ.Kernel, AttachType: c.attach, Flags: uint32(i) << 4, Insns: raw})
			if err != nil {
				t.Fatal(err)
			}
			if p != nil {
				p.Close()
			}
			verdicts[i] = v
		}
		if !verdicts[0].Accepted && !verdicts[1].Accepted && !strings.Contains(verdicts[1].LastLine, "sleepable") {
			continue // not in this kernel
		}
		compared += 2
		if ours := !c.typ.OnlySleepable; ours != verdicts[0].Accepted {
			t.Errorf("%s: not sleepable: ours %v, the kernel's %v: %s", c, ours, verdicts[0].Accepted, verdicts[0].LastLine)
		}
		if ours := c.typ.Sleepable.Has(c.attach); ours != verdicts[1].Accepted {
			t.Errorf("%s: sleepable: ours %v, the kernel's %v: %s", c, ours, verdicts[1].Accepted, verdicts[1].LastLine)
		}
	}
	t.Logf("%d programs compared with the live kernel", compared)
}
