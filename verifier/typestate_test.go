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

// typestate is a program that calls kernel functions, or works on objects that only they
// may touch, and what Linux 6.18 says of it. The live kernel's verdict is compared
// where there is one.
//
// In the texts, "kfunc f" calls the kernel function f, map[m] and map_value[m] name a map of
// typestateMaps, type(t) is the number of one of the program's own structures. Texts may use $x for
// the pieces in typestateText. A text without "out:" goes on to it, which returns 0, unless it ends in exit;
// functions follow behind "---".
type typestate struct {
	name   string
	in     string // "tc" if "", or "xdp", "syscall", "syscall.s", "raw_tp", "socket"
	text   string
	reason string // a part of the kernel's last line; "" for a program that is accepted
	code   verifier.Code
	// stricter says why a program is refused that the kernel accepts.
	stricter string
}

// typestateKinds are the kinds of program that the tables name.
var typestateKinds = map[string]struct {
	typ       *progtype.Type
	sleepable bool
}{
	"": {progtype.SchedCLS, false}, "xdp": {progtype.XDP, false}, "cgroup": {progtype.CgroupSkb, false}, "syscall": {progtype.Syscall, true},
	"raw_tp": {progtype.RawTracepoint, false}, "socket": {progtype.SocketFilter, false},
}

// opaque is a structure of which only size and alignment count.
func opaque(name string, size uint32) *btf.Struct {
	word := &btf.Int{Name: "unsigned long long", Size: 8}
	if size%8 != 0 {
		word = &btf.Int{Name: "unsigned int", Size: 4}
	}
	return &btf.Struct{Name: name, Size: size, Members: []btf.Member{{Name: "opaque", Type: &btf.Array{Index: anU32, Type: word, Nelems: size / word.Size}}}}
}

var (
	anU32 = &btf.Int{Name: "unsigned int", Size: 4}
	anU64 = &btf.Int{Name: "unsigned long long", Size: 8}
	anInt = &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}

	lockType    = opaque("bpf_spin_lock", 4)
	resLockType = opaque("bpf_res_spin_lock", 4)
	listHead    = opaque("bpf_list_head", 16)
	listNode    = opaque("bpf_list_node", 24)
	rbRoot      = opaque("bpf_rb_root", 16)
	rbNode      = opaque("bpf_rb_node", 32)
	refcount    = opaque("bpf_refcount", 4)
)

// at is a member at a number of bytes.
func at(name string, off uint32, t btf.Type, tags ...string) btf.Member {
	return btf.Member{Name: name, Type: t, Offset: btf.Bits(8 * off), Tags: tags}
}

func kptrTo(t btf.Type, tag string) btf.Type {
	return &btf.Pointer{Target: &btf.TypeTag{Value: tag, Type: t}}
}

// The structures that the programs of the tables make objects of.
var (
	// node is shared: it can be in a tree and a list at once.
	nodeType = &btf.Struct{Name: "own_node", Size: 80, Members: []btf.Member{
		at("rb", 0, rbNode), at("list", 32, listNode), at("ref", 56, refcount), at("data", 64, anU64), at("more", 72, anU64)}}
	// item is in a list or nowhere, leaf in a tree or nowhere.
	itemType = &btf.Struct{Name: "own_item", Size: 40, Members: []btf.Member{at("data", 0, anU64), at("list", 8, listNode), at("more", 32, anU64)}}
	leafType = &btf.Struct{Name: "own_leaf", Size: 40, Members: []btf.Member{at("data", 0, anU64), at("rb", 8, rbNode)}}
	// flat has no special fields.
	flatType = &btf.Struct{Name: "own_flat", Size: 16, Members: []btf.Member{at("a", 0, anU64), at("b", 8, anU32), at("c", 12, anU32)}}
	// owner is an object with a list and a tree of its own.
	ownerType = &btf.Struct{Name: "own_owner", Size: 48, Members: []btf.Member{
		at("lock", 0, lockType), at("head", 8, listHead, "contains:own_item:list"), at("root", 24, rbRoot, "contains:own_leaf:rb"), at("data", 40, anU64)}}
	// holder has a kptr.
	holderType = &btf.Struct{Name: "own_holder", Size: 24, Members: []btf.Member{
		at("data", 0, anU64), at("task", 8, kptrTo(taskFwd, "kptr")), at("flat", 16, kptrTo(flatType, "kptr"))}}
	// links has a pointer, and so no numbers only.
	linksType = &btf.Struct{Name: "own_links", Size: 16, Members: []btf.Member{at("next", 0, &btf.Pointer{Target: flatType}), at("data", 8, anU64)}}
	bigType   = &btf.Struct{Name: "own_big", Size: 1024, Members: []btf.Member{at("data", 0, &btf.Array{Index: anU32, Type: anU64, Nelems: 128})}}
)

