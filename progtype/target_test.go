package progtype_test

import (
	"encoding/json"
	"math"
	"os"
	"regexp"
	"testing"

	"github.com/gbpf/gbpf/internal/kernel"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/progtype"
)

// targetCase is a way to come by a pointer.
type targetCase struct {
	name string
	typ  *progtype.Type
	get  []isa.Insn // puts the pointer into R7, and jumps past what follows (jump: of that many) if there is none
	load bool       // get starts with the load of a map
}

func targetCases(body int16) []targetCase {
	call := func(id int64) isa.Insn { return isa.New(isa.OpCallHelper, 0, 0, 0, id) }
	sk := func(more int16) []isa.Insn {
		return []isa.Insn{isa.New(isa.OpLdxDW, 7, 1, 168, 0), isa.New(isa.OpJeqImm, 7, 0, body+more, 0)}
	}
	of := func(id int64) []isa.Insn {
		return append(sk(4), isa.New(isa.OpMov64Reg, 1, 7, 0, 0), call(id), isa.New(isa.OpJeqImm, 0, 0, body+1, 0), isa.New(isa.OpMov64Reg, 7, 0, 0, 0))
	}
	return []targetCase{
		{name: progtype.TargetSockCommon, typ: progtype.SchedCLS, get: sk(0)},
		{name: progtype.TargetSock, typ: progtype.SchedCLS, get: of(95)},
		{name: progtype.TargetTCPSock, typ: progtype.SchedCLS, get: of(96)},
		{name: progtype.TargetXDPSock, typ: progtype.XDP, load: true, get: []isa.Insn{
			isa.New(isa.OpLddwMapFD, 1, 0, 0, 0), isa.New(isa.OpLddwHi, 0, 0, 0, 0),
			isa.New(isa.OpMov64Reg, 2, 10, 0, 0), isa.New(isa.OpAdd64Imm, 2, 0, 0, -8), isa.New(isa.OpStDW, 2, 0, 0, 0), call(1),
			isa.New(isa.OpJeqImm, 0, 0, body+1, 0), isa.New(isa.OpMov64Reg, 7, 0, 0, 0),
		}},
		{name: progtype.TargetFlowKeys, typ: progtype.FlowDissector, get: []isa.Insn{isa.New(isa.OpLdxDW, 7, 1, 144, 0)}},
	}
}

const targetRecord = "testdata/targets.json"

// eachAccess calls f for the accesses that are asked about; bit numbers them.
func eachAccess(l *progtype.Layout, f func(bit int, off, size uint32, kind progtype.Access)) {
	bit := 0
	for off := uint32(0); off < l.Size+16; off++ {
		for _, size := range []uint32{1, 2, 4, 8} {
			for _, kind := range []progtype.Access{progtype.Read, progtype.Write} {
				f(bit, off, size, kind)
				bit++
			}
		}
	}
}

