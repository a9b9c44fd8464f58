package verifier_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"

	"github.com/gbpf/gbpf/internal/asm"
	"github.com/gbpf/gbpf/internal/kernel"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

// regression is a program that some verifier accepted although it is not safe, in the
// shape of this package's own, and a twin that is safe and must be accepted. The live
// kernel's verdicts are the same; so they were of Linux 6.18 when the table was written.
//
// In the texts, $value looks up element 0 of map 0 (16 bytes) into R7 and loads 8 bytes of
// it into R6, $packet loads the packet's start into R3, its end into R2 and keeps the
// context in R9, and [r1] reads a byte at R7 + R1. A text that does not end in exit goes on to
// "out", which returns 0.
type regression struct {
	class, name string
	bad, good   string
	typ         *progtype.Type // XDP if nil
	// code is what bad is refused for; "" where several rules forbid it.
	code verifier.Code
	// unlike says that the kernel accepts bad.
	unlike bool
}

// says reports whether code is the one that bad must be refused for. Where an access would be
// out of bounds, the number that leads there may be refused before it.
func (r *regression) says(code verifier.Code) bool {
	switch code {
	case verifier.CodeUnsupported, verifier.CodeLimit, verifier.CodeStructure:
		return code == r.code
	case verifier.CodeArithmetic, verifier.CodeAlignment:
		return r.code == "" || r.code == code || r.code == verifier.CodeBounds
	}
	return r.code == "" || r.code == code
}

const valueText = `
	*(u32 *)(r10 -4) = 0
	r1 = map[0]; r2 = r10; r2 += -4
	call map_lookup_elem
	if r0 == 0 goto out
	r7 = r0
	r6 = *(u64 *)(r7 +0)`

const packetText = `
	r9 = r1
	r3 = *(u32 *)(r1 +0)
	r2 = *(u32 *)(r1 +4)`

// text makes a whole program of the text of a regression.
func (r *regression) text(s string) string {
	s = strings.ReplaceAll(s, "$value", valueText)
	s = strings.ReplaceAll(s, "$packet", packetText)
	for i := range 10 {
		s = strings.ReplaceAll(s, fmt.Sprintf("[r%d]", i), fmt.Sprintf("r7 += r%d; r0 = *(u8 *)(r7 +0)", i))
	}
	last := strings.TrimSpace(s[strings.LastIndexAny(s, ";\n")+1:])
	ends := strings.HasSuffix(last, "exit") || strings.HasPrefix(last, "goto ")
	if strings.Contains(s, "out:") || ends && !strings.Contains(s, "goto out") {
		return s
	}
	return s + "\nout: r0 = 0; exit"
}

// padded is text with n jumps to the next instruction in front of each label that is come to from above: a
// state is kept at a label only when enough has been walked since the last one was kept, which is so
// for one n of eight in a row.
func padded(text string, n int) string {
	var b strings.Builder
	last := "exit"
	for _, line := range strings.FieldsFunc(text, func(r rune) bool { return r == ';' || r == '\n' }) {
		line = strings.TrimSpace(line)
		if labelled.MatchString(line) && last != "exit" && !strings.HasPrefix(last, "goto ") {
			b.WriteString(strings.Repeat("goto pc+0\n", n))
		}
		b.WriteString(line + "\n")
		if line = labelled.ReplaceAllString(line, ""); line != "" {
			last = line
		}
	}
	return b.String()
}

var labelled = regexp.MustCompile(`^\w+:\s*`)

// rodata is the value of map 5.
var rodata = func() []byte {
	b := make([]byte, 64)
	b[0], b[4] = 12, 200
	return b
}()

