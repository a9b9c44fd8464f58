package conformance

import (
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/cilium/ebpf/btf"

	"github.com/gbpf/gbpf/internal/fuzzgen"
	"github.com/gbpf/gbpf/internal/kernel"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
)

// kernelJudge asks the live kernel for verdicts on generated programs. It makes each map
// and each set of types once.
type kernelJudge struct {
	// limit is the time that the kernel has for one program, 0 for its default.
	limit time.Duration

	maps  map[kernelMapKey]*kernel.Map
	types map[string]*typeInfo
}

// kernelMapKey names a map in the kernel. A map of programs belongs to the first program that uses it,
// and takes no others than of its type.
type kernelMapKey struct {
	m           *fuzzgen.Map
	typ, attach uint32
}

// typeInfo is type information in the kernel.
type typeInfo struct {
	btf *kernel.BTF
	ids []uint32
}

func newKernelJudge() (*kernelJudge, error) {
	if err := kernel.Available(); err != nil {
		return nil, err
	}
	return &kernelJudge{maps: map[kernelMapKey]*kernel.Map{}, types: map[string]*typeInfo{}}, nil
}

// Close gives everything back to the kernel.
func (k *kernelJudge) Close() {
	for _, m := range k.maps {
		_ = m.Close()
	}
	for _, t := range k.types {
		_ = t.btf.Close()
	}
	clear(k.maps)
	clear(k.types)
}

// judge returns the kernel's verdict, with the log of the given level or without one
// for level 0. The error tells that the kernel could not be asked.
func (k *kernelJudge) judge(p *fuzzgen.Program, level uint32) (*kernel.Verdict, error) {
	q, err := k.program(p)
	if err != nil {
		return nil, err
	}
	q.NoLog, q.LogLevel = level == 0, level
	loaded, v, err := kernel.Load(q)
	if err != nil {
		return nil, err
	}
	if loaded != nil {
		_ = loaded.Close()
	}
	return v, nil
}

// program makes what bpf(2) takes.
func (k *kernelJudge) program(p *fuzzgen.Program) (*kernel.Prog, error) {
	q := &kernel.Prog{Name: "fuzz", Type: p.Type, AttachType: p.Attach, Flags: p.Flags, Insns: p.Bytes(), Limit: k.limit}
	for pc, in := range p.Insns {
		switch in.Op {
		case isa.OpLddwMapFD, isa.OpLddwMapValue:
			i := int(in.ImmLow())
			if i < 0 || i >= len(p.Maps) {
				continue
			}
			m, err := k.makeMap(p.Maps[i], p)
			if err != nil {
				return nil, err
			}
			if q.Maps == nil {
				q.Maps = map[int]*kernel.Map{}
			}
			q.Maps[pc] = m
		case isa.OpCallKfunc:
			if n := int(in.Imm); n >= 0 && n < len(p.Kfuncs) {
				if q.Kfuncs == nil {
					q.Kfuncs = map[int]string{}
				}
				q.Kfuncs[pc] = p.Kfuncs[n]
			}
		}
	}
	if p.Typed {
		if err := k.addTypes(p, q); err != nil {
			return nil, err
		}
	}
	return q, nil
}

func (k *kernelJudge) makeMap(m *fuzzgen.Map, p *fuzzgen.Program) (*kernel.Map, error) {
	key := kernelMapKey{m: m}
	switch maps.Type(m.Type) {
	case maps.ProgArray, maps.DevMap, maps.DevMapHash, maps.CPUMap:
		key.typ, key.attach = p.Type, p.Attach
	}
	if made := k.maps[key]; made != nil {
		return made, nil
	}
	s := kernel.MapSpec{Name: m.Name, Type: m.Type, KeySize: m.KeySize, ValueSize: m.ValueSize, MaxEntries: m.MaxEntries, Flags: m.Flags}
	if m.Inner != nil {
		inner, err := k.makeMap(m.Inner, p)
		if err != nil {
			return nil, err
		}
		s.Inner = inner
	}
	if m.Lock || m.Timer {
		name := fmt.Sprintf("value %v %d", m.Lock, m.ValueSize)
		t := k.types[name]
		if t == nil {
			var err error
			if t, err = valueTypes(m); err != nil {
				return nil, err
			}
			k.types[name] = t
		}
		s.BTF, s.BTFKeyType, s.BTFValueType = t.btf, t.ids[0], t.ids[1]
	}
	made, err := kernel.NewMap(s)
	if err != nil {
		return nil, err
	}
	k.maps[key] = made
	if m.Contents != nil {
		if err := made.Update(make([]byte, m.KeySize), m.Contents, 0); err != nil {
			return nil, err
		}
	}
	if m.Frozen {
		if err := made.Freeze(); err != nil {
			return nil, err
		}
	}
	return made, nil
}

