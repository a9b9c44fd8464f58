package verifier

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/internal/scalar"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/progtype"
)

func TestFormat(t *testing.T) {
	e := &Error{
		Program: "p", Code: CodeNull, Insn: 7, Line: "a.c:3: *n += 1;", Reason: "r0 may be NULL",
		Source:     []string{"a.c, p:", "  2 | n = f();", "  3 > *n += 1;"},
		Disasm:     "r1 = *(u64 *)(r0 +0)",
		Regs:       []RegState{{"R0", "map_value_or_null(map=m,ks=4,vs=8)"}},
		Calls:      []string{"insn 2 (a.c:20: f(x);)"},
		Path:       []Branch{{Insn: 3, Side: "w1 > 0x7 does not hold", Line: "a.c:1: if (x)"}, {Insn: 5, Taken: true}},
		Cause:      "n (r0) is what bpf_map_lookup_elem returned at insn 6 (a.c:2): NULL when the key is not there, and no test on this path says that it is not",
		Suggestion: "test it before using it",
	}
	const line = "verify: p: insn 7: r0 may be NULL (a.c:3: *n += 1;)"
	for _, verb := range []string{"%s", "%v"} {
		if got := fmt.Sprintf(verb, e); got != line {
			t.Errorf("%s gives %q, want %q", verb, got, line)
		}
	}
	if got := fmt.Sprintf("%q", e); got != `"`+line+`"` {
		t.Errorf("%%q gives %s", got)
	}
	const want = line + `

  a.c, p:
    2 | n = f();
    3 > *n += 1;

  insn 7: r1 = *(u64 *)(r0 +0)
    R0=map_value_or_null(map=m,ks=4,vs=8)
  called at insn 2 (a.c:20: f(x);)

  path:
    insn 3: w1 > 0x7 does not hold           a.c:1: if (x)
    insn 5: jumps

  cause: n (r0) is what bpf_map_lookup_elem returned at insn 6 (a.c:2): NULL when the key is not
    there, and no test on this path says that it is not
  suggestion: test it before using it`
	if got := fmt.Sprintf("%+v", e); got != want {
		t.Errorf("%%+v gives\n%s\nwant\n%s", got, want)
	}
	if got, want := fmt.Sprintf("%+v", &Error{Program: "p", Insn: -1, Reason: "too long"}), "verify: p: too long"; got != want {
		t.Errorf("an error without details: %q, want %q", got, want)
	}
}

func TestPath(t *testing.T) {
	var path []pathNode
	add := func(insn int32, taken bool) { path = append(path, pathNode{insn: insn, taken: taken}) }
	x := &evidence{spec: &Spec{}, insns: make([]isa.Insn, 1000)}
	add(1, false)
	for range 40 {
		add(5, true)
		add(7, false)
	}
	add(5, false)
	got := strings.Join(pathLines(x.branches(path)), "; ")
	if want := "insn 1: goes on; insn 5: jumps, 40 times; insn 7: goes on, 40 times; insn 5: goes on"; got != want {
		t.Errorf("a loop: %s, want %s", got, want)
	}
	path = nil
	for i := range int32(999) {
		add(i, true)
	}
	all := x.branches(path)
	if len(all) != keptBranches || all[len(all)-1].Insn != 998 {
		t.Errorf("of a long path %d branches are kept, the last of insn %d", len(all), all[len(all)-1].Insn)
	}
	lines := pathLines(all[len(all)-20:])
	if len(lines) != maxPath+1 || lines[0] != "... 12 more before" || lines[maxPath] != "insn 998: jumps" {
		t.Errorf("a long path: %q", lines)
	}
}

