package conformance

import (
	"slices"
	"strings"
	"testing"

	"github.com/gbpf/gbpf/internal/asm"
	"github.com/gbpf/gbpf/internal/scalar"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

// handMade is a set of claims that a test writes down.
type handMade struct {
	files map[int][][11]verifier.Reg
	over  map[int]bool
	facts []verifier.Fact
}

func (h *handMade) claims() *Claims {
	return &Claims{
		At:    func(pc int) ([][11]verifier.Reg, bool) { return h.files[pc], !h.over[pc] },
		Facts: [][]verifier.Fact{h.facts},
		Ends:  true,
	}
}

// regs is a register file in which only those given say something.
type regs map[int]verifier.Reg

func (r regs) file() (f [11]verifier.Reg) {
	for n, a := range r {
		f[n] = a
	}
	return f
}

func number(min, max uint64) verifier.Reg {
	return verifier.Reg{Kind: verifier.Scalar, Var: scalar.URange(min, max)}
}

func pointer(k verifier.Kind, off int32) verifier.Reg { return verifier.Reg{Kind: k, Off: off} }

// soundProgram uses each thing that claims speak of.
const soundProgram = `
	r6 = r1                        // 0
	r7 = 0
	*(u32 *)(r10 -4) = 2
	r1 = map[0]                    // 3
	r2 = r10                       // 5
	r2 += -4
	call map_lookup_elem           // 7
	if r0 == 0 goto packet         // 8
	r7 = *(u64 *)(r0 +8)           // 9
packet:
	r2 = *(u32 *)(r6 +4)           // 10
	r3 = *(u32 *)(r6 +0)
	r4 = r3
	r4 += 15                       // 13
	if r4 > r2 goto out
	r7 = *(u8 *)(r3 +14)           // 15
	r7 |= 1
	w5 = 100
	w5 /= w7                       // 18
	if r7 == 0 goto never          // 19
	r1 = r10
	r1 += -16
	r2 = 3                         // 22
	call f                         // 23
	if r0 s> -1 goto record
never:
	r7 = 5                         // 25
record:
	r1 = map[1]                    // 26
	r2 = 16
	r3 = 0
	call ringbuf_reserve           // 30
	if r0 == 0 goto out
	*(u64 *)(r0 +8) = 1            // 32
	r1 = r0
	r2 = 0
	call ringbuf_discard           // 35
out:
	r0 = 2                         // 36
	exit
f:
	r3 = 7                         // 38
	*(u64 *)(r1 +0) = r3           // 39
	r0 = *(u64 *)(r1 +0)
	r0 -= r2                       // 41
	exit`

func soundSpec() *verifier.Spec {
	return &verifier.Spec{
		Name: "hand", Type: progtype.XDP, GPL: true, Insns: asm.Must(soundProgram),
		Maps: []*verifier.Map{
			{Name: "array", Type: maps.Array, KeySize: 4, ValueSize: 16, MaxEntries: 4},
			{Name: "ring", Type: maps.RingBuf, MaxEntries: 4096},
		},
	}
}

// trueClaims is what holds of soundProgram.
func trueClaims() *handMade {
	n := len(asm.Must(soundProgram))
	h := &handMade{files: map[int][][11]verifier.Reg{}, over: map[int]bool{}, facts: make([]verifier.Fact, n)}
	for pc := range n {
		h.files[pc] = [][11]verifier.Reg{regs{10: pointer(verifier.PtrToStack, 0)}.file()}
		if pc >= 38 {
			h.files[pc][0][10].Frame = 1
		}
		h.facts[pc].Flags = verifier.Reached
	}
	set := func(pc int, r ...regs) {
		h.files[pc] = nil
		for _, f := range r {
			h.files[pc] = append(h.files[pc], f.file())
		}
	}
	value := verifier.Reg{Kind: verifier.PtrToMapValue, Obj: 0}
	orNull := value
	orNull.Flags = verifier.MaybeNull
	set(0, regs{1: pointer(verifier.PtrToCtx, 0), 10: pointer(verifier.PtrToStack, 0)})
	set(7, regs{1: {Kind: verifier.ConstPtrToMap}, 2: pointer(verifier.PtrToStack, -4), 6: pointer(verifier.PtrToCtx, 0)})
	set(8, regs{0: orNull, 7: number(0, 0)})
	set(9, regs{0: value})
	// Two ways lead here: with the number of the map, and without.
	set(10, regs{0: value}, regs{7: number(0, 0)})
	set(13, regs{3: pointer(verifier.PtrToPacket, 0), 4: pointer(verifier.PtrToPacket, 0), 2: pointer(verifier.PtrToPacketEnd, 0)})
	room := pointer(verifier.PtrToPacket, 0)
	room.Size = 15
	set(15, regs{3: room})
	set(16, regs{7: number(0, 255)})
	set(18, regs{5: number(100, 100), 7: {Kind: verifier.Scalar, Var: scalar.FromTnum(scalar.Tnum{Value: 1, Mask: 0xfe})}})
	set(24, regs{0: number(4, 4), 3: {Kind: verifier.NotInit}, 7: number(1, 255)})
	delete(h.files, 25)
	record := verifier.Reg{Kind: verifier.PtrToMem, Flags: verifier.Ringbuf, Size: 16, Ref: 1}
	set(32, regs{0: record})
	set(38, regs{1: pointer(verifier.PtrToStack, -16), 2: number(3, 3), 10: {Kind: verifier.PtrToStack, Frame: 1}})

	fact := func(pc int, f verifier.Fact) {
		f.Flags |= verifier.Reached
		h.facts[pc] = f
	}
	fact(2, verifier.Fact{Flags: verifier.Safe, Base: verifier.PtrToStack, Min: -4, Max: -4})
	fact(7, verifier.Fact{Flags: verifier.ConstMap | verifier.ConstKey | verifier.InBounds, Map: 0, Key: 2})
	fact(8, verifier.Fact{Flags: verifier.NotTaken})
	fact(9, verifier.Fact{Flags: verifier.Safe, Base: verifier.PtrToMapValue, Map: 0, Min: 8, Max: 8})
	fact(10, verifier.Fact{Flags: verifier.Safe, Base: verifier.PtrToCtx, Min: 4, Max: 4})
	fact(15, verifier.Fact{Flags: verifier.Safe, Base: verifier.PtrToPacket, Min: 14, Max: 14})
	fact(18, verifier.Fact{Flags: verifier.NonZero})
	fact(19, verifier.Fact{Flags: verifier.NotTaken})
	fact(24, verifier.Fact{Flags: verifier.Taken})
	h.facts[25] = verifier.Fact{}
	fact(32, verifier.Fact{Flags: verifier.Safe, Base: verifier.PtrToMem, Min: 8, Max: 8})
	fact(39, verifier.Fact{Flags: verifier.Safe, Base: verifier.PtrToStack, Min: -16, Max: -16})
	return h
}

// runClaims holds soundProgram against claims, changed by change.
func runClaims(t *testing.T, s *Soundness, change func(h *handMade)) *Violation {
	t.Helper()
	h := trueClaims()
	if change != nil {
		change(h)
	}
	v, err := s.Run(soundSpec(), h.claims(), 1, 300)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestSoundnessDetects checks the check: claims that are true hold, and each that is made false is
// found out.
func TestSoundnessDetects(t *testing.T) {
	s, err := NewSoundness()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if v := runClaims(t, s, nil); v != nil {
		t.Fatal(v.Report())
	}
	if st := s.Stats; st.Pairs != 300 || st.Registers == 0 || st.Facts == 0 || st.Incomplete != 0 || st.Unknown != 0 {
		t.Fatalf("%+v", st)
	}
	reg := func(pc, file, r int, change func(a *verifier.Reg)) func(*handMade) {
		return func(h *handMade) { change(&h.files[pc][file][r]) }
	}
	fact := func(pc int, change func(f *verifier.Fact)) func(*handMade) {
		return func(h *handMade) { change(&h.facts[pc]) }
	}
	for _, tt := range []struct {
		name   string
		change func(h *handMade)
		kind   string
		insn   int
	}{
		{"ctx offset", reg(0, 0, 1, func(a *verifier.Reg) { a.Off = 4 }), "register", 0},
		{"another kind", reg(0, 0, 1, func(a *verifier.Reg) { *a = number(0, 100) }), "register", 0},
		{"map", reg(7, 0, 1, func(a *verifier.Reg) { a.Obj = 1 }), "register", 7},
		{"stack offset", reg(7, 0, 2, func(a *verifier.Reg) { a.Off = -8 }), "register", 7},
		{"never null", reg(9, 0, 0, func(a *verifier.Reg) { a.Off = 8 }), "register", 9},
		{"value of another map", reg(8, 0, 0, func(a *verifier.Reg) { a.Obj = 1 }), "register", 8},
		{"null of a non-null pointer", func(h *handMade) { h.files[8][0][0] = pointer(verifier.PtrToCtx, 0) }, "register", 8},
		{"a way left out", func(h *handMade) { h.files[10] = [][11]verifier.Reg{regs{7: number(0, 0)}.file()} }, "register", 10},
		{"packet", reg(13, 0, 4, func(a *verifier.Reg) { a.Off = 15 }), "register", 13},
		{"packet range", reg(15, 0, 3, func(a *verifier.Reg) { a.Size = 16 }), "register", 15},
		{"at the packet's end", reg(13, 0, 3, func(a *verifier.Reg) { a.Size = atPacketEnd }), "register", 13},
		{"beyond the packet's end", reg(13, 0, 3, func(a *verifier.Reg) { a.Size = beyondPacketEnd }), "register", 13},
		{"packet end", reg(13, 0, 2, func(a *verifier.Reg) { a.Kind = verifier.PtrToPacket }), "register", 13},
		{"range", reg(16, 0, 7, func(a *verifier.Reg) { *a = number(0, 254) }), "register", 16},
		{"bits", reg(18, 0, 7, func(a *verifier.Reg) { a.Var = scalar.FromTnum(scalar.Tnum{Value: 1, Mask: 0x7e}) }), "register", 18},
		{"upper half", reg(18, 0, 5, func(a *verifier.Reg) { *a = number(100|1<<32, 100|1<<32) }), "register", 18},
		{"record", reg(32, 0, 0, func(a *verifier.Reg) { a.Size = 17 }), "register", 32},
		{"record start", reg(32, 0, 0, func(a *verifier.Reg) { a.Off = 8 }), "register", 32},
		{"frame", reg(38, 0, 1, func(a *verifier.Reg) { a.Frame = 1 }), "register", 38},
		{"frame beyond", reg(38, 0, 1, func(a *verifier.Reg) { a.Frame = 2 }), "register", 38},
		{"kept over a call", reg(24, 0, 3, func(a *verifier.Reg) { *a = number(7, 7) }), "register", 24},
		{"lost argument", func(h *handMade) { h.files[10] = [][11]verifier.Reg{regs{2: pointer(verifier.PtrToStack, -4)}.file()} }, "register", 10},
		{"unwritten register", func(h *handMade) { h.files[0] = [][11]verifier.Reg{regs{5: number(0, 0)}.file()} }, "register", 0},
		{"callee register", func(h *handMade) { h.files[38] = [][11]verifier.Reg{regs{6: pointer(verifier.PtrToCtx, 0)}.file()} }, "register", 38},
		{"nothing recorded", func(h *handMade) { delete(h.files, 22) }, "reached", 22},

		{"reached", fact(36, func(f *verifier.Fact) { f.Flags = 0 }), "reached", 36},
		{"stack access", fact(2, func(f *verifier.Fact) { f.Min, f.Max = -8, -5 }), "safe", 2},
		{"map access", fact(9, func(f *verifier.Fact) { f.Min, f.Max = 0, 7 }), "safe", 9},
		{"access to another map", fact(9, func(f *verifier.Fact) { f.Map = 1 }), "safe", 9},
		{"access to another object", fact(9, func(f *verifier.Fact) { f.Base = verifier.PtrToPacket }), "safe", 9},
		{"ctx access", fact(10, func(f *verifier.Fact) { f.Min, f.Max = 0, 0 }), "safe", 10},
		{"packet access", fact(15, func(f *verifier.Fact) { f.Min, f.Max = 15, 20 }), "safe", 15},
		{"record access", fact(32, func(f *verifier.Fact) { f.Base = verifier.PtrToCtx }), "safe", 32},
		{"access of no access", fact(36, func(f *verifier.Fact) { f.Flags |= verifier.Safe }), "safe", 36},
		{"taken", fact(14, func(f *verifier.Fact) { f.Flags |= verifier.Taken }), "taken", 14},
		{"not taken", fact(14, func(f *verifier.Fact) { f.Flags |= verifier.NotTaken }), "not taken", 14},
		{"taken after a call", fact(24, func(f *verifier.Fact) { f.Flags = verifier.Reached | verifier.NotTaken }), "not taken", 24},
		{"constant map", fact(7, func(f *verifier.Fact) { f.Map = 1 }), "const map", 7},
		{"constant key", fact(7, func(f *verifier.Fact) { f.Key = 3 }), "const key", 7},
		{"call facts of no call", fact(36, func(f *verifier.Fact) { f.Flags |= verifier.ConstMap }), "call", 36},
		{"call facts without a map", fact(35, func(f *verifier.Fact) { f.Flags |= verifier.ConstMap }), "call", 35},
	} {
		v := runClaims(t, s, tt.change)
		switch {
		case v == nil:
			t.Errorf("%s: not detected", tt.name)
		case v.Kind != tt.kind || v.Insn != tt.insn:
			t.Errorf("%s: %v\nwant %s at insn %d", tt.name, v, tt.kind, tt.insn)
		}
	}
	// A point with more states than are kept says nothing of its registers.
	v := runClaims(t, s, func(h *handMade) {
		h.files[16][0][7] = number(0, 1)
		h.over[16] = true
	})
	if v != nil || s.Stats.Incomplete == 0 {
		t.Errorf("incomplete: %v, %+v", v, s.Stats)
	}
}

// TestSoundnessTraps runs programs that no verifier should accept as if one had.
func TestSoundnessTraps(t *testing.T) {
	s, err := NewSoundness()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	all := func(insns int) *Claims {
		facts := make([]verifier.Fact, insns)
		for i := range facts {
			facts[i].Flags = verifier.Reached
		}
		return &Claims{Facts: [][]verifier.Fact{facts}, Ends: true}
	}
	lock := []maps.Field{{Kind: maps.FieldSpinLock, Off: 0, Size: 4}}
	for _, tt := range []struct {
		name, text string
		typ        *progtype.Type
		fact       int // where NonZero is claimed, -1 for nowhere
		kind       string
	}{
		{"sound", "r0 = 1; exit", progtype.SocketFilter, -1, ""},
		{"packet", "r1 = *(u32 *)(r1 +0); r0 = *(u8 *)(r1 +40); exit", progtype.XDP, -1, "trap bad memory access"},
		{"map value", "r1 = map_value[1]+15; r0 = *(u16 *)(r1 +0); exit", progtype.XDP, -1, "trap bad memory access"},
		{"null", "*(u32 *)(r10 -4) = 9; r1 = map[0]; r2 = r10; r2 += -4; call map_lookup_elem; r0 = *(u8 *)(r0 +0); exit",
			progtype.XDP, -1, "trap bad memory access"},
		{"helper argument", "r1 = map[0]; r2 = r10; r2 += -3; call map_lookup_elem; r0 = 0; exit", progtype.XDP, -1, "trap helper fault"},
		{"map argument", "r1 = 5555; r2 = r10; r2 += -4; call map_lookup_elem; r0 = 0; exit", progtype.XDP, -1, "trap bad reference"},
		{"endless", "top: goto pc+0; goto top; exit", progtype.XDP, -1, "trap out of fuel"},
		{"leak", "r1 = map[2]; r2 = 8; r3 = 0; call ringbuf_reserve; r0 = 0; exit", progtype.XDP, -1, "leak"},
		{"lock", "*(u32 *)(r10 -4) = 0; r1 = map[3]; r2 = r10; r2 += -4; call map_lookup_elem; if r0 == 0 goto out; " +
			"r1 = r0; call spin_lock; out: r0 = 0; exit", progtype.XDP, -1, "lock"},
		{"return value", "r0 = 1; exit", progtype.CgroupSkb, -1, ""},
		{"return value out of range", "r0 = 2; exit", progtype.CgroupSkb, -1, "return"},
		{"divisor", "r0 = *(u32 *)(r1 +12); w0 &= 1; r2 = 1; w2 /= w0; r0 = 0; exit", progtype.XDP, 3, "nonzero"},
		{"divisor of 32 bits", "r0 = 0x100000000 ll; r2 = 1; w2 /= w0; r0 = 0; exit", progtype.XDP, 3, "nonzero"},
		{"divisor of 64 bits", "r0 = 0x100000000 ll; r2 = 1; r2 /= r0; r0 = 0; exit", progtype.XDP, 3, ""},
	} {
		spec := &verifier.Spec{Name: tt.name, Type: tt.typ, GPL: true, Insns: asm.Must(tt.text), Maps: []*verifier.Map{
			{Name: "hash", Type: maps.Hash, KeySize: 4, ValueSize: 8, MaxEntries: 4},
			{Name: "data", Type: maps.Array, KeySize: 4, ValueSize: 16, MaxEntries: 1},
			{Name: "ring", Type: maps.RingBuf, MaxEntries: 4096},
			{Name: "lock", Type: maps.Array, KeySize: 4, ValueSize: 8, MaxEntries: 2, Fields: lock},
		}}
		c := all(len(spec.Insns))
		if tt.fact >= 0 {
			c.Facts[0][tt.fact].Flags |= verifier.NonZero
		}
		v, err := s.Run(spec, c, 7, 200)
		switch {
		case err != nil:
			t.Errorf("%s: %v", tt.name, err)
		case v == nil && tt.kind != "":
			t.Errorf("%s: nothing found, want %s", tt.name, tt.kind)
		case v != nil && v.Kind != tt.kind:
			t.Errorf("%s: %v, want %q", tt.name, v, tt.kind)
		}
	}
}

// TestSoundnessReport checks what a person gets to see, and that a seed finds the same again.
func TestSoundnessReport(t *testing.T) {
	s, err := NewSoundness()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	change := func(h *handMade) { h.files[16][0][7] = number(3, 200) }
	v := runClaims(t, s, change)
	if v == nil {
		t.Fatal("not detected")
	}
	r := v.Report()
	for _, want := range []string{"soundness: hand: insn 16: register: ", "=>   16: r7 |= 1", "claimed: R7=scalar(", "seen:    R0=", "seed 1, input "} {
		if !strings.Contains(r, want) {
			t.Errorf("no %q in\n%s", want, r)
		}
	}
	s2, err := NewSoundness()
	if err != nil {
		t.Fatal(err)
	}
	defer s2.Close()
	if w := runClaims(t, s2, change); w == nil || w.Input != v.Input || w.Text != v.Text {
		t.Errorf("the same seed finds\n%v\nthen\n%v", v, w)
	}
}

// TestSoundnessFrames checks that callbacks and global functions are given the right frames.
func TestSoundnessFrames(t *testing.T) {
	s, err := NewSoundness()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	spec := &verifier.Spec{Name: "frames", Type: progtype.XDP, GPL: true, Insns: asm.Must(`
		r6 = 77            // 0
		call g
		r1 = 3             // 2
		r2 = func cb
		r3 = r10           // 5
		r3 += -8
		r4 = 0
		call loop          // 8
		r0 = r6
		exit
	g:	r1 = r10           // 11
		call h
		exit
	h:	r0 = 0             // 14
		exit
	cb:	*(u64 *)(r2 +0) = r1 // 16
		r0 = 0
		exit`)}
	spec.Funcs = []verifier.Func{{Insn: 0, Name: "main"}, {Insn: 11, Name: "g", Global: true, Type: &verifier.FuncType{Name: "g"}}, {Insn: 14, Name: "h"}}
	h := &handMade{files: map[int][][11]verifier.Reg{}, facts: make([]verifier.Fact, len(spec.Insns))}
	for pc := range spec.Insns {
		h.files[pc] = [][11]verifier.Reg{{}}
		h.facts[pc].Flags = verifier.Reached
	}
	fp := func(frame uint8, off int32) verifier.Reg {
		return verifier.Reg{Kind: verifier.PtrToStack, Frame: frame, Off: off}
	}
	h.files[11] = [][11]verifier.Reg{regs{10: fp(0, 0)}.file()}
	h.files[14] = [][11]verifier.Reg{regs{1: fp(0, 0), 10: fp(1, 0)}.file()}
	h.files[16] = [][11]verifier.Reg{regs{1: number(0, 2), 2: fp(0, -8), 10: fp(1, 0)}.file()}
	h.files[9] = [][11]verifier.Reg{regs{0: number(3, 3), 6: number(77, 77)}.file()}
	c := h.claims()
	c.Ends = false
	if v, err := s.Run(spec, c, 1, 20); v != nil || err != nil {
		t.Fatalf("%v, %v", v, err)
	}
	for pc, wrong := range map[int]regs{11: {10: fp(1, 0)}, 14: {1: fp(1, 0)}, 16: {2: fp(1, -8)}, 9: {6: number(0, 76)}} {
		c := handMade{files: map[int][][11]verifier.Reg{}, facts: h.facts}
		for k, f := range h.files {
			c.files[k] = slices.Clone(f)
		}
		c.files[pc] = [][11]verifier.Reg{wrong.file()}
		if v, err := s.Run(spec, c.claims(), 1, 20); err != nil || v == nil || v.Insn != pc {
			t.Errorf("insn %d: %v, %v", pc, v, err)
		}
	}
}
