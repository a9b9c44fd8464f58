package kernel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"
)

// insn packs one instruction.
func insn(op, dst, src byte, off int16, imm int32) []byte {
	b := []byte{op, src<<4 | dst}
	b = binary.LittleEndian.AppendUint16(b, uint16(off))
	return binary.LittleEndian.AppendUint32(b, uint32(imm))
}

func prog(insns ...[]byte) []byte { return bytes.Join(insns, nil) }

func needKernel(t *testing.T) {
	t.Helper()
	if err := Available(); err != nil {
		if !errors.Is(err, ErrUnavailable) {
			t.Fatalf("Available() = %v, does not wrap ErrUnavailable", err)
		}
		t.Skip(err)
	}
}

const xdp = 6

func TestLoadVerdict(t *testing.T) {
	needKernel(t)
	tests := []struct {
		name  string
		insns []byte
		want  Verdict
	}{
		{"accepted", prog(insn(0xb7, 0, 0, 0, 2), insn(0x95, 0, 0, 0, 0)), Verdict{Accepted: true, Processed: 2}},
		{"r0 unset", prog(insn(0x95, 0, 0, 0, 0)), Verdict{ErrnoName: "EACCES", LastLine: "R0 !read_ok", Processed: 1}},
		{"bad load", prog(insn(0xb7, 1, 0, 0, 1), insn(0x61, 0, 1, 0, 0), insn(0x95, 0, 0, 0, 0)),
			Verdict{ErrnoName: "EACCES", LastLine: "R1 invalid mem access 'scalar'", Processed: 2}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, v, err := Load(&Prog{Name: "t", Type: xdp, Insns: tt.insns})
			if err != nil {
				t.Fatal(err)
			}
			if p != nil {
				defer p.Close()
			}
			if v.Accepted != tt.want.Accepted || v.ErrnoName != tt.want.ErrnoName || v.LastLine != tt.want.LastLine || v.Processed != tt.want.Processed {
				t.Errorf("verdict %+v, want %+v", v, tt.want)
			}
		})
	}
}

func TestLoadLongLog(t *testing.T) {
	needKernel(t)
	var b []byte
	for range 5000 {
		b = append(b, insn(0xb7, 0, 0, 0, 7)...)
	}
	b = append(b, insn(0x95, 0, 0, 0, 0)...)
	p, v, err := Load(&Prog{Type: xdp, Insns: b, LogLevel: 2})
	if err != nil || p == nil {
		t.Fatalf("Load: %v, %+v", err, v)
	}
	defer p.Close()
	if n := strings.Count(v.Log, "\n"); n < 5000 {
		t.Errorf("log has %d lines, want one an instruction", n)
	}
}

func TestLoadRefusesLargePrograms(t *testing.T) {
	needKernel(t)
	b := make([]byte, 8*(MaxInsns+1))
	if _, _, err := Load(&Prog{Type: xdp, Insns: b}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("Load of %d instructions: %v, want ErrTooLarge", MaxInsns+1, err)
	}
}

func TestRunAndMaps(t *testing.T) {
	needKernel(t)
	m, err := NewMap(MapSpec{Name: "m", Type: 1, KeySize: 4, ValueSize: 8, MaxEntries: 8})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := m.Update(le32(5), make([]byte, 8), 0); err != nil {
		t.Fatal(err)
	}
	if err := m.Update(le32(5), make([]byte, 8), 1); err == nil {
		t.Error("update with BPF_NOEXIST of a present key succeeded")
	}
	// key 5 += 1; return its value
	p, v, err := Load(&Prog{Type: xdp, Maps: map[int]*Map{2: m}, Insns: prog(
		insn(0x62, 10, 0, -4, 5),
		insn(0xbf, 2, 10, 0, 0),
		insn(0x18, 1, 0, 0, 0), insn(0, 0, 0, 0, 0),
		insn(0x07, 2, 0, 0, -4),
		insn(0x85, 0, 0, 0, 1),
		insn(0x15, 0, 0, 3, 0),
		insn(0xb7, 1, 0, 0, 1),
		insn(0xdb, 0, 1, 0, 0),
		insn(0x79, 0, 0, 0, 0),
		insn(0x95, 0, 0, 0, 0),
	)})
	if err != nil || p == nil {
		t.Fatalf("Load: %v, %+v", err, v)
	}
	defer p.Close()
	in := bytes.Repeat([]byte{7}, 60)
	for i := uint32(1); i <= 3; i++ {
		out, err := p.Run(Input{Data: in})
		if err != nil {
			t.Fatal(err)
		}
		if out.Errno != 0 || out.Retval != i || !bytes.Equal(out.Data, in) {
			t.Errorf("run %d: %+v", i, out)
		}
	}
	all, err := m.Dump()
	if err != nil || len(all) != 1 || !bytes.Equal(all[0].Key, le32(5)) || all[0].Value[0] != 3 {
		t.Errorf("Dump = %v, %v", all, err)
	}
	out, err := p.Run(Input{Data: in[:13]})
	if err != nil || out.ErrnoName != "EINVAL" {
		t.Errorf("run on 13 bytes: %+v, %v; want EINVAL", out, err)
	}
}