func TestSource(t *testing.T) {
	s := &Spec{
		Funcs: []Func{{Insn: 0, Name: "main"}, {Insn: 20, Name: "other"}},
		Lines: []Line{
			{Insn: 0, File: "./a.c", Num: 10, Text: "\tu32 key = 0;"},
			{Insn: 3, File: "./a.c", Num: 12, Text: "\tn = f(&key);"},
			{Insn: 5, File: "./a.c", Num: 11, Text: "\t\tx = 1;"},
			{Insn: 6, File: "b.h", Num: 11, Text: "in a header"},
			{Insn: 7, File: "./a.c", Num: 13, Text: "\treturn *n;"},
			{Insn: 9, File: "./a.c", Num: 90, Text: "far off"},
			{Insn: 20, File: "./a.c", Num: 14, Text: "another function"},
		},
	}
	got := strings.Join(s.source(4), "\n")
	const want = `a.c, main:
  10 |     u32 key = 0;
  11 |         x = 1;
  12 >     n = f(&key);
  13 |     return *n;`
	if got != want {
		t.Errorf("source\n%s\nwant\n%s", got, want)
	}
	if got := s.place(8); got != "insn 8 (a.c:13)" {
		t.Errorf("place: %s", got)
	}
	s.Lines = s.Lines[:6]
	if got := s.lineText(21); got != "" {
		t.Errorf("a function without lines has line %q", got)
	}
	if got := s.source(21); got != nil {
		t.Errorf("a function without lines has source %q", got)
	}
}

func TestVariable(t *testing.T) {
	tests := []struct{ text, what, want string }{
		{"\tstruct stats *s = bpf_map_lookup_elem(&ports, &key);", "bpf_map_lookup_elem", "s"},
		{"\ts->next = bpf_map_lookup_elem(&ports, &key);", "bpf_map_lookup_elem", "s->next"},
		{"\tif (!(v = bpf_map_lookup_elem(&m, &k)))", "bpf_map_lookup_elem", "v"},
		{"\tu32 a = ctx->rx_queue_index, b = ctx->ingress_ifindex;", "ingress_ifindex", "b"},
		{"\tu32 a = ctx->rx_queue_index, b = ctx->ingress_ifindex;", "rx_queue_index", "a"},
		{"\tvoid *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;", "data", "data"},
		{"\tvoid *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;", "data_end", "end"},
		{"\treturn bpf_map_lookup_elem(&m, &k) == NULL;", "bpf_map_lookup_elem", ""},
		{"\tif (x == bpf_map_lookup_elem(&m, &k))", "bpf_map_lookup_elem", ""},
		{"\tn = my_bpf_map_lookup_elem2(&m)", "bpf_map_lookup_elem", ""},
		{"", "f", ""},
	}
	for _, tt := range tests {
		s := &Spec{Lines: []Line{{File: "a.c", Num: 1, Text: tt.text}}}
		if got := s.variable(0, tt.what); got != tt.want {
			t.Errorf("%q: %s is put into %q, want %q", tt.text, tt.what, got, tt.want)
		}
	}
}

// A route is a path for the recorder: instructions with the registers before each.
type route struct {
	rec  *recorder
	regs [11]Reg
}

func newRoute(insns []isa.Insn) *route {
	r := &route{rec: newRecorder(insns, proto.ByID)}
	r.regs[1] = pointer(PtrToCtx)
	r.regs[10] = pointer(PtrToStack)
	return r
}

func (r *route) at(pc, depth int) { r.rec.step(pc, depth, &r.regs) }

func testInsns(t *testing.T, insns ...isa.Insn) []isa.Insn {
	t.Helper()
	b, err := isa.Encode(insns)
	if err != nil {
		t.Fatal(err)
	}
	insns, err = isa.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	return insns
}