var typestateTypes = []*btf.Struct{nodeType, itemType, leafType, flatType, ownerType, holderType, linksType, bigType}

// typestateMap is a map of the tables.
type typestateMap struct {
	verifier.Map
	value *btf.Struct // of maps with special fields
	inner string      // the map inside
	extra uint64
}

func field(k maps.FieldKind, off, size uint32, what ...string) maps.Field {
	f := maps.Field{Kind: k, Off: off, Size: size}
	if len(what) > 0 {
		f.Type = what[0]
	}
	if len(what) > 1 {
		f.Node = what[1]
	}
	return f
}

func arrayMap(name string, entries uint32, size uint32) verifier.Map {
	return verifier.Map{Name: name, Type: maps.Array, KeySize: 4, ValueSize: size, MaxEntries: entries}
}

func fielded(m verifier.Map, fields ...maps.Field) verifier.Map {
	m.Fields = fields
	return m
}

// Kernel structures in the program's types are known to the kernel by their name and kind.
var taskFwd, cgroupFwd, cpumaskFwd = opaque("task_struct", 4), opaque("cgroup", 4), opaque("bpf_cpumask", 4)

var typestateMaps = []*typestateMap{
	{Map: arrayMap("array", 4, 16)},
	{Map: verifier.Map{Name: "hash", Type: maps.Hash, KeySize: 4, ValueSize: 16, MaxEntries: 4}},
	{Map: verifier.Map{Name: "ring", Type: maps.RingBuf, MaxEntries: 4096}},
	{Map: verifier.Map{Name: "users", Type: 31, MaxEntries: 4096}},
	{Map: arrayMap("data", 1, 64)},
	{Map: verifier.Map{Name: "rodata", Type: maps.Array, KeySize: 4, ValueSize: 64, MaxEntries: 1, Flags: maps.RdonlyProg, Contents: make([]byte, 64)}},
	{Map: verifier.Map{Name: "progs", Type: maps.ProgArray, KeySize: 4, ValueSize: 4, MaxEntries: 4}},
	{
		Map:   fielded(arrayMap("lock", 2, 16), field(maps.FieldSpinLock, 0, 4)),
		value: &btf.Struct{Name: "v_lock", Size: 16, Members: []btf.Member{at("lock", 0, lockType), at("data", 8, anU64)}},
	},
	{ // one lock for a list and a tree of nodes
		Map: fielded(arrayMap("nodes", 1, 40), field(maps.FieldSpinLock, 0, 4), field(maps.FieldRBRoot, 8, 16, "own_node", "rb"), field(maps.FieldListHead, 24, 16, "own_node", "list")),
		value: &btf.Struct{Name: "v_nodes", Size: 40, Members: []btf.Member{
			at("lock", 0, lockType), at("root", 8, rbRoot, "contains:own_node:rb"), at("head", 24, listHead, "contains:own_node:list")}},
	},
	{
		Map: fielded(arrayMap("items", 2, 40), field(maps.FieldSpinLock, 0, 4), field(maps.FieldRBRoot, 8, 16, "own_leaf", "rb"), field(maps.FieldListHead, 24, 16, "own_item", "list")),
		value: &btf.Struct{Name: "v_items", Size: 40, Members: []btf.Member{
			at("lock", 0, lockType), at("root", 8, rbRoot, "contains:own_leaf:rb"), at("head", 24, listHead, "contains:own_item:list")}},
	},
	{
		Map: fielded(arrayMap("kptrs", 2, 72), field(maps.FieldKptr, 0, 8, "task_struct"), field(maps.FieldKptr, 8, 8, "cgroup"), field(maps.FieldKptr, 16, 8, "bpf_cpumask"),
			field(maps.FieldKptrUntrusted, 24, 8, "task_struct"), field(maps.FieldKptr, 32, 8, "own_flat"), field(maps.FieldKptrPercpu, 40, 8, "own_flat"), field(maps.FieldKptr, 48, 8, "own_node"), field(maps.FieldKptr, 56, 8, "own_holder")),
		value: &btf.Struct{Name: "v_kptrs", Size: 72, Members: []btf.Member{
			at("task", 0, kptrTo(taskFwd, "kptr")), at("cgroup", 8, kptrTo(cgroupFwd, "kptr")), at("mask", 16, kptrTo(cpumaskFwd, "kptr")), at("any", 24, kptrTo(taskFwd, "kptr_untrusted")),
			at("flat", 32, kptrTo(flatType, "kptr")), at("percpu", 40, kptrTo(flatType, "percpu_kptr")), at("node", 48, kptrTo(nodeType, "kptr")), at("holder", 56, kptrTo(holderType, "kptr")), at("data", 64, anU64)}},
	},
	{
		Map:   fielded(arrayMap("kptrs1", 1, 16), field(maps.FieldKptr, 0, 8, "task_struct"), field(maps.FieldKptr, 8, 8, "own_flat")),
		value: &btf.Struct{Name: "v_kptrs1", Size: 16, Members: []btf.Member{at("task", 0, kptrTo(taskFwd, "kptr")), at("flat", 8, kptrTo(flatType, "kptr"))}},
	},
	{
		Map:   fielded(arrayMap("kptrs2", 1, 8), field(maps.FieldKptr, 0, 8, "task_struct")),
		value: &btf.Struct{Name: "v_kptrs2", Size: 8, Members: []btf.Member{at("task", 0, kptrTo(taskFwd, "kptr"))}},
	},
	{
		Map:   fielded(arrayMap("timer1", 1, 24), field(maps.FieldTimer, 0, 16)),
		value: &btf.Struct{Name: "v_timer", Size: 24, Members: []btf.Member{at("timer", 0, opaque("bpf_timer", 16)), at("data", 16, anU64)}},
	},
	{Map: verifier.Map{Name: "arena", Type: 33, MaxEntries: 1, Flags: 1 << 10}, extra: 1 << 44},
	{
		Map:   fielded(arrayMap("timers", 2, 24), field(maps.FieldTimer, 0, 16)),
		value: &btf.Struct{Name: "v_timer", Size: 24, Members: []btf.Member{at("timer", 0, opaque("bpf_timer", 16)), at("data", 16, anU64)}},
	},
	{
		Map:   fielded(arrayMap("timers2", 2, 24), field(maps.FieldTimer, 0, 16)),
		value: &btf.Struct{Name: "v_timer", Size: 24, Members: []btf.Member{at("timer", 0, opaque("bpf_timer", 16)), at("data", 16, anU64)}},
	},
	{
		Map:   verifier.Map{Name: "outer", Type: maps.ArrayOfMaps, KeySize: 4, ValueSize: 4, MaxEntries: 4},
		inner: "timers",
	},
	{
		Map:   fielded(arrayMap("works", 2, 40), field(maps.FieldWorkqueue, 0, 16), field(maps.FieldTaskWork, 16, 8)),
		value: &btf.Struct{Name: "v_work", Size: 40, Members: []btf.Member{at("work", 0, opaque("bpf_wq", 16)), at("task", 16, opaque("bpf_task_work", 8)), at("data", 32, anU64)}},
	},
	{
		Map:   fielded(arrayMap("works2", 2, 40), field(maps.FieldWorkqueue, 0, 16), field(maps.FieldTaskWork, 16, 8)),
		value: &btf.Struct{Name: "v_work", Size: 40, Members: []btf.Member{at("work", 0, opaque("bpf_wq", 16)), at("task", 16, opaque("bpf_task_work", 8)), at("data", 32, anU64)}},
	},
	{
		Map:   fielded(arrayMap("res", 2, 16), field(maps.FieldResSpinLock, 0, 4)),
		value: &btf.Struct{Name: "v_res", Size: 16, Members: []btf.Member{at("lock", 0, resLockType), at("data", 8, anU64)}},
	},
	{
		Map:   fielded(arrayMap("res1", 1, 16), field(maps.FieldResSpinLock, 0, 4)),
		value: &btf.Struct{Name: "v_res", Size: 16, Members: []btf.Member{at("lock", 0, resLockType), at("data", 8, anU64)}},
	},
	{
		Map:   fielded(arrayMap("res2", 1, 16), field(maps.FieldResSpinLock, 0, 4)),
		value: &btf.Struct{Name: "v_res", Size: 16, Members: []btf.Member{at("lock", 0, resLockType), at("data", 8, anU64)}},
	},
	{
		Map:   fielded(arrayMap("lock1", 1, 16), field(maps.FieldSpinLock, 0, 4)),
		value: &btf.Struct{Name: "v_lock", Size: 16, Members: []btf.Member{at("lock", 0, lockType), at("data", 8, anU64)}},
	},
}

