package runner

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gbpf/gbpf/conformance/suite"
	"github.com/gbpf/gbpf/internal/kernel"
	"github.com/gbpf/gbpf/internal/trap"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
)

// A test run of the kernel returns 32 bits of R0. So that all 64 can be compared, the program becomes a function:
// what calls it puts R0 into a map. Where the kernel does not take that (at the depth of calls, with all of the
// stack in use, with legacy packet loads), the program runs as it is, and 32 bits are compared.

// errRefused is of programs that the kernel does not load.
var errRefused = errors.New("the kernel refuses it")

// live runs tests in the live kernel.
type live struct {
	out *kernel.Map // one element: R0
	btf *kernel.BTF // see loadFunctionType

	runs [2]int // in which all of R0 was compared, and in which 32 bits of it were
}

func newLive() (*live, error) {
	if err := kernel.Available(); err != nil {
		return nil, err
	}
	types, err := loadFunctionType()
	if err != nil {
		return nil, err
	}
	m, err := kernel.NewMap(kernel.MapSpec{Name: "r0", Type: uint32(maps.Array), KeySize: 4, ValueSize: 8, MaxEntries: 1})
	if err != nil {
		_ = types.Close()
		return nil, err
	}
	return &live{out: m, btf: types}, nil
}

func (l *live) close() {
	_ = l.out.Close()
	_ = l.btf.Close()
}

// kernel runs the tests in the live kernel.
func (r *Report) kernel(o *Options) {
	l, absent := newLive()
	if absent == nil {
		defer l.close()
	}
	defer func() {
		if absent == nil {
			r.Notes = append(r.Notes, fmt.Sprintf("Linux %s ran %d tests: of %d all of r0 was compared, of %d the low 32 bits", kernel.Release(), l.runs[0]+l.runs[1], l.runs[0], l.runs[1]))
		}
	}()
	for _, f := range o.Files {
		err := f.unread()
		switch {
		case err != nil:
		case absent != nil:
			err = skip("%v", absent)
		default:
			err = l.file(f)
		}
		r.add(f.Group, f.Name, Kernel, "", err)
	}
	if o.Files != nil {
		return
	}
	for _, c := range o.cases() {
		var err error
		switch {
		case absent != nil:
			err = skip("%v", absent)
		case c.Kernel != "":
			err = skip("the kernel: %s", c.Kernel)
		case c.Trap != trap.None || c.Unproved:
			err = skip("the kernel: it refuses what a run would have to be stopped for")
		default:
			err = l.suite(c)
		}
		r.add(c.Group, c.Name, Kernel, c.RFC, err)
	}
}

// kcode is a program for the kernel.
type kcode struct {
	typ     uint32
	insns   []isa.Insn
	maps    []*kernel.Map // what map loads name by index
	memory  *kernel.Map   // what R1 points to at first, nil for the context
	length  int           // of it, in R2
	wrapped bool
}

// sleepable is BPF_F_SLEEPABLE, without which programs of type syscall are not loaded.
const sleepable = 1 << 4

// load loads a program, as a function if that is wanted.
func (l *live) load(k *kcode) (*kernel.Program, error) {
	var head []isa.Insn
	at := map[int]*kernel.Map{}
	load := func(r isa.Reg, m *kernel.Map) {
		at[len(head)] = m
		both := isa.LoadImm64(isa.OpLddwMapValue, r, 0)
		head = append(head, both[:]...)
	}
	if k.memory != nil {
		load(isa.R1, k.memory)
		head = append(head, isa.New(isa.OpMov64Imm, isa.R2, 0, 0, int64(k.length)))
	}
	if k.wrapped {
		head = append(head, isa.New(isa.OpCallLocal, 0, isa.PseudoCall, 0, 4))
		load(isa.R1, l.out)
		head = append(head, isa.New(isa.OpStxDW, isa.R1, isa.R0, 0, 0), isa.New(isa.OpExit, 0, 0, 0, 0))
	}
	all := append(slices.Clone(head), k.insns...)
	code, err := isa.Encode(all)
	if err != nil {
		return nil, err
	}
	for pc, in := range k.insns {
		slot := len(head) + pc
		switch in.Op {
		case isa.OpLddwMapIdx, isa.OpLddwMapIdxValue, isa.OpLddwMapFD, isa.OpLddwMapValue:
			if int(in.ImmLow()) >= len(k.maps) {
				return nil, fmt.Errorf("no map %d", in.ImmLow())
			}
			at[slot] = k.maps[in.ImmLow()]
			pseudo := byte(isa.PseudoMapFD)
			if in.Op == isa.OpLddwMapIdxValue || in.Op == isa.OpLddwMapValue {
				pseudo = isa.PseudoMapValue
			}
			code[8*slot+1] = code[8*slot+1]&15 | pseudo<<4
		}
	}
	q := &kernel.Prog{Name: "conformance", Type: k.typ, Insns: code, Maps: at, NoLog: true}
	if q.FuncInfo = functions(all); q.FuncInfo != nil {
		q.BTF = l.btf
	}
	if k.typ == progtype.Syscall.Kernel {
		q.Flags = sleepable
	}
	p, _, err := kernel.Load(q)
	if err != nil || p != nil {
		return p, err
	}
	q.NoLog, q.LogLevel = false, 1 // the reason
	_, v, err := kernel.Load(q)
	if err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("%w: %s", errRefused, v.LastLine)
}