// TestOrigins follows a path by hand: copies, spills, calls, clobbered arguments.
func TestOrigins(t *testing.T) {
	insns := testInsns(t,
		isa.New(isa.OpLdxW, isa.R6, isa.R1, 0, 0),     // 0: r6 = ctx->data
		isa.New(isa.OpLdxW, isa.R7, isa.R1, 16, 0),    // 1: r7 = ctx->rx_queue_index
		isa.New(isa.OpMov64Reg, isa.R8, isa.R6, 0, 0), // 2
		isa.New(isa.OpStxDW, isa.R10, isa.R8, -8, 0),  // 3: spilled
		isa.New(isa.OpAdd64Reg, isa.R8, isa.R7, 0, 0), // 4: r8 = data + index
		isa.New(isa.OpCallHelper, 0, 0, 0, 44),        // 5: xdp_adjust_head
		isa.New(isa.OpLdxDW, isa.R9, isa.R10, -8, 0),  // 6: filled
		isa.New(isa.OpExit, 0, 0, 0, 0),               // 7
	)
	r := newRoute(insns)
	r.at(0, 0)
	r.regs[6] = pointer(PtrToPacket)
	r.at(1, 0)
	r.regs[7] = unknown()
	r.at(2, 0)
	r.regs[8] = r.regs[6]
	r.at(3, 0)
	r.at(4, 0)
	r.regs[8].Var = scalar.Unknown()
	r.at(5, 0)
	for i := 1; i <= 5; i++ {
		r.regs[i] = Reg{}
	}
	r.regs[0], r.regs[6], r.regs[8] = unknown(), unknown(), unknown()
	r.at(6, 0)
	r.regs[9] = unknown()
	r.at(7, 0)

	if o := r.rec.reg(9); o == nil || o.insn != 0 || o.was.Kind != PtrToPacket {
		t.Errorf("what was filled comes from %+v, want the load at 0", o)
	}
	o := r.rec.reg(8)
	if o == nil || o.insn != 4 || o.object().insn != 0 || o.lastIndex().insn != 1 {
		t.Errorf("the sum comes from %+v", o)
	}
	for _, reg := range []isa.Reg{6, 8, 9} {
		if got := r.rec.madeWorthless(r.rec.reg(reg)); got != 5 {
			t.Errorf("r%d was made worthless by insn %d, want 5", reg, got)
		}
	}
	if o := r.rec.reg(1); o == nil || !o.lost || o.insn != 5 {
		t.Errorf("r1 after the call comes from %+v", o)
	}
	if o := r.rec.reg(0); o == nil || o.insn != 5 || o.lost {
		t.Errorf("r0 after the call comes from %+v", o)
	}
	if got := r.rec.madeWorthless(r.rec.reg(7)); got != -1 {
		t.Errorf("a number was made worthless by insn %d", got)
	}
}

// TestOriginsOfCalls enters and leaves a function.
func TestOriginsOfCalls(t *testing.T) {
	insns := testInsns(t,
		isa.New(isa.OpMov64Imm, isa.R1, 0, 0, 7),      // 0
		isa.New(isa.OpCallLocal, 0, 1, 0, 2),          // 1: call 4
		isa.New(isa.OpMov64Reg, isa.R6, isa.R0, 0, 0), // 2
		isa.New(isa.OpExit, 0, 0, 0, 0),               // 3
		isa.New(isa.OpMov64Reg, isa.R0, isa.R1, 0, 0), // 4
		isa.New(isa.OpJeqImm, isa.R0, 0, 0, 7),        // 5
		isa.New(isa.OpExit, 0, 0, 0, 0),               // 6
	)
	r := newRoute(insns)
	r.at(0, 0)
	r.regs[1] = known(7)
	r.at(1, 0)
	outer := r.regs
	r.regs = [11]Reg{1: known(7), 10: pointer(PtrToStack)}
	r.at(4, 1)
	if o := r.rec.reg(1); o == nil || o.insn != 0 {
		t.Errorf("the argument comes from %+v, want insn 0", o)
	}
	r.regs[0] = known(7)
	r.at(5, 1)
	r.at(6, 1)
	r.regs = outer
	r.regs[0], r.regs[1] = known(7), Reg{}
	r.at(2, 0)
	r.regs[6] = known(7)
	r.at(3, 0)
	if o := r.rec.reg(6); o == nil || o.insn != 0 {
		t.Errorf("the result comes from %+v, want insn 0", o)
	}
	if o := r.rec.reg(1); o == nil || !o.lost || o.insn != 1 {
		t.Errorf("r1 after the call comes from %+v", o)
	}
	if n := len(r.rec.tests); n != 1 || r.rec.tests[0].insn != 5 || r.rec.tests[0].dst.insn != 0 {
		t.Errorf("tests: %+v", r.rec.tests)
	}
}