func typestateMapNo(name string) int {
	for i, m := range typestateMaps {
		if m.Name == name {
			return i
		}
	}
	return -1
}

// typestateFixture is what all texts share: types and maps, and these in the kernel if there is one.
type typestateFixture struct {
	builder *btf.Builder
	types   map[string]uint32
	locals  map[uint32]*verifier.LocalType
	maps    []*verifier.Map
	funcID  uint32

	live  bool
	btf   *kernel.BTF
	kmaps []*kernel.Map
	asked int

	whys     map[string]int // the kernel's reasons in the campaign
	logLevel uint32         // of the kernel's verdicts, see kernel.Prog
}

func newTypestateFixture(t *testing.T) *typestateFixture {
	t.Helper()
	f := &typestateFixture{types: map[string]uint32{}, locals: map[uint32]*verifier.LocalType{}}
	fail := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	f.builder = &btf.Builder{}
	add := func(typ btf.Type) uint32 {
		t.Helper()
		id, err := f.builder.Add(typ)
		fail(err)
		return uint32(id)
	}
	key := add(anInt)
	fn := &btf.Func{Name: "f", Linkage: btf.StaticFunc, Type: &btf.FuncProto{Return: anInt, Params: []btf.FuncParam{{Name: "a", Type: anU64}}}}
	f.funcID = add(fn)
	for _, s := range typestateTypes {
		f.types[s.Name] = add(s)
		f.locals[f.types[s.Name]] = localTypes[s.Name]
	}
	values := make([]uint32, len(typestateMaps))
	for i, m := range typestateMaps {
		if m.value != nil {
			values[i] = add(m.value)
		}
		f.maps = append(f.maps, &m.Map)
		if m.inner != "" {
			m.Inner = f.maps[typestateMapNo(m.inner)]
		}
	}
	if err := kernel.Available(); err != nil {
		t.Logf("no live kernel: %v", err)
		return f
	}
	f.live = true
	raw, err := f.builder.Marshal(nil, &btf.MarshalOptions{Order: binary.LittleEndian})
	fail(err)
	f.btf, err = kernel.LoadRawBTF(raw)
	fail(err)
	t.Cleanup(func() { f.btf.Close() })
	for i, m := range typestateMaps {
		s := kernel.MapSpec{Name: m.Name, Type: uint32(m.Type), KeySize: m.KeySize, ValueSize: m.ValueSize, MaxEntries: m.MaxEntries, Flags: m.Flags, Extra: m.extra}
		if m.value != nil {
			s.BTF, s.BTFKeyType, s.BTFValueType = f.btf, key, values[i]
		}
		if m.inner != "" {
			s.Inner = f.kmaps[typestateMapNo(m.inner)]
		}
		km, err := kernel.NewMap(s)
		fail(err)
		t.Cleanup(func() { km.Close() })
		f.kmaps = append(f.kmaps, km)
		if m.Contents != nil {
			fail(km.Update(make([]byte, 4), m.Contents, 0))
			fail(km.Freeze())
		}
	}
	return f
}