// result is what a run in the kernel left.
type result struct {
	r0   uint64
	bits int // of r0 that are known
	out  *kernel.Output
}

func (l *live) run(p *kernel.Program, in kernel.Input, wrapped bool) (*result, error) {
	key := []byte{0, 0, 0, 0}
	if err := l.out.Update(key, make([]byte, 8), 0); err != nil {
		return nil, err
	}
	out, err := p.Run(in)
	if err != nil {
		return nil, err
	}
	if out.Errno != 0 {
		return nil, fmt.Errorf("the kernel refuses the input: %s", out.ErrnoName)
	}
	res := &result{uint64(out.Retval), 32, out}
	if wrapped {
		b, err := l.out.Lookup(key)
		if err != nil {
			return nil, err
		}
		res.r0, res.bits = binary.LittleEndian.Uint64(b), 64
		l.runs[0]++
	} else {
		l.runs[1]++
	}
	return res, nil
}

// differs compares R0.
func (r *result) differs(want uint64) error {
	if r.bits == 32 {
		want = uint64(uint32(want))
	}
	if r.r0 != want {
		return fmt.Errorf("r0 is %#x in the kernel, want %#x", r.r0, want)
	}
	return nil
}

// file runs a test of the public format: its memory is the value of a map.
func (l *live) file(f *File) error {
	t := f.Test
	insns, err := isa.Decode(t.Code)
	if err != nil {
		return skip("it is no program: %v", err)
	}
	k := &kcode{typ: uint32(progtype.Syscall.Kernel), insns: insns, length: len(t.Mem), wrapped: true}
	k.memory, err = kernel.NewMap(kernel.MapSpec{Name: "memory", Type: uint32(maps.Array), KeySize: 4, ValueSize: uint32(max(1, len(t.Mem))), MaxEntries: 1})
	if err != nil {
		return err
	}
	defer k.memory.Close()
	if t.Mem != nil {
		if err := k.memory.Update([]byte{0, 0, 0, 0}, t.Mem, 0); err != nil {
			return err
		}
	}
	p, err := l.load(k)
	if errors.Is(err, errRefused) {
		k.wrapped = false
		p, err = l.load(k)
	}
	if errors.Is(err, errRefused) {
		return skip("%s", explain(err.Error()))
	}
	if err != nil {
		return err
	}
	defer p.Close()
	res, err := l.run(p, kernel.Input{DataOut: -1}, k.wrapped)
	if err != nil {
		return err
	}
	if t.Error != "" {
		return check(t, res.r0, nil)
	}
	return res.differs(t.Result)
}

// decided says what decides where the kernel's verifier refuses what an engine must run, by a part of its message.
var decided = []struct{ message, why string }{
	{"invalid shift", "RFC 9669 section 4.1: the amount of a shift is masked; to refuse it is the verifier's policy"},
	{"division by zero", "RFC 9669 section 4.1: a quotient by zero is zero; to refuse it is the verifier's policy"},
	{"unknown opcode Nd", "RFC 9669 has no call by register, the public suite's group callx has"},
	{"unreachable insn", "RFC 9669 asks for no path to an instruction; to refuse it is the verifier's policy"},
	{"LD_[ABS|IND]", "RFC 9669 section 5.5: packet loads are for programs that run on packets"},
}