var regressMaps = []*verifier.Map{
	{Name: "array", Type: maps.Array, KeySize: 4, ValueSize: 16, MaxEntries: 4},
	{Name: "hash", Type: maps.Hash, KeySize: 4, ValueSize: 16, MaxEntries: 4},
	{Name: "ring", Type: maps.RingBuf, MaxEntries: 4096},
	{Name: "data", Type: maps.Array, KeySize: 4, ValueSize: 64, MaxEntries: 1},
	{Name: "lock", Type: maps.Array, KeySize: 4, ValueSize: 16, MaxEntries: 2, Fields: []maps.Field{{Kind: maps.FieldSpinLock, Size: 4}}},
	{Name: "rodata", Type: maps.Array, KeySize: 4, ValueSize: 64, MaxEntries: 1, Flags: maps.RdonlyProg, Contents: rodata},
	{Name: "progs", Type: maps.ProgArray, KeySize: 4, ValueSize: 4, MaxEntries: 4},
	{Name: "outer", Type: maps.ArrayOfMaps, KeySize: 4, ValueSize: 4, MaxEntries: 4,
		Inner: &verifier.Map{Name: "inner", Type: maps.Array, KeySize: 4, ValueSize: 16, MaxEntries: 4}},
	{Name: "writeonly", Type: maps.Array, KeySize: 4, ValueSize: 16, MaxEntries: 4, Flags: maps.WronlyProg},
}

var regressKfuncs = []string{"bpf_iter_num_new", "bpf_iter_num_next", "bpf_iter_num_destroy"}

func (r *regression) spec(name, text string) (*verifier.Spec, error) {
	return r.specOf(name, r.text(text))
}

func (r *regression) specOf(name, text string) (*verifier.Spec, error) {
	insns, err := asm.Parse(text)
	if err != nil {
		return nil, err
	}
	typ := r.typ
	if typ == nil {
		typ = progtype.XDP
	}
	return &verifier.Spec{
		Name: name, Type: typ, GPL: true, Sleepable: typ == progtype.Syscall, Insns: insns, Maps: regressMaps, Kfuncs: regressKfuncs,
	}, nil
}

// oracle is the live kernel with the maps of the regressions.
type oracle struct {
	maps   []*kernel.Map
	kfuncs []uint32
	funcs  *kernel.BTF // types of static functions, for programs with callbacks
	funcID uint32
}

// newOracle returns nil where there is no kernel to ask.
func newOracle(t *testing.T) *oracle {
	if err := kernel.Available(); err != nil {
		t.Logf("no live kernel: %v", err)
		return nil
	}
	o := &oracle{}
	fail := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	make1 := func(m *verifier.Map) *kernel.Map {
		s := kernel.MapSpec{Name: m.Name, Type: uint32(m.Type), KeySize: m.KeySize, ValueSize: m.ValueSize, MaxEntries: m.MaxEntries, Flags: m.Flags}
		if m.Inner != nil {
			in, err := kernel.NewMap(kernel.MapSpec{Name: "inner", Type: uint32(m.Inner.Type), KeySize: 4, ValueSize: m.Inner.ValueSize, MaxEntries: m.Inner.MaxEntries})
			fail(err)
			t.Cleanup(func() { in.Close() })
			s.Inner = in
		}
		if len(m.Fields) > 0 {
			u32 := &btf.Int{Name: "u32", Size: 4}
			lock := &btf.Struct{Name: "bpf_spin_lock", Size: 4, Members: []btf.Member{{Name: "val", Type: u32}}}
			value := &btf.Struct{Name: "value", Size: 16, Members: []btf.Member{
				{Name: "lock", Type: lock}, {Name: "data", Type: &btf.Array{Index: u32, Type: u32, Nelems: 3}, Offset: 32}}}
			var ids []uint32
			s.BTF, ids = loadTypes(t, u32, value)
			s.BTFKeyType, s.BTFValueType = ids[0], ids[1]
		}
		km, err := kernel.NewMap(s)
		fail(err)
		t.Cleanup(func() { km.Close() })
		if m.Contents != nil {
			fail(km.Update(make([]byte, 4), m.Contents, 0))
			fail(km.Freeze())
		}
		return km
	}
	for _, m := range regressMaps {
		o.maps = append(o.maps, make1(m))
	}
	types, err := btf.LoadKernelSpec()
	fail(err)
	for _, name := range regressKfuncs {
		var f *btf.Func
		fail(types.TypeByName(name, &f))
		id, err := types.TypeID(f)
		fail(err)
		o.kfuncs = append(o.kfuncs, uint32(id))
	}
	var ids []uint32
	o.funcs, ids = loadTypes(t, &btf.Func{Name: "f", Linkage: btf.StaticFunc, Type: &btf.FuncProto{Return: &btf.Int{Name: "int", Size: 4}}})
	o.funcID = ids[0]
	return o
}

