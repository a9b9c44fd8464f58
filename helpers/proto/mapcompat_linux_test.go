package proto_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"

	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/internal/kernel"
)

// arenaAddr is where arenas of the probes lie in user space: they need an address.
const arenaAddr = 1 << 44

var anInt = &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}

// mapSpec describes a small map of a type that programs can refer to.
func mapSpec(typ ebpf.MapType) *ebpf.MapSpec {
	s := &ebpf.MapSpec{Type: typ, KeySize: 4, ValueSize: 8, MaxEntries: 1}
	switch typ {
	case ebpf.ProgramArray, ebpf.PerfEventArray, ebpf.CGroupArray, ebpf.DevMap, ebpf.DevMapHash, ebpf.SockMap, ebpf.SockHash,
		ebpf.CPUMap, ebpf.XSKMap:
		s.ValueSize = 4
	case ebpf.LPMTrie:
		s.KeySize, s.Flags = 8, 1
	case ebpf.ArrayOfMaps, ebpf.HashOfMaps:
		s.ValueSize = 4
		s.InnerMap = mapSpec(ebpf.Array)
	case ebpf.CGroupStorage, ebpf.PerCPUCGroupStorage:
		s.KeySize, s.MaxEntries = 16, 0
	case ebpf.Queue, ebpf.Stack, ebpf.BloomFilter:
		s.KeySize = 0
	case ebpf.SkStorage, ebpf.InodeStorage, ebpf.TaskStorage, ebpf.CgroupStorage:
		s.Flags, s.MaxEntries, s.ValueSize = 1, 0, 4
		s.Key, s.Value = anInt, anInt
	case ebpf.RingBuf, ebpf.UserRingbuf:
		s.KeySize, s.ValueSize, s.MaxEntries = 0, 0, uint32(os.Getpagesize())
	case ebpf.Arena:
		s.KeySize, s.ValueSize, s.Flags, s.MapExtra = 0, 0, 1<<10, arenaAddr
	}
	return s
}

// everyMap makes a map of each type that the kernel makes here.
func everyMap(t *testing.T) map[uint32]*ebpf.Map {
	t.Helper()
	all := map[uint32]*ebpf.Map{}
	for typ := uint32(1); typ <= proto.MaxMapType; typ++ {
		m, err := ebpf.NewMap(mapSpec(ebpf.MapType(typ)))
		if err != nil {
			t.Logf("left out: maps of type %d: %v", typ, err)
			continue
		}
		t.Cleanup(func() { m.Close() })
		all[typ] = m
	}
	return all
}