var (
	reKfuncText = regexp.MustCompile(`kfunc (\w+)`)
	reMapText   = regexp.MustCompile(`map(_value)?\[([a-z]\w*)\]`)
	reTypeText  = regexp.MustCompile(`\btype\((\w+)\)`)
	rePiece     = regexp.MustCompile(`\$(\w+)`)
)

// spec makes a program of a text.
func (f *typestateFixture) spec(c *typestate) (*verifier.Spec, error) {
	kind, ok := typestateKinds[c.in]
	if !ok {
		return nil, fmt.Errorf("no kind of program %q", c.in)
	}
	s := &verifier.Spec{Name: "typestate", Type: kind.typ, Sleepable: kind.sleepable, GPL: true, Maps: f.maps, LocalTypes: f.locals, Types: standInTypes}
	text := c.text
	for range 4 {
		text = rePiece.ReplaceAllStringFunc(text, func(m string) string {
			p, ok := typestateText[m[1:]]
			if !ok {
				panic("no piece " + m)
			}
			return p
		})
	}
	if !strings.Contains(text, "out:") {
		main, rest, _ := strings.Cut(text, "---")
		if strings.Contains(main, "goto out") || !strings.HasSuffix(strings.TrimSpace(main), "exit") {
			main += "\nout: r0 = 0; exit\n"
		}
		text = main + rest
	}
	text = reKfuncText.ReplaceAllStringFunc(text, func(m string) string {
		s.Kfuncs = append(s.Kfuncs, m[len("kfunc "):])
		return fmt.Sprintf("call kfunc[%d]", len(s.Kfuncs)-1)
	})
	text = reMapText.ReplaceAllStringFunc(text, func(m string) string {
		at := strings.Index(m, "[")
		return fmt.Sprintf("%s[%d]", m[:at], typestateMapNo(m[at+1:len(m)-1]))
	})
	text = reTypeText.ReplaceAllStringFunc(text, func(m string) string {
		return fmt.Sprint(f.types["own_"+m[len("type("):len(m)-1]])
	})
	var err error
	s.Insns, err = asm.Parse(text)
	return s, err
}