func loadTypes(t *testing.T, types ...btf.Type) (*kernel.BTF, []uint32) {
	t.Helper()
	var b btf.Builder
	var ids []uint32
	for _, typ := range types {
		id, err := b.Add(typ)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, uint32(id))
	}
	raw, err := b.Marshal(nil, &btf.MarshalOptions{Order: binary.LittleEndian})
	if err != nil {
		t.Fatal(err)
	}
	word := func(i int) uint32 { return binary.LittleEndian.Uint32(raw[4+4*i:]) }
	body := raw[word(0):]
	loaded, err := kernel.LoadBTF(body[word(1):][:word(2)], body[word(3):][:word(4)])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { loaded.Close() })
	return loaded, ids
}

// judge is the kernel's verdict on a program.
func (o *oracle) judge(spec *verifier.Spec) (*kernel.Verdict, error) {
	p := &kernel.Prog{Name: "regress", Type: spec.Type.Kernel, Maps: map[int]*kernel.Map{}}
	if spec.Sleepable {
		p.Flags = 1 << 4 // BPF_F_SLEEPABLE
	}
	starts := map[int]bool{0: true}
	typed := false
	for pc, in := range spec.Insns {
		switch in.Op {
		case isa.OpLddwMapFD, isa.OpLddwMapValue:
			p.Maps[pc] = o.maps[in.ImmLow()]
		case isa.OpCallKfunc:
			in.Imm = int64(o.kfuncs[in.Imm])
		case isa.OpLddwFunc:
			typed = true
			starts[in.Target(pc)] = true
		case isa.OpCallLocal:
			starts[in.Target(pc)] = true
		}
		p.Insns = in.AppendTo(p.Insns)
	}
	if typed {
		p.BTF = o.funcs
		for pc := range spec.Insns {
			if starts[pc] {
				p.FuncInfo = binary.LittleEndian.AppendUint32(p.FuncInfo, uint32(pc))
				p.FuncInfo = binary.LittleEndian.AppendUint32(p.FuncInfo, o.funcID)
			}
		}
	}
	prog, v, err := kernel.Load(p)
	if prog != nil {
		prog.Close()
	}
	return v, err
}

// TestRegressions holds the verdicts on all regressions against what they must be, and the
// kernel's where there is one.
func TestRegressions(t *testing.T) {
	o := newOracle(t)
	classes := map[string]int{}
	asked := 0
	for i := range regressions {
		r := &regressions[i]
		classes[r.class]++
		for k := range 20 {
			name, text, accept, n := r.class+"/"+r.name+"/bad", r.text(r.bad), false, k/2
			if k%2 == 1 {
				name, text, accept = r.class+"/"+r.name+"/good", r.text(r.good), true
			}
			if n > 0 {
				name = fmt.Sprintf("%s, padded by %d", name, n)
				text = padded(text, n)
			}
			spec, err := r.specOf(name, text)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if o != nil && n%9 == 0 {
				v, err := o.judge(spec)
				switch {
				case err != nil:
					t.Errorf("%s: kernel: %v", name, err)
				case v.Accepted != (accept || r.unlike):
					t.Errorf("%s: the kernel's verdict is %v: %s", name, v.Accepted, v.LastLine)
				case strings.HasPrefix(v.LastLine, "unreachable insn"):
					t.Errorf("%s: the kernel's reason is %s", name, v.LastLine)
				default:
					asked++
				}
			}
			// With a trace no state is left out, so other ways are walked.
			steps := 0
			if n > 0 {
				steps = 20_000 // those that need more need more without
			}
			for _, o := range []verifier.Options{{Steps: steps}, {Steps: steps, Trace: &verifier.Trace{}}} {
				_, err = verifier.Verify(spec, o)
				var e *verifier.Error
				switch {
				case (err == nil) != accept:
					t.Errorf("%s: accepted is %v, must be %v: %v", name, err == nil, accept, err)
				case err != nil && !errors.As(err, &e):
					t.Errorf("%s: the error is a %T: %v", name, err, err)
				case err != nil && !r.says(e.Code):
					t.Errorf("%s: refused for %s, want %s: %v", name, e.Code, r.code, err)
				}
			}
		}
	}
	t.Logf("%d regressions of %d classes; %d verdicts of the live kernel agree", len(regressions), len(classes), asked)
}