var (
	btfInt  = &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}
	btfU32  = &btf.Int{Name: "u32", Size: 4}
	btfU64  = &btf.Int{Name: "u64", Size: 8}
	btfChar = &btf.Int{Name: "char", Size: 1}
)

// valueTypes describes values that start with a spin lock or a timer.
func valueTypes(m *fuzzgen.Map) (*typeInfo, error) {
	first := &btf.Struct{Name: "bpf_spin_lock", Size: 4, Members: []btf.Member{{Name: "val", Type: btfU32}}}
	if m.Timer {
		first = &btf.Struct{Name: "bpf_timer", Size: 16, Members: []btf.Member{{Name: "a", Type: btfU64}, {Name: "b", Type: btfU64, Offset: 64}}}
	}
	value := &btf.Struct{Name: "value", Size: m.ValueSize, Members: []btf.Member{
		{Name: "first", Type: first},
		{Name: "data", Type: &btf.Array{Index: btfU32, Type: btfU32, Nelems: (m.ValueSize - first.Size) / 4}, Offset: btf.Bits(8 * first.Size)},
	}}
	return loadTypes(btfU32, value)
}

// loadTypes puts types into the kernel and returns their numbers.
func loadTypes(types ...btf.Type) (*typeInfo, error) {
	var b btf.Builder
	t := &typeInfo{}
	for _, typ := range types {
		id, err := b.Add(typ)
		if err != nil {
			return nil, fmt.Errorf("verdict: types: %w", err)
		}
		t.ids = append(t.ids, uint32(id))
	}
	raw, err := b.Marshal(nil, &btf.MarshalOptions{Order: binary.LittleEndian})
	if err != nil {
		return nil, fmt.Errorf("verdict: types: %w", err)
	}
	// struct btf_header: magic, version, flags, length, then offset and length of both
	// sections.
	word := func(i int) uint32 { return binary.LittleEndian.Uint32(raw[4+4*i:]) }
	body := raw[word(0):]
	t.btf, err = kernel.LoadBTF(body[word(1):][:word(2)], body[word(3):][:word(4)])
	return t, err
}

// addTypes gives every function of the program a type: callbacks must be known to be
// static, and global functions are verified by theirs.
func (k *kernelJudge) addTypes(p *fuzzgen.Program, q *kernel.Prog) error {
	starts := p.Starts()
	var key strings.Builder
	fmt.Fprintf(&key, "%d", p.Type)
	for _, s := range starts {
		if f := p.Func(s); f != nil {
			fmt.Fprintf(&key, "|%v", f.Args)
		} else {
			key.WriteString("|static")
		}
	}
	t := k.types[key.String()]
	if t == nil {
		types := make([]btf.Type, len(starts))
		for i, s := range starts {
			types[i] = funcType(p, i, s)
		}
		var err error
		if t, err = loadTypes(types...); err != nil {
			return err
		}
		k.types[key.String()] = t
	}
	q.BTF = t.btf
	for i, s := range starts {
		q.FuncInfo = binary.LittleEndian.AppendUint32(q.FuncInfo, uint32(s))
		q.FuncInfo = binary.LittleEndian.AppendUint32(q.FuncInfo, t.ids[i])
	}
	return nil
}

// funcType is the type of function number i, which starts at an instruction.
func funcType(p *fuzzgen.Program, i, start int) btf.Type {
	proto := &btf.FuncProto{Return: btfInt}
	f := &btf.Func{Name: fmt.Sprintf("f%d", i), Type: proto, Linkage: btf.StaticFunc}
	desc := p.Func(start)
	if desc == nil {
		return f
	}
	f.Linkage = btf.GlobalFunc
	f.ParamTags = make([][]string, len(desc.Args))
	for j, a := range desc.Args {
		param := btf.FuncParam{Name: fmt.Sprintf("a%d", j)}
		switch a.Kind {
		case fuzzgen.ArgCtx:
			param.Type = &btf.Pointer{Target: &btf.Void{}}
			f.ParamTags[j] = []string{"arg:ctx"}
		case fuzzgen.ArgMem:
			param.Type = &btf.Pointer{Target: &btf.Struct{Name: fmt.Sprintf("mem%d", a.Size), Size: a.Size,
				Members: []btf.Member{{Name: "bytes", Type: &btf.Array{Index: btfU32, Type: btfChar, Nelems: a.Size}}}}}
		default:
			param.Type = btfU64
		}
		proto.Params = append(proto.Params, param)
	}
	return f
}