// judge is the kernel's verdict.
func (f *typestateFixture) judge(s *verifier.Spec) (*kernel.Verdict, error) {
	p := &kernel.Prog{Name: "typestate", Type: s.Type.Kernel, Maps: map[int]*kernel.Map{}, Kfuncs: map[int]string{}, BTF: f.btf, LogLevel: f.logLevel}
	if s.Sleepable {
		p.Flags = 1 << 4
	}
	starts := map[int]bool{0: true}
	for pc, in := range s.Insns {
		switch in.Op {
		case isa.OpLddwMapFD, isa.OpLddwMapValue:
			p.Maps[pc] = f.kmaps[in.ImmLow()]
		case isa.OpCallKfunc:
			p.Kfuncs[pc] = s.Kfuncs[in.Imm]
		case isa.OpLddwFunc, isa.OpCallLocal:
			starts[in.Target(pc)] = true
		}
		p.Insns = in.AppendTo(p.Insns)
	}
	for pc := range s.Insns {
		if starts[pc] {
			p.FuncInfo = binary.LittleEndian.AppendUint32(p.FuncInfo, uint32(pc))
			p.FuncInfo = binary.LittleEndian.AppendUint32(p.FuncInfo, f.funcID)
		}
	}
	prog, v, err := kernel.Load(p)
	if prog != nil {
		prog.Close()
	}
	return v, err
}

// checkTypestates holds the verdicts on a table against what it says, and the kernel's where there
// is one.
func checkTypestates(t *testing.T, table []typestate) {
	t.Helper()
	f := newTypestateFixture(t)
	names := map[string]bool{}
	for i := range table {
		c := &table[i]
		if names[c.name] {
			t.Errorf("%s: the name stands twice", c.name)
		}
		names[c.name] = true
		spec, err := f.spec(c)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if f.live {
			v, err := f.judge(spec)
			switch {
			case err != nil:
				t.Errorf("%s: kernel: %v", c.name, err)
			case v.Accepted != (c.reason == "") || !strings.Contains(v.LastLine, c.reason):
				t.Errorf("%s: want %q, the kernel says %q (accepted: %v)", c.name, c.reason, v.LastLine, v.Accepted)
			default:
				f.asked++
			}
		}
		for _, o := range []verifier.Options{{}, {Trace: &verifier.Trace{}}} {
			_, err = verifier.Verify(spec, o)
			var e *verifier.Error
			switch {
			case err == nil && c.reason+c.stricter != "":
				t.Errorf("%s: accepted, must be refused: %s", c.name, c.reason+c.stricter)
			case err != nil && c.reason+c.stricter == "":
				t.Errorf("%s: refused, must be accepted: %v", c.name, err)
			case err == nil:
			case !errors.As(err, &e):
				t.Errorf("%s: the error is a %T: %v", c.name, err, err)
			case e.Code == verifier.CodeUnsupported && c.code != e.Code || e.Code == verifier.CodeStructure || e.Code == verifier.CodeLimit && c.code != e.Code:
				t.Errorf("%s: refused for %s: %v", c.name, e.Code, err)
			case c.code != "" && e.Code != c.code:
				t.Errorf("%s: refused for %s, want %s: %v", c.name, e.Code, c.code, err)
			default:
				if testing.Verbose() && o.Trace == nil {
					t.Logf("%s: %v", c.name, err)
				}
			}
			if t.Failed() && o.Trace == nil {
				continue
			}
		}
	}
	t.Logf("%d programs, %d verdicts of the live kernel agree", len(table), f.asked)
}