// TestTargets compares what may be loaded and stored through pointers to sockets and flow keys with what the live kernel
// says, for every offset and size and some beyond; without a kernel to ask, with what one said before.
func TestTargets(t *testing.T) {
	recorded := map[string][]byte{}
	if text, err := os.ReadFile(targetRecord); err == nil {
		if err := json.Unmarshal(text, &recorded); err != nil {
			t.Fatal(err)
		}
	}
	var xsk *kernel.Map
	live := kernel.Available()
	if live == nil {
		var err error
		if xsk, err = kernel.NewMap(kernel.MapSpec{Type: 17, KeySize: 4, ValueSize: 4, MaxEntries: 1}); err != nil {
			t.Fatal(err)
		}
		defer xsk.Close()
	} else {
		t.Logf("compared with the recording: %v", live)
	}
	compared := 0
	for _, c := range targetCases(2) {
		l := progtype.Target(c.name)
		record := make([]byte, l.Size+16)
		if live != nil && len(recorded[c.name]) != len(record) {
			t.Errorf("%s is not recorded", c.name)
			continue
		}
		eachAccess(l, func(bit int, off, size uint32, kind progtype.Access) {
			theirs, why := false, "recorded"
			if live == nil {
				v := c.ask(t, xsk, access7(off, size, kind))
				theirs, why = v.Accepted, v.LastLine
			} else {
				theirs = recorded[c.name][bit/8]>>(bit%8)&1 != 0
			}
			if theirs {
				record[bit/8] |= 1 << (bit % 8)
			}
			compared++
			if _, ours := l.At(off, size, kind); ours != theirs {
				t.Errorf("%s: access %d of %d bytes at %d: ours %v, the kernel's %v: %s", c.name, kind, size, off, ours, theirs, why)
			}
		})
		recorded[c.name] = record
	}
	t.Logf("%d accesses compared", compared)
	if *update && live == nil {
		text, err := json.MarshalIndent(recorded, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(targetRecord, append(text, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// access7 is a load or store through R7.
func access7(off, size uint32, kind progtype.Access) isa.Insn {
	if kind == progtype.Write {
		return isa.New(stores[size], 7, 0, int16(off), 0)
	}
	return isa.New(loads[size], 0, 7, int16(off), 0)
}

// ask is the kernel's verdict on an access through the pointer of the case.
func (c *targetCase) ask(t *testing.T, xsk *kernel.Map, access isa.Insn) *kernel.Verdict {
	t.Helper()
	body := append([]isa.Insn(nil), c.get...)
	body = append(body, isa.New(isa.OpMov64Imm, 0, 0, 0, 0), access, isa.New(isa.OpMov64Imm, 0, 0, 0, 0), isa.New(isa.OpExit, 0, 0, 0, 0))
	raw, err := isa.Encode(body)
	if err != nil {
		t.Fatal(err)
	}
	prog := kernel.Prog{Type: c.typ.Kernel, Insns: raw}
	if c.typ == progtype.FlowDissector {
		prog.AttachType = progtype.AttachFlowDissector
	}
	if c.load {
		prog.Maps = map[int]*kernel.Map{0: xsk}
	}
	p, v, err := kernel.Load(&prog)
	if err != nil {
		t.Fatal(err)
	}
	if p != nil {
		p.Close()
	}
	return v
}

// TestPointerFields compares what context fields that are pointers point to with the type that the live
// kernel's log has for it.
func TestPointerFields(t *testing.T) {
	if err := kernel.Available(); err != nil {
		t.Skipf("left out: %v", err)
	}
	loaded := regexp.MustCompile(`R2=(\w+)\(`)
	compared := 0
	for _, c := range accessCases() {
		if v := c.ask(t); !v.Accepted {
			continue
		}
		l := c.typ.Layout(c.attach)
		for i := range l.Fields {
			f := &l.Fields[i]
			if f.Access&progtype.Read == 0 || f.Off > math.MaxInt16 {
				continue
			}
			want := f.Target
			switch f.Kind {
			case progtype.Scalar:
				want = "scalar"
			case progtype.PacketData:
				want = "pkt"
			case progtype.PacketEnd:
				want = "pkt_end"
			case progtype.PacketMeta:
				want = "pkt_meta"
			}
			if f.Trusted {
				want = "trusted_ptr_" + want
			}
			if f.Nullable {
				want += "_or_null"
			}
			raw, err := isa.Encode([]isa.Insn{isa.New(loads[f.Size], 2, 1, int16(f.Off), 0), isa.New(isa.OpLdxB, 3, 10, 0, 0), isa.New(isa.OpExit, 0, 0, 0, 0)})
			if err != nil {
				t.Fatal(err)
			}
			prog := kernel.Prog{Type: c.typ.Kernel, AttachType: c.attach, Insns: raw, LogLevel: 1}
			if c.typ.OnlySleepable {
				prog.Flags = 1 << 4
			}
			_, v, err := kernel.Load(&prog)
			if err != nil {
				t.Fatal(err)
			}
			m := loaded.FindStringSubmatch(v.Log)
			compared++
			if m == nil || m[1] != want {
				t.Errorf("%s: %s is %s, the kernel says %v: %s", c, f.Name, want, m, v.Log)
			}
		}
	}
	t.Logf("%d fields compared with the live kernel", compared)
}
