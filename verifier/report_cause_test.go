package verifier

import (
	"strings"
	"testing"

	"github.com/gbpf/gbpf/internal/scalar"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/progtype"
)

// causeCase is a path followed by hand to an error, and what the report has to say.
type causeCase struct {
	name  string
	insns []isa.Insn
	lines []Line
	code  Code
	find  finding
	// walk says what the registers hold after each instruction, in the order of the path; the last
	// instruction is the one at fault.
	walk       []func(r *[11]Reg)
	cause      string
	suggestion string
}

func set(reg int, v Reg) func(*[11]Reg) { return func(r *[11]Reg) { r[reg] = v } }

func nothing(*[11]Reg) {}

func packetReg(size uint32) Reg { return Reg{Kind: PtrToPacket, Size: size} }

func numberUpTo(n uint64) Reg { return Reg{Kind: Scalar, Var: scalar.URange(0, n)} }

func causeCases() []causeCase {
	value := Reg{Kind: PtrToMapValue, Obj: 0}
	maybe := value
	maybe.Flags = MaybeNull
	clobbered := func(r0 Reg) func(*[11]Reg) {
		return func(r *[11]Reg) {
			for i := 1; i <= 5; i++ {
				r[i] = Reg{}
			}
			r[0] = r0
		}
	}
	offset := func(hi uint64) Reg { v := value; v.Var = scalar.URange(0, hi); return v }
	return []causeCase{
		{
			name: "packet, compared for less",
			insns: []isa.Insn{
				isa.New(isa.OpLdxW, isa.R2, isa.R1, 0, 0),
				isa.New(isa.OpLdxW, isa.R3, isa.R1, 4, 0),
				isa.New(isa.OpMov64Reg, isa.R4, isa.R2, 0, 0),
				isa.New(isa.OpAdd64Imm, isa.R4, 0, 0, 14),
				isa.New(isa.OpJgtReg, isa.R4, isa.R3, 1, 0),
				isa.New(isa.OpLdxH, isa.R0, isa.R2, 13, 0),
				isa.New(isa.OpExit, 0, 0, 0, 0),
			},
			code: CodeBounds,
			walk: []func(*[11]Reg){
				set(2, packetReg(0)), set(3, pointer(PtrToPacketEnd)), set(4, packetReg(0)), set(4, Reg{Kind: PtrToPacket, Off: 14}),
				set(2, packetReg(14)),
			},
			cause:      "the comparison at insn 4 shows that 14 bytes are there, bytes 0 to 13; this reads bytes 13 to 14",
			suggestion: "compare up to the end of what is used: if (data + 15 > data_end) return ...;",
		},
		{
			name: "packet, never compared",
			insns: []isa.Insn{
				isa.New(isa.OpLdxW, isa.R2, isa.R1, 0, 0),
				isa.New(isa.OpLdxB, isa.R0, isa.R2, 5, 0),
			},
			code:       CodeBounds,
			walk:       []func(*[11]Reg){set(2, packetReg(0))},
			cause:      "r2 is ctx->data, loaded at insn 0, and nothing on this path compares it with data_end",
			suggestion: "before the access: if (data + 6 > data_end) return ...;",
		},
		{
			name: "null, another pointer tested",
			insns: []isa.Insn{
				isa.New(isa.OpCallHelper, 0, 0, 0, 1),
				isa.New(isa.OpMov64Reg, isa.R6, isa.R0, 0, 0),
				isa.New(isa.OpCallHelper, 0, 0, 0, 1),
				isa.New(isa.OpJeqImm, isa.R6, 0, 1, 0),
				isa.New(isa.OpStxDW, isa.R0, isa.R6, 0, 0),
				isa.New(isa.OpExit, 0, 0, 0, 0),
			},
			lines: []Line{
				{Insn: 0, File: "a.c", Num: 3, Text: "a = bpf_map_lookup_elem(&m, &k);"},
				{Insn: 2, File: "a.c", Num: 4, Text: "b = bpf_map_lookup_elem(&m, &l);"},
				{Insn: 3, File: "a.c", Num: 5, Text: "if (!a)"},
				{Insn: 4, File: "a.c", Num: 6, Text: "*b = 1;"},
			},
			code: CodeNull,
			walk: []func(*[11]Reg){clobbered(maybe), set(6, maybe), clobbered(maybe), set(6, value)},
			cause: "b (r0) is what bpf_map_lookup_elem returned at insn 2 (a.c:4) for map m: NULL when the key is not there, and no test on this path says " +
				"that it is not; the test at insn 3 (a.c:5) is of another pointer, from insn 0 (a.c:3)",
			suggestion: "test it before using it: if (!b) return ...;",
		},
		{
			name: "index, tested too wide",
			insns: []isa.Insn{
				isa.New(isa.OpLdxW, isa.R2, isa.R1, 16, 0),
				isa.New(isa.OpJgtImm, isa.R2, 0, 3, 8),
				isa.New(isa.OpLsh64Imm, isa.R2, 0, 0, 3),
				isa.New(isa.OpAdd64Reg, isa.R6, isa.R2, 0, 0),
				isa.New(isa.OpLdxDW, isa.R0, isa.R6, 0, 0),
				isa.New(isa.OpExit, 0, 0, 0, 0),
			},
			lines: []Line{{Insn: 0, File: "a.c", Num: 3, Text: "u32 i = ctx->rx_queue_index;"}, {Insn: 1, File: "a.c", Num: 4, Text: "if (i > 8)"}},
			code:  CodeBounds,
			walk: []func(*[11]Reg){
				func(r *[11]Reg) { r[2], r[6] = numberUpTo(1<<32-1), value }, set(2, numberUpTo(8)), set(2, numberUpTo(64)), set(6, offset(64)),
			},
			cause: "the offset added to r6 may be 0 to 64; it comes from ctx->rx_queue_index, loaded at insn 0 (a.c:3); the test at insn 1 (a.c:4) leaves " +
				"that much; the value of map m has 64 bytes",
			suggestion: "test it before: with i below 8 the access stays inside",
		},
		{
			name: "r1 after a call",
			insns: []isa.Insn{
				isa.New(isa.OpCallHelper, 0, 0, 0, 5),
				isa.New(isa.OpMov64Reg, isa.R0, isa.R1, 0, 0),
			},
			code:       CodeUninit,
			find:       finding{reg: 2},
			walk:       []func(*[11]Reg){clobbered(unknown())},
			cause:      "r1 held a value before the call of bpf_ktime_get_ns at insn 0: a call leaves nothing in r1 to r5",
			suggestion: "keep what is needed after the call in a variable",
		},
		{
			name:       "leaked",
			insns:      []isa.Insn{isa.New(isa.OpCallHelper, 0, 0, 0, 131), isa.New(isa.OpExit, 0, 0, 0, 0)},
			code:       CodeReference,
			find:       finding{insn: 1},
			walk:       []func(*[11]Reg){clobbered(Reg{Kind: PtrToMem, Flags: Ringbuf, Ref: 1})},
			cause:      "what bpf_ringbuf_reserve at insn 0 handed out is not given back on this path",
			suggestion: "bpf_ringbuf_submit or bpf_ringbuf_discard",
		},
		{
			name:       "a field that is only read",
			insns:      []isa.Insn{isa.New(isa.OpStxW, isa.R1, isa.R2, 16, 0)},
			code:       CodeContext,
			walk:       []func(*[11]Reg){nothing},
			cause:      "programs of type xdp may read xdp_md.rx_queue_index, but not write it",
			suggestion: "",
		},
	}
}

func TestCauses(t *testing.T) {
	for _, tt := range causeCases() {
		t.Run(tt.name, func(t *testing.T) {
			insns := testInsns(t, tt.insns...)
			r := newRoute(insns)
			at := len(tt.walk)
			if len(tt.insns) == 1 {
				at = 0
			}
			for pc := range at {
				r.at(pc, 0)
				tt.walk[pc](&r.regs)
			}
			r.at(at, 0)
			e := &Error{Code: tt.code, Insn: at, Reason: "a reason"}
			x := &evidence{
				spec:  &Spec{Type: progtype.XDP, Maps: []*Map{{Name: "m", KeySize: 4, ValueSize: 64}}, Lines: tt.lines},
				insns: insns, err: e, find: tt.find, regs: r.regs, rec: r.rec,
			}
			x.explain()
			if e.Cause != tt.cause {
				t.Errorf("cause\n%s\nwant\n%s", e.Cause, tt.cause)
			}
			if !strings.Contains(e.Suggestion, tt.suggestion) || (e.Suggestion == "") != (tt.suggestion == "") {
				t.Errorf("suggestion\n%s\nwant\n%s", e.Suggestion, tt.suggestion)
			}
		})
	}
}