// fresh is m, or a new one where the kernel ties a map to the kind of the first program that uses it.
func fresh(t *testing.T, typ uint32, m *ebpf.Map) *ebpf.Map {
	switch ebpf.MapType(typ) {
	case ebpf.ProgramArray, ebpf.DevMap, ebpf.DevMapHash, ebpf.CPUMap:
	default:
		return m
	}
	m, err := ebpf.NewMap(mapSpec(ebpf.MapType(typ)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// mapCaller is a right call of a helper with a map argument.
type mapCaller struct {
	flavour string
	// before runs first, with the context in R6, and leaves in R7 what argument 1 or 2 needs.
	before asm.Instructions
	arg    map[int]asm.Instructions // arguments that are not what arg of the prober makes
	after  asm.Instructions
}

func reg(dst, src asm.Register) asm.Instructions { return asm.Instructions{asm.Mov.Reg(dst, src)} }

func callback(r asm.Register) asm.Instructions {
	return asm.Instructions{asm.Instruction{OpCode: asm.LoadImmOp(asm.DWord), Dst: r, Src: asm.PseudoFunc, Constant: -1}.WithReference("cb")}
}

// skSkb puts a checked __sk_buff.sk into R7.
func skSkb() asm.Instructions {
	return asm.Instructions{asm.LoadMem(asm.R7, asm.R6, 168, asm.DWord), asm.JEq.Imm(asm.R7, 0, "out")}
}

func currentTask() asm.Instructions {
	return asm.Instructions{asm.FnGetCurrentTaskBtf.Call(), asm.Mov.Reg(asm.R7, asm.R0)}
}

var mapCallers = map[string]mapCaller{
	"ringbuf_reserve": {after: asm.Instructions{
		asm.JEq.Imm(asm.R0, 0, "out"), asm.Mov.Reg(asm.R1, asm.R0), asm.Mov.Imm(asm.R2, 0), asm.FnRingbufDiscard.Call()}},
	"ringbuf_reserve_dynptr": {arg: map[int]asm.Instructions{3: {asm.Mov.Reg(asm.R4, asm.RFP), asm.Add.Imm(asm.R4, -96)}},
		after: asm.Instructions{asm.Mov.Reg(asm.R1, asm.RFP), asm.Add.Imm(asm.R1, -96), asm.Mov.Imm(asm.R2, 0), asm.FnRingbufDiscardDynptr.Call()}},
	"for_each_map_elem":   {arg: map[int]asm.Instructions{1: callback(asm.R2), 2: {asm.Mov.Imm(asm.R3, 0)}}},
	"user_ringbuf_drain":  {arg: map[int]asm.Instructions{1: callback(asm.R2), 2: {asm.Mov.Imm(asm.R3, 0)}}},
	"sk_storage_get":      {flavour: "sched_cls", before: skSkb(), arg: map[int]asm.Instructions{1: reg(asm.R2, asm.R7), 2: {asm.Mov.Imm(asm.R3, 0)}}},
	"sk_storage_delete":   {flavour: "sched_cls", before: skSkb(), arg: map[int]asm.Instructions{1: reg(asm.R2, asm.R7)}},
	"task_storage_get":    {flavour: "tp_btf", before: currentTask(), arg: map[int]asm.Instructions{1: reg(asm.R2, asm.R7), 2: {asm.Mov.Imm(asm.R3, 0)}}},
	"task_storage_delete": {flavour: "tp_btf", before: currentTask(), arg: map[int]asm.Instructions{1: reg(asm.R2, asm.R7)}},
	"cgrp_storage_get": {flavour: "tp_btf", before: append(currentTask(), asm.Mov.Imm(asm.R7, 0)),
		arg: map[int]asm.Instructions{1: reg(asm.R2, asm.R7), 2: {asm.Mov.Imm(asm.R3, 0)}}},
	"cgrp_storage_delete": {flavour: "tp_btf", arg: map[int]asm.Instructions{1: {asm.Mov.Imm(asm.R2, 0)}}},
	"skb_output":          {flavour: "tp_btf skb", before: asm.Instructions{asm.LoadMem(asm.R7, asm.R6, 0, asm.DWord)}, arg: map[int]asm.Instructions{0: reg(asm.R1, asm.R7)}},
}

// notCalled are helpers that no program here can call rightly: on an xdp_buff, from LSM programs only, and
// on a timer, which lies in the map itself.
var notCalled = []string{"xdp_output", "inode_storage_get", "inode_storage_delete", "timer_init"}

// sockUpdate puts a socket into a map of sockets. Every program type gets one by looking it up there.
func sockUpdate(m *ebpf.Map) mapCaller {
	return mapCaller{
		before: asm.Instructions{
			asm.LoadMapPtr(asm.R1, m.FD()), asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, stackBuf), asm.FnMapLookupElem.Call(),
			asm.JEq.Imm(asm.R0, 0, "out"), asm.Mov.Reg(asm.R7, asm.R0),
		},
		arg: map[int]asm.Instructions{2: reg(asm.R3, asm.R7)},
	}
}

// beside is whether a call is refused for something beside the map's type: the socket that was looked up is not
// given back.
func beside(log string) bool { return strings.Contains(log, "reference leak") }

// skbTracepoint is a tracepoint whose first argument is an sk_buff.
var skbTracepoint = flavour{name: "tp_btf skb", typ: ebpf.Tracing, attach: ebpf.AttachTraceRawTp, to: "consume_skb"}

func flavourNamed(name string) *flavour {
	if name == skbTracepoint.name {
		return &skbTracepoint
	}
	for i := range flavours {
		if flavours[i].name == name {
			return &flavours[i]
		}
	}
	return nil
}

// mayCall finds program types that may call a helper.
func mayCall(id int32) (list []*flavour) {
	for i := range flavours {
		f := &flavours[i]
		if !f.sleepable && proto.AllowedAttach(uint32(f.typ), uint32(f.attach), f.sleepable, id) {
			list = append(list, f)
		}
	}
	return list
}

// targets are the kernel's types that flavours attach to, by their number. The type information is big: it is read once.
var targets = sync.OnceValue(func() map[string]uint32 {
	ids := map[string]uint32{}
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		return ids
	}
	for _, f := range append([]flavour{skbTracepoint}, kfuncFlavours...) {
		var typ btf.Type
		switch f.attach {
		case ebpf.AttachTraceRawTp:
			var t *btf.Typedef
			if err := spec.TypeByName("btf_trace_"+f.to, &t); err != nil {
				continue
			}
			typ = t
		case ebpf.AttachTraceIter:
			var t *btf.Func
			if err := spec.TypeByName("bpf_iter_"+f.to, &t); err != nil {
				continue
			}
			typ = t
		default:
			continue
		}
		if id, err := spec.TypeID(typ); err == nil {
			ids[f.name] = uint32(id)
		}
	}
	return ids
})

// loadSpec loads a program and returns the verifier's log, "" when it is accepted.
func loadSpec(f *flavour, is asm.Instructions) (string, error) {
	spec := &ebpf.ProgramSpec{Type: f.typ, AttachType: f.attach, AttachTo: f.to, License: "GPL", Instructions: is}
	if f.sleepable {
		spec.Flags = sleepableFlag
	}
	if id := targets()[f.name]; id != 0 {
		return loadRaw(spec, id)
	}
	prog, err := ebpf.NewProgram(spec)
	if err == nil {
		prog.Close()
		return "", nil
	}
	var ve *ebpf.VerifierError
	if !errors.As(err, &ve) || len(ve.Log) == 0 {
		return "", fmt.Errorf("%s: %w", f.name, err)
	}
	return strings.Join(ve.Log, "\n"), nil
}

// loadRaw is loadSpec without type information of the program, for what attaches to the kernel's type with the number given.
func loadRaw(spec *ebpf.ProgramSpec, id uint32) (string, error) {
	var b bytes.Buffer
	if err := spec.Instructions.Marshal(&b, binary.LittleEndian); err != nil {
		return "", err
	}
	p, v, err := kernel.Load(&kernel.Prog{Type: uint32(spec.Type), AttachType: uint32(spec.AttachType), Flags: spec.Flags, Insns: b.Bytes(), AttachBTFID: id, LogLevel: 1})
	if err != nil {
		return "", err
	}
	if p != nil {
		return "", p.Close()
	}
	if v.Log == "" {
		return "", errors.New(v.ErrnoName)
	}
	return v.Log, nil
}

func staticFunc(name string, params ...string) *btf.Func {
	p := &btf.FuncProto{Return: anInt}
	for _, n := range params {
		p.Params = append(p.Params, btf.FuncParam{Name: n, Type: anInt})
	}
	return &btf.Func{Name: name, Type: p, Linkage: btf.StaticFunc}
}

// call is a program of flavour f that calls h on m.
func (c mapCaller) call(h *proto.Proto, m *ebpf.Map) asm.Instructions {
	p := prober{}
	is := asm.Instructions{btf.WithFuncMetadata(asm.Mov.Reg(asm.R6, asm.R1).WithSymbol("main"), staticFunc("main", "ctx")), asm.Mov.Imm(asm.R0, 0)}
	for off := stackBuf; off < 0; off += 8 {
		is = append(is, asm.StoreMem(asm.RFP, int16(off), asm.R0, asm.DWord))
	}
	is = append(is, c.before...)
	for i, a := range h.Args[:h.NumArgs()] {
		r := asm.R1 + asm.Register(i)
		switch {
		case a.Kind == proto.ConstMapPtr:
			is = append(is, asm.LoadMapPtr(r, m.FD()))
		case c.arg[i] != nil:
			is = append(is, c.arg[i]...)
		default:
			is = append(is, p.arg(r, a)...)
		}
	}
	is = append(is, asm.BuiltinFunc(h.ID).Call())
	is = append(is, c.after...)
	is = append(is, asm.Mov.Imm(asm.R0, 0).WithSymbol("out"), asm.Return())
	for _, a := range h.Args {
		if a.Kind == proto.PtrToFunc {
			is = append(is, btf.WithFuncMetadata(asm.Mov.Imm(asm.R0, 0).WithSymbol("cb"), staticFunc("cb", "a", "b", "c", "d")), asm.Return())
		}
	}
	return is
}

// TestMapAllowedKernel compares which map types the table lets each helper take with what the
// live kernel says of a program that does it.
func TestMapAllowedKernel(t *testing.T) {
	if err := kernel.Available(); err != nil {
		t.Skip(err)
	}
	all := everyMap(t)
	record := &mapVerdicts{Allowed: map[string]string{}}
	compared, sock, left := 0, 0, []string{}
	for id := int32(1); id <= proto.MaxID; id++ {
		h := proto.ByID(id)
		takes := false
		for _, a := range h.Args {
			takes = takes || a.Kind == proto.ConstMapPtr
		}
		if !takes {
			continue
		}
		c := mapCallers[h.Name]
		list := mayCall(id)
		if c.flavour != "" {
			list = []*flavour{flavourNamed(c.flavour)}
		}
		if len(list) == 0 || slices.Contains(notCalled, h.Name) {
			left = append(left, h.Name)
			continue
		}
		for typ, m := range all {
			c := c
			isSock := typ == uint32(ebpf.SockMap) || typ == uint32(ebpf.SockHash)
			if isSock && h.Name == "map_update_elem" {
				c = sockUpdate(m)
			}
			for n, f := range list {
				if n > 0 && (!isSock || id > 3) {
					break // the program type counts only where maps of sockets change
				}
				log, err := loadSpec(f, c.call(proto.For(uint32(f.typ), id), fresh(t, typ, m)))
				if err != nil {
					continue // the kernel loads no such program here
				}
				theirs := log == "" || beside(log)
				compared++
				note(record.Allowed, allowedKey(id, uint32(f.typ), uint32(f.attach)), typ, theirs)
				if isSock {
					sock++
				}
				if ours := proto.MapAllowedFor(uint32(f.typ), uint32(f.attach), id, typ); ours != theirs {
					t.Errorf("%s on maps of type %d in %s: ours %v, the kernel's %v: %s", h.Name, typ, f.name, ours, theirs, last(log))
				}
			}
		}
	}
	t.Logf("%d calls compared with the live kernel, %d of them on maps of sockets; left out: %s", compared, sock, strings.Join(left, ", "))
	if *update {
		record.save(t)
	}
}

// TestLookupOnKernel compares what a lookup gives with the type that the live kernel's log names
// for it behind the test for NULL.
func TestLookupOnKernel(t *testing.T) {
	if err := kernel.Available(); err != nil {
		t.Skip(err)
	}
	compared := 0
	for typ, m := range everyMap(t) {
		if !proto.MapAllowedFor(uint32(ebpf.SchedCLS), 0, 1, typ) {
			continue
		}
		is := sockUpdate(fresh(t, typ, m)).before
		is = append(asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.StoreMem(asm.RFP, stackBuf, asm.R0, asm.DWord)}, is...)
		// A kernel's log names the type of a register that is multiplied by something.
		is = append(is, asm.Mul.Imm(asm.R0, 2), asm.Mov.Imm(asm.R0, 0).WithSymbol("out"), asm.Return())
		log, err := loadSpec(flavourNamed("sched_cls"), is)
		if err != nil {
			t.Fatal(err)
		}
		want := map[proto.LookupKind]string{proto.LookupMap: "R0=map_ptr", proto.LookupSocket: "R0=sock(", proto.LookupXDPSock: "R0=xdp_sock", proto.LookupValue: "R0=map_value("}[proto.LookupOn(typ)]
		compared++
		if !strings.Contains(log, want) || (proto.LookupOn(typ) == proto.LookupSocket) != strings.Contains(log, "ref_obj_id=") {
			t.Errorf("lookup in a map of type %d gives %q: the kernel's log:\n%s", typ, want, log)
		}
	}
	t.Logf("%d lookups compared with the live kernel", compared)
}

func TestOnMap(t *testing.T) {
	peek, update := proto.ByName("map_peek_elem"), proto.ByName("map_update_elem")
	for _, c := range []struct {
		p       *proto.Proto
		arg     int
		mapType ebpf.MapType
		kind    proto.ArgKind
		flags   proto.Flag
	}{
		{update, 2, ebpf.Hash, proto.PtrToMapValue, 0},
		{update, 2, ebpf.SockMap, proto.PtrToBTFIDSockCommon, 0},
		{update, 1, ebpf.SockHash, proto.PtrToMapKey, 0},
		{peek, 1, ebpf.Queue, proto.PtrToMapValue, proto.Uninit | proto.Write},
		{peek, 1, ebpf.BloomFilter, proto.PtrToMapValue, 0},
	} {
		if a := c.p.Args[c.arg].OnMap(c.p.ID, uint32(c.mapType)); a.Kind != c.kind || a.Flags != c.flags {
			t.Errorf("argument %d of %s on %v is %v %v", c.arg+1, c.p.Name, c.mapType, a.Kind, a.Flags)
		}
	}
}