func TestRunLimit(t *testing.T) {
	needKernel(t)
	p, v, err := Load(&Prog{Type: xdp, Insns: prog(insn(0xb7, 0, 0, 0, 2), insn(0x95, 0, 0, 0, 0))})
	if err != nil || p == nil {
		t.Fatalf("Load: %v, %+v", err, v)
	}
	defer p.Close()
	start := time.Now()
	_, err = p.Run(Input{Data: make([]byte, 64), Repeat: 1 << 31, Limit: 50 * time.Millisecond})
	if !errors.Is(err, ErrTimeout) {
		t.Errorf("2^31 repeats: %v, want ErrTimeout", err)
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("limit of 50 ms took %v", d)
	}
}

func TestLoadKfunc(t *testing.T) {
	needKernel(t)
	if _, err := Types(); err != nil {
		t.Skip(err)
	}
	p, v, err := Load(&Prog{
		Type:   xdp,
		Kfuncs: map[int]string{0: "bpf_rcu_read_lock", 1: "bpf_rcu_read_unlock"},
		Insns:  prog(insn(0x85, 0, 2, 0, 0), insn(0x85, 0, 2, 0, 0), insn(0xb7, 0, 0, 0, 2), insn(0x95, 0, 0, 0, 0)),
	})
	if err != nil || p == nil {
		t.Fatalf("Load: %v, %+v", err, v)
	}
	p.Close()
	p, v, err = Load(&Prog{Type: xdp, Kfuncs: map[int]string{0: "bpf_rcu_read_lock"}, Insns: prog(insn(0x85, 0, 2, 0, 0), insn(0xb7, 0, 0, 0, 2), insn(0x95, 0, 0, 0, 0))})
	if err != nil || p != nil || !strings.Contains(v.Log, "rcu_read_lock") {
		t.Errorf("Load of a program that keeps the RCU lock: %v, %+v; want a refusal that names it", err, v)
	}
	if _, _, err = Load(&Prog{Type: xdp, Kfuncs: map[int]string{0: "no_such_function"}, Insns: prog(insn(0x85, 0, 2, 0, 0))}); err == nil {
		t.Error("Load with an unknown kernel function succeeded")
	}
	if _, _, err = Load(&Prog{Type: xdp, Kfuncs: map[int]string{0: "bpf_rcu_read_lock"}, Insns: prog(insn(0x95, 0, 0, 0, 0))}); err == nil {
		t.Error("Load with a kfunc at an instruction that is no call succeeded")
	}
}

func TestLoadMeasures(t *testing.T) {
	needKernel(t)
	// r1 = 5000; do { r1 -= 1 } while (r1 != 0); exit 2
	p, v, err := Load(&Prog{Type: xdp, Insns: prog(
		insn(0xb7, 1, 0, 0, 5000), insn(0x07, 1, 0, 0, -1), insn(0x55, 1, 0, -2, 0), insn(0xb7, 0, 0, 0, 2), insn(0x95, 0, 0, 0, 0))})
	if err != nil || p == nil {
		t.Fatalf("Load: %v, %+v", err, v)
	}
	defer p.Close()
	if v.Processed < 10000 || v.States == 0 || v.PeakStates == 0 || v.PeakStates > v.States {
		t.Errorf("a loop of 5000 rounds: %d instructions, %d states, %d at a time", v.Processed, v.States, v.PeakStates)
	}
	if v.VerifyTime <= 0 || v.VerifyTime > v.Wall || v.CPU <= 0 {
		t.Errorf("verification took %v of %v, %v of CPU", v.VerifyTime, v.Wall, v.CPU)
	}
}