// typestateText are pieces of text.
var typestateText = map[string]string{
	// A value of a map into R7.
	"value":  "*(u32 *)(r10 -4) = 0; r1 = map[array]; r2 = r10; r2 += -4; call map_lookup_elem; if r0 == 0 goto out; r7 = r0",
	"kptrs":  "*(u32 *)(r10 -4) = 0; r1 = map[kptrs]; r2 = r10; r2 += -4; call map_lookup_elem; if r0 == 0 goto out; r7 = r0",
	"timers": "*(u32 *)(r10 -4) = 0; r1 = map[timers]; r2 = r10; r2 += -4; call map_lookup_elem; if r0 == 0 goto out; r7 = r0",
	"works":  "*(u32 *)(r10 -4) = 0; r1 = map[works]; r2 = r10; r2 += -4; call map_lookup_elem; if r0 == 0 goto out; r7 = r0",
	"lock":   "*(u32 *)(r10 -4) = 0; r1 = map[lock]; r2 = r10; r2 += -4; call map_lookup_elem; if r0 == 0 goto out; r7 = r0",
	"items":  "*(u32 *)(r10 -4) = 0; r1 = map[items]; r2 = r10; r2 += -4; call map_lookup_elem; if r0 == 0 goto out; r7 = r0",
	"res":    "*(u32 *)(r10 -4) = 0; r1 = map[res]; r2 = r10; r2 += -4; call map_lookup_elem; if r0 == 0 goto out; r7 = r0",
	// A referenced task into R6.
	"task":     "r1 = 1; kfunc bpf_task_from_pid; if r0 == 0 goto out; r6 = r0",
	"putTask":  "r1 = r6; kfunc bpf_task_release",
	"cgroup":   "r1 = 1; kfunc bpf_cgroup_from_id; if r0 == 0 goto out; r8 = r0",
	"putCgrp":  "r1 = r8; kfunc bpf_cgroup_release",
	"mask":     "kfunc bpf_cpumask_create; if r0 == 0 goto out; r9 = r0",
	"putMask":  "r1 = r9; kfunc bpf_cpumask_release",
	"rcu":      "kfunc bpf_rcu_read_lock",
	"unrcu":    "kfunc bpf_rcu_read_unlock",
	"sleep":    "r1 = r10; r1 += -8; *(u64 *)(r10 -8) = 0; r2 = 8; r3 = 0; call copy_from_user",
	"numNew":   "r1 = r10; r1 += -8; r2 = 0; r3 = 10; kfunc bpf_iter_num_new",
	"numNext":  "r1 = r10; r1 += -8; kfunc bpf_iter_num_next",
	"numEnd":   "r1 = r10; r1 += -8; kfunc bpf_iter_num_destroy",
	"current":  "call get_current_task_btf; r6 = r0",
	"newNode":  "r1 = type(node); r2 = 0; kfunc bpf_obj_new_impl; if r0 == 0 goto out; r6 = r0",
	"newItem":  "r1 = type(item); r2 = 0; kfunc bpf_obj_new_impl; if r0 == 0 goto out; r6 = r0",
	"newLeaf":  "r1 = type(leaf); r2 = 0; kfunc bpf_obj_new_impl; if r0 == 0 goto out; r6 = r0",
	"newFlat":  "r1 = type(flat); r2 = 0; kfunc bpf_obj_new_impl; if r0 == 0 goto out; r6 = r0",
	"drop6":    "r1 = r6; r2 = 0; kfunc bpf_obj_drop_impl",
	"drop8":    "r1 = r8; r2 = 0; kfunc bpf_obj_drop_impl",
	"lockN":    "r1 = map_value[nodes]; call spin_lock",
	"unlockN":  "r1 = map_value[nodes]; call spin_unlock",
	"push6":    "r1 = map_value[nodes]+24; r2 = r6; r2 += 32; r3 = 0; r4 = 0; kfunc bpf_list_push_back_impl",
	"add6":     "r1 = map_value[nodes]+8; r2 = r6; r3 = func less; r4 = 0; r5 = 0; kfunc bpf_rbtree_add_impl",
	"popFront": "r1 = map_value[nodes]+24; kfunc bpf_list_pop_front",
	"first":    "r1 = map_value[nodes]+8; kfunc bpf_rbtree_first",
	"numNew2":  "r1 = r10; r1 += -40; r2 = 0; r3 = 10; kfunc bpf_iter_num_new",
	"numNext2": "r1 = r10; r1 += -40; kfunc bpf_iter_num_next",
	"numEnd2":  "r1 = r10; r1 += -40; kfunc bpf_iter_num_destroy",
	"tasks":    "r1 = r10; r1 += -24; r2 = 0; r3 = 0; kfunc bpf_iter_task_new",
	"nextTask": "r1 = r10; r1 += -24; kfunc bpf_iter_task_next",
	"endTasks": "r1 = r10; r1 += -24; kfunc bpf_iter_task_destroy",
	// An entry of the connection tracker into R6.
	"ctArgs": "r6 = r1; *(u64 *)(r10 -8) = 0; *(u64 *)(r10 -16) = 0; r1 = r6; r2 = r10; r2 += -16; r3 = 12; r4 = r10; r4 += -16; r5 = 12",
	"ct":     "$ctArgs; kfunc bpf_xdp_ct_lookup; if r0 == 0 goto out; r6 = r0",
	"newCt":  "$ctArgs; kfunc bpf_xdp_ct_alloc; if r0 == 0 goto out; r6 = r0",
	// Dynptrs at -16 and -32 of the stack.
	"memDyn":       "r1 = map_value[data]; r2 = 8; r3 = 0; r4 = r10; r4 += -16; call dynptr_from_mem",
	"memDyn2":      "r1 = map_value[data]; r2 = 8; r3 = 0; r4 = r10; r4 += -32; call dynptr_from_mem",
	"ringDyn":      "r1 = map[ring]; r2 = 16; r3 = 0; r4 = r10; r4 += -16; call ringbuf_reserve_dynptr",
	"submitDyn":    "r1 = r10; r1 += -16; r2 = 0; call ringbuf_submit_dynptr",
	"dynData":      "r1 = r10; r1 += -16; r2 = 0; r3 = 8; call dynptr_data",
	"dynData2":     "r1 = r10; r1 += -32; r2 = 0; r3 = 8; call dynptr_data",
	"dynWrite":     "*(u64 *)(r10 -56) = 0; r1 = r10; r1 += -16; r2 = 0; r3 = r10; r3 += -56; r4 = 8; r5 = 0; call dynptr_write",
	"clone":        "r1 = r10; r1 += -16; r2 = r10; r2 += -32; kfunc bpf_dynptr_clone",
	"skbDyn":       "r2 = 0; r3 = r10; r3 += -16; kfunc bpf_dynptr_from_skb",
	"xdpDyn":       "r2 = 0; r3 = r10; r3 += -16; kfunc bpf_dynptr_from_xdp",
	"slice":        "r1 = r10; r1 += -16; r2 = 0; r3 = r10; r3 += -48; r4 = 8; kfunc bpf_dynptr_slice",
	"sliceW":       "r1 = r10; r1 += -16; r2 = 0; r3 = r10; r3 += -48; r4 = 8; kfunc bpf_dynptr_slice_rdwr",
	"newFlat2":     "r1 = type(flat); r2 = 0; kfunc bpf_obj_new_impl; if r0 == 0 goto no; r6 = r0",
	"resLock":      "r1 = map_value[res1]; kfunc bpf_res_spin_lock",
	"resUnlock":    "r1 = map_value[res1]; kfunc bpf_res_spin_unlock",
	"resLock2":     "r1 = map_value[res2]; kfunc bpf_res_spin_lock",
	"resUnlock2":   "r1 = map_value[res2]; kfunc bpf_res_spin_unlock",
	"resLockIRQ":   "r1 = map_value[res1]; r2 = r10; r2 += -8; kfunc bpf_res_spin_lock_irqsave",
	"resUnlockIRQ": "r1 = map_value[res1]; r2 = r10; r2 += -8; kfunc bpf_res_spin_unlock_irqrestore",
	"sleep2":       "r1 = r10; r1 += -8; r2 = 8; r3 = 0; r4 = 0; kfunc bpf_copy_from_user_str",
	// A map inside another into R7, a value of it into R8.
	"inner":       "*(u32 *)(r10 -4) = 0; r1 = map[outer]; r2 = r10; r2 += -4; call map_lookup_elem; if r0 == 0 goto out; r7 = r0; r1 = r7; r2 = r10; r2 += -4; call map_lookup_elem; if r0 == 0 goto out; r8 = r0",
	"inner2":      "*(u32 *)(r10 -4) = 1; r1 = map[outer]; r2 = r10; r2 += -4; call map_lookup_elem; if r0 == 0 goto out; r7 = r0",
	"timers3":     "*(u32 *)(r10 -4) = 0; r1 = map[timers]; r2 = r10; r2 += -4; call map_lookup_elem; if r0 == 0 goto none; r7 = r0",
	"newPer":      "r1 = type(flat); r2 = 0; kfunc bpf_percpu_obj_new_impl; if r0 == 0 goto out; r6 = r0",
	"newOwner":    "r1 = type(owner); r2 = 0; kfunc bpf_obj_new_impl; if r0 == 0 goto out; r6 = r0",
	"newOwner3":   "r1 = type(owner); r2 = 0; kfunc bpf_obj_new_impl; if r0 == 0 goto no; r6 = r0",
	"newHolder":   "r1 = type(holder); r2 = 0; kfunc bpf_obj_new_impl; if r0 == 0 goto out; r6 = r0",
	"newHolder2":  "r1 = type(holder); r2 = 0; kfunc bpf_obj_new_impl; if r0 == 0 goto no; r6 = r0",
	"irqSave":     "r1 = r10; r1 += -8; kfunc bpf_local_irq_save",
	"irqRestore":  "r1 = r10; r1 += -8; kfunc bpf_local_irq_restore",
	"irqSave2":    "r1 = r10; r1 += -24; kfunc bpf_local_irq_save",
	"irqRestore2": "r1 = r10; r1 += -24; kfunc bpf_local_irq_restore",
	"less":        "--- less: r0 = 0; exit",
}