// TestReleases tells which of several calls gave a pointer back.
func TestReleases(t *testing.T) {
	insns := testInsns(t,
		isa.New(isa.OpCallHelper, 0, 0, 0, 131),       // 0: ringbuf_reserve
		isa.New(isa.OpMov64Reg, isa.R6, isa.R0, 0, 0), // 1
		isa.New(isa.OpCallHelper, 0, 0, 0, 131),       // 2
		isa.New(isa.OpMov64Reg, isa.R7, isa.R0, 0, 0), // 3
		isa.New(isa.OpMov64Reg, isa.R1, isa.R6, 0, 0), // 4
		isa.New(isa.OpCallHelper, 0, 0, 0, 132),       // 5: ringbuf_submit
		isa.New(isa.OpMov64Reg, isa.R1, isa.R7, 0, 0), // 6
		isa.New(isa.OpCallHelper, 0, 0, 0, 133),       // 7: ringbuf_discard
		isa.New(isa.OpExit, 0, 0, 0, 0),               // 8
	)
	record := func(ref uint32) Reg { return Reg{Kind: PtrToMem, Flags: Ringbuf, Size: 8, Ref: ref} }
	r := newRoute(insns)
	r.at(0, 0)
	r.regs[0] = record(1)
	r.at(1, 0)
	r.regs[6] = record(1)
	r.at(2, 0)
	r.regs[0] = record(2)
	r.at(3, 0)
	r.regs[7] = record(2)
	r.at(4, 0)
	r.regs[1] = record(1)
	r.at(5, 0)
	r.regs[0], r.regs[1], r.regs[6] = Reg{}, Reg{}, unknown()
	r.at(6, 0)
	r.regs[1] = record(2)
	r.at(7, 0)
	r.regs[0], r.regs[1], r.regs[7] = Reg{}, Reg{}, unknown()
	r.at(8, 0)
	for reg, want := range map[isa.Reg]int{isa.R6: 5, isa.R7: 7} {
		if got := r.rec.madeWorthless(r.rec.reg(reg)); got != want {
			t.Errorf("%s was given back at insn %d, want %d", reg, got, want)
		}
	}
}

// TestOriginChain bounds what a long computation keeps.
func TestOriginChain(t *testing.T) {
	insns := testInsns(t, isa.New(isa.OpAdd64Imm, isa.R1, 0, 0, 1), isa.New(isa.OpJa, 0, 0, -2, 0))
	r := newRoute(insns)
	r.regs[1] = unknown()
	for range 1000 {
		r.at(0, 0)
		r.at(1, 0)
	}
	n := 0
	for o := r.rec.reg(1); o != nil; o = o.from {
		n++
	}
	if n > maxOrigin+2 {
		t.Errorf("the chain has %d links", n)
	}
}

func TestCatalogue(t *testing.T) {
	for h, a := range catalogue {
		if a.cause == nil || a.suggestion == nil {
			t.Errorf("%v lacks a function", h)
		}
	}
	// Each row says something sensible, or nothing, when nothing is known.
	for h := range catalogue {
		for _, insns := range [][]isa.Insn{
			nil,
			{isa.New(isa.OpLdxW, isa.R0, isa.R1, 0, 0)},
			{isa.New(isa.OpStxW, isa.R1, isa.R0, 0, 0)},
			{isa.New(isa.OpCallHelper, 0, 0, 0, 1)},
			{isa.New(isa.OpCallKfunc, 0, 2, 0, 1)},
			{isa.New(isa.OpAdd64Reg, isa.R1, isa.R2, 0, 0)},
			{isa.New(isa.OpExit, 0, 0, 0, 0)},
		} {
			for _, typ := range []*progtype.Type{nil, progtype.XDP} {
				e := &Error{Code: h.code, Insn: len(insns) - 1}
				x := &evidence{spec: &Spec{Type: typ}, insns: insns, err: e, find: finding{topic: h.topic}}
				x.explain()
			}
		}
	}
}