// TestDivisorFacts checks that a divisor is said to be no zero only of the bits that are divided by.
func TestDivisorFacts(t *testing.T) {
	for _, tt := range []struct {
		name, test, div string
		nonZero         bool
	}{
		{"64 by 64", "if r6 == 0 goto out", "r1 /= r6", true},
		{"32 by 64", "if r6 == 0 goto out", "w1 /= w6", false},
		{"32 by 32", "if w6 == 0 goto out", "w1 /= w6", true},
		{"64 by 32", "if w6 == 0 goto out", "r1 /= r6", true},
		{"remainder", "if r6 == 0 goto out", "w1 %= w6", false},
		{"signed", "if r6 == 0 goto out", "w1 s/= w6", false},
		{"upper bits set", "r6 |= 0; r2 = 0x100000000 ll; r6 |= r2", "w1 /= w6", false},
		{"upper bits set, all divide", "r2 = 0x100000000 ll; r6 |= r2", "r1 /= r6", true},
		{"one way only", "if r6 != 0 goto pc+1; r6 = 0", "r1 /= r6", false},
	} {
		r := regression{}
		spec, err := r.spec(tt.name, "$value; r1 = 9; "+tt.test+"; "+tt.div)
		if err != nil {
			t.Fatal(err)
		}
		proof, err := verifier.Verify(spec, verifier.Options{})
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		for pc, in := range proof.Insns() {
			switch in.Info().AluOp {
			case isa.AluDiv, isa.AluMod, isa.AluSdiv:
				if got := proof.Fact(pc).Has(verifier.NonZero); got && !tt.nonZero {
					t.Errorf("%s: insn %d: said to be no zero", tt.name, pc)
				} else if !got && tt.nonZero {
					t.Errorf("%s: insn %d: not said to be no zero", tt.name, pc)
				}
			}
		}
	}
}

// TestWalkEnds verifies programs whose walk once went in circles.
func TestWalkEnds(t *testing.T) {
	for name, text := range map[string]string{
		"a state that waits for one beside the path": `
			r6 = r1
			*(u32 *)(r10 -32) = 0
			r3 = 0; r2 = 0
			r1 = r10; r1 += -16; call kfunc[0]
		top:	r1 = r10; r1 += -16; call kfunc[1]
			if r0 == 0 goto end
			r3 = *(u32 *)(r0 +0)
			if w3 & w3 goto set
			*(u32 *)(r10 -32) = r3
			goto pc+0
			goto on
		set:	r8 = *(u32 *)(r6 +76)
			r1 = *(u32 *)(r6 +80)
			r7 = 0; r9 = 0; r9 += r8; r4 = r9
			if r1 >= r4 goto pc+0
		on:	goto top
		end:	r1 = r10; r1 += -16; call kfunc[2]
			r0 = 0; exit`,
	} {
		r := regression{typ: progtype.SchedCLS}
		spec, err := r.spec(name, text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := verifier.Verify(spec, verifier.Options{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