// typesOf is a small kernel's types.
type typesOf map[string]*verifier.Struct

func (t typesOf) Struct(name string) *verifier.Struct { return t[name] }

func (typesOf) StructByID(uint32) string { return "" }

func (typesOf) KernelSymbol(uint32) (string, *verifier.ArgType, bool, bool) {
	return "", nil, false, false
}

// standInTypes has what the texts use of Linux 6.18's types.
var standInTypes = typesOf{
	"task_struct":         {Name: "task_struct", Size: 4096, Members: []verifier.Member{{Name: "state", Off: 0, Size: 4}}},
	"cgroup":              {Name: "cgroup", Size: 2048, Members: []verifier.Member{{Name: "self", Off: 0, Size: 248, Kind: verifier.MemberStruct, Type: "cgroup_subsys_state"}}},
	"cgroup_subsys_state": {Name: "cgroup_subsys_state", Size: 248, Members: []verifier.Member{{Name: "cgroup", Off: 0, Size: 8, Kind: verifier.MemberPtr, Type: "cgroup", RCU: true}}},
	"bpf_cpumask":         {Name: "bpf_cpumask", Size: 40, Members: []verifier.Member{{Name: "cpumask", Size: 32, Kind: verifier.MemberStruct, Type: "cpumask"}, {Name: "usage", Off: 32, Size: 4}}},
	"cpumask":             {Name: "cpumask", Size: 32, Members: []verifier.Member{{Name: "bits", Size: 32, Array: true, ElemSize: 8}}},
	"vm_area_struct":      {Name: "vm_area_struct", Size: 256, Members: []verifier.Member{{Name: "start", Size: 8}}},
}