// explain is a verifier's message without its numbers, so that refusals of one kind count as one, and what decides.
func explain(s string) string {
	var b strings.Builder
	digit := false
	for _, r := range s {
		d := r >= '0' && r <= '9'
		switch {
		case d && !digit:
			b.WriteByte('N')
		case !d:
			b.WriteRune(r)
		}
		digit = d
	}
	text := b.String()
	for _, d := range decided {
		if strings.Contains(text, d.message) {
			return text + "; " + d.why
		}
	}
	return text
}

// suite runs a case of gbpf's own.
func (l *live) suite(c *suite.Case) error {
	t := progtype.ByName(c.Type)
	if t == nil || t.Kernel == 0 {
		return skip("the kernel: it has no program type %s", c.Type)
	}
	made, err := l.maps(c)
	defer func() {
		for _, m := range made {
			_ = m.Close()
		}
	}()
	if err != nil {
		return err
	}
	k := &kcode{typ: t.Kernel, insns: c.Insns, maps: made, wrapped: true}
	p, err := l.load(k)
	if errors.Is(err, errRefused) && t == progtype.Syscall && c.Data == nil {
		// Type syscall is sleepable, and takes fewer types of maps than others.
		t, c = progtype.XDP, &suite.Case{Want: c.Want, Data: make([]byte, 64)}
		k.typ = t.Kernel
		p, err = l.load(k)
	}
	if errors.Is(err, errRefused) {
		k.wrapped = false
		p, err = l.load(k)
	}
	if err != nil {
		return err
	}
	defer p.Close()
	put := func(i int, v int) error {
		return made[0].Update(binary.LittleEndian.AppendUint32(nil, uint32(i)), binary.LittleEndian.AppendUint32(nil, uint32(v)), 0)
	}
	for i, insns := range c.Targets {
		if insns == nil {
			continue
		}
		q, err := l.load(&kcode{typ: t.Kernel, insns: insns, maps: made})
		if err != nil {
			return err
		}
		defer q.Close()
		if err := put(i, q.FD()); err != nil {
			return err
		}
	}
	if c.Self {
		if err := put(0, p.FD()); err != nil {
			return err
		}
	}
	if c.Self || c.Targets != nil {
		// A prog array keeps its programs, and a program its array.
		defer func() {
			for i := range c.Maps[0].MaxEntries {
				_ = made[0].Delete(binary.LittleEndian.AppendUint32(nil, i))
			}
		}()
	}
	in := kernel.Input{Data: c.Data}
	if t == progtype.Syscall {
		in = kernel.Input{Ctx: c.Data, DataOut: -1}
	}
	res, err := l.run(p, in, k.wrapped)
	if err != nil {
		return err
	}
	if err := res.differs(c.Want); err != nil {
		return err
	}
	left := res.out.Data
	if t == progtype.Syscall {
		left = res.out.Ctx
	}
	if c.Out != nil && !bytes.Equal(left, c.Out) {
		return fmt.Errorf("memory is % x in the kernel, want % x", left, c.Out)
	}
	return nil
}

// maps makes the maps of a case. What was made is returned with an error too.
func (l *live) maps(c *suite.Case) (made []*kernel.Map, err error) {
	for i := range c.Maps {
		s := &c.Maps[i]
		k := kernel.MapSpec{
			Name: "conformance", Type: uint32(s.Type), KeySize: s.KeySize, ValueSize: s.ValueSize,
			MaxEntries: s.MaxEntries, Flags: s.Flags, Extra: s.MapExtra,
		}
		if in := s.Inner; in != nil {
			k.ValueSize = 4
			k.Inner, err = kernel.NewMap(kernel.MapSpec{
				Name: "inner", Type: uint32(in.Type), KeySize: in.KeySize, ValueSize: in.ValueSize, MaxEntries: in.MaxEntries, Flags: in.Flags,
			})
			if err != nil {
				return made, err
			}
			defer k.Inner.Close()
		}
		m, err := kernel.NewMap(k)
		if err != nil {
			return made, err
		}
		made = append(made, m)
	}
	for i, n := range c.Inner {
		key := binary.LittleEndian.AppendUint32(nil, uint32(i))
		if err := made[0].Update(key, binary.LittleEndian.AppendUint32(nil, uint32(made[n].FD())), 0); err != nil {
			return made, err
		}
	}
	return made, nil
}