// localTypes describes typestateTypes to the verifier.
var localTypes = map[string]*verifier.LocalType{
	"own_node":   localType(nodeType, field(maps.FieldRBNode, 0, 32), field(maps.FieldListNode, 32, 24), field(maps.FieldRefcount, 56, 4)),
	"own_item":   localType(itemType, field(maps.FieldListNode, 8, 24)),
	"own_leaf":   localType(leafType, field(maps.FieldRBNode, 8, 32)),
	"own_flat":   localType(flatType),
	"own_owner":  localType(ownerType, field(maps.FieldSpinLock, 0, 4), field(maps.FieldListHead, 8, 16, "own_item", "list"), field(maps.FieldRBRoot, 24, 16, "own_leaf", "rb")),
	"own_holder": localType(holderType, field(maps.FieldKptr, 8, 8, "task_struct"), field(maps.FieldKptr, 16, 8, "own_flat")),
	"own_links":  localType(linksType),
	"own_big":    localType(bigType),
}

func localType(s *btf.Struct, fields ...maps.Field) *verifier.LocalType {
	l := &verifier.LocalType{Struct: verifier.Struct{Name: s.Name, Size: s.Size}, Fields: fields, Numbers: true}
	for _, m := range s.Members {
		n, err := btf.Sizeof(m.Type)
		if err != nil {
			panic(err)
		}
		v := verifier.Member{Name: m.Name, Off: m.Offset.Bytes(), Size: uint32(n)}
		if _, ok := m.Type.(*btf.Pointer); ok {
			v.Kind, l.Numbers = verifier.MemberPtr, false
		}
		l.Members = append(l.Members, v)
	}
	return l
}
