package helpers_test

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"

	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
)

// The callbacks of this test count their calls in the first word of their context, add their
// index or key to the second, and stop once they were called as often as the third says.

func intType() *btf.Int { return &btf.Int{Name: "long", Size: 8, Encoding: btf.Signed} }

func funcType(name string, params ...string) *btf.Func {
	p := &btf.FuncProto{Return: intType()}
	for _, n := range params {
		p.Params = append(p.Params, btf.FuncParam{Name: n, Type: intType()})
	}
	return &btf.Func{Name: name, Type: p, Linkage: btf.StaticFunc}
}

// kernelCallback calls a helper whose R2 or R3 is a callback and returns R0 and the context.
func kernelCallback(t *testing.T, m *ebpf.Map, helper asm.BuiltinFunc, first, flags int64, stop uint64) (uint64, [3]uint64) {
	t.Helper()
	value, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 32, MaxEntries: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer value.Close()
	init := make([]byte, 32)
	binary.LittleEndian.PutUint64(init[24:], stop)
	if err := value.Put(uint32(0), init); err != nil {
		t.Fatal(err)
	}
	main := asm.Instructions{
		btf.WithFuncMetadata(asm.Mov.Imm(asm.R0, 0).WithSymbol("prog"), funcType("prog", "ctx")),
		asm.StoreImm(asm.RFP, -4, 0, asm.Word),
		asm.LoadMapPtr(asm.R1, value.FD()), asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, -4),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "out"),
		asm.Mov.Reg(asm.R7, asm.R0),
		// The context must lie on the stack; it points to where the counts are, so that the
		// verifier does not follow them.
		asm.StoreMem(asm.RFP, -16, asm.R7, asm.DWord),
	}
	if m != nil {
		main = append(main, asm.LoadMapPtr(asm.R1, m.FD()))
	} else {
		main = append(main, asm.LoadImm(asm.R1, first, asm.DWord))
	}
	main = append(main,
		asm.Instruction{OpCode: asm.LoadImmOp(asm.DWord), Dst: asm.R2, Src: asm.PseudoFunc, Constant: -1}.WithReference("cb"),
		asm.Mov.Reg(asm.R3, asm.RFP), asm.Add.Imm(asm.R3, -16), asm.LoadImm(asm.R4, flags, asm.DWord),
		helper.Call(),
		asm.StoreMem(asm.R7, 0, asm.R0, asm.DWord),
	)
	main = append(main, asm.Mov.Imm(asm.R0, 0).WithSymbol("out"), asm.Return())
	var cb asm.Instructions
	if m == nil {
		cb = asm.Instructions{btf.WithFuncMetadata(asm.Mov.Reg(asm.R4, asm.R2).WithSymbol("cb"), funcType("cb", "i", "ctx"))}
	} else {
		cb = asm.Instructions{
			btf.WithFuncMetadata(asm.LoadMem(asm.R1, asm.R2, 0, asm.Word).WithSymbol("cb"), funcType("cb", "map", "key", "value", "ctx")),
		}
	}
	cb = append(cb,
		asm.LoadMem(asm.R4, asm.R4, 0, asm.DWord), asm.Add.Imm(asm.R4, 8),
		asm.LoadMem(asm.R2, asm.R4, 8, asm.DWord), asm.Add.Reg(asm.R2, asm.R1), asm.StoreMem(asm.R4, 8, asm.R2, asm.DWord),
		asm.LoadMem(asm.R2, asm.R4, 0, asm.DWord), asm.Add.Imm(asm.R2, 1), asm.StoreMem(asm.R4, 0, asm.R2, asm.DWord),
		asm.LoadMem(asm.R3, asm.R4, 16, asm.DWord),
		asm.Mov.Imm(asm.R0, 0), asm.JNE.Reg(asm.R2, asm.R3, "go on"), asm.Mov.Imm(asm.R0, 1), asm.Return().WithSymbol("go on"),
	)
	prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{Name: "prog", Type: ebpf.XDP, License: "GPL", Instructions: append(main, cb...)})
	if err != nil {
		t.Fatalf("%+v", err)
	}
	defer prog.Close()
	if _, err := prog.Run(&ebpf.RunOptions{Data: tcp4(0), Repeat: 1}); err != nil {
		t.Fatal(err)
	}
	out := make([]byte, 32)
	if err := value.Lookup(uint32(0), &out); err != nil {
		t.Fatal(err)
	}
	le := binary.LittleEndian
	return le.Uint64(out), [3]uint64{le.Uint64(out[8:]), le.Uint64(out[16:]), le.Uint64(out[24:])}
}

// TestCallbacksKernel compares bpf_loop and bpf_for_each_map_elem with the live kernel's.
func TestCallbacksKernel(t *testing.T) {
	if err := kernelAvailable(); err != nil {
		t.Skip(err)
	}
	compared := 0
	compare := func(name string, spec *maps.Spec, entries int, first, flags int64, stop uint64) {
		t.Helper()
		m := newMachine(t, progtype.XDP)
		defer m.close()
		var state [3]uint64
		state[2] = stop
		m.callback = func(_ uint64, args [5]uint64) (uint64, bool) {
			x := args[0]
			if spec != nil {
				b, ok := m.mem.Slice(args[1], 4)
				if !ok {
					t.Fatal("key outside guest memory")
				}
				x = uint64(binary.LittleEndian.Uint32(b))
			}
			state[0]++
			state[1] += x
			if state[0] == state[2] {
				return 1, true
			}
			return 0, true
		}
		var km *ebpf.Map
		helper, r1, gname := asm.FnLoop, uint64(first), "loop"
		if spec != nil {
			var err error
			if km, err = ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.MapType(spec.Type), KeySize: spec.KeySize, ValueSize: spec.ValueSize, MaxEntries: spec.MaxEntries}); err != nil {
				t.Fatal(err)
			}
			defer km.Close()
			gm := m.newMap(spec)
			for i := range entries {
				var kv, gv any = uint64(i), uint64(i)
				if spec.Type.PerCPU() {
					kv, gv = make([]uint64, ebpf.MustPossibleCPU()), []uint64{0}
				}
				if err := km.Put(uint32(i*7), kv); err != nil {
					t.Fatal(err)
				}
				if err := gm.Put(uint32(i*7), gv); err != nil {
					t.Fatal(err)
				}
			}
			helper, r1, gname = asm.FnForEachMapElem, gm.Handle(), "for_each_map_elem"
		}
		wantR0, want := kernelCallback(t, km, helper, first, flags, stop)
		r0 := m.helper(gname, r1, 1, 0, uint64(flags))
		if r0 != wantR0 || state != want && stop == 0 || state[0] != want[0] {
			t.Errorf("%s: r0 = %d, calls and sum %v; the kernel's %d, %v", name, int64(r0), state, int64(wantR0), want)
		}
		compared++
	}
	for _, n := range []int64{0, 1, 5, 1000, 1 << 23, 1<<23 + 1, 1 << 32, 1<<32 + 3, -1} {
		for _, stop := range []uint64{0, 1, 3} {
			compare(fmt.Sprintf("loop %d stop %d", n, stop), nil, 0, n, 0, stop)
		}
	}
	compare("loop flags", nil, 0, 5, 1, 0)
	for _, typ := range []maps.Type{maps.Array, maps.PerCPUArray, maps.Hash, maps.PerCPUHash, maps.LRUHash, maps.LRUPerCPUHash} {
		for _, entries := range []int{0, 1, 5} {
			if entries > 1 && (typ == maps.Array || typ == maps.PerCPUArray) {
				entries = 1
			}
			for _, stop := range []uint64{0, 1, 3} {
				compare(fmt.Sprintf("%s of %d stop %d", typ, entries, stop), &maps.Spec{Name: "m", Type: typ, KeySize: 4, ValueSize: 8, MaxEntries: 6}, entries, 0, 0, stop)
			}
		}
		compare(fmt.Sprintf("%s flags", typ), &maps.Spec{Name: "m", Type: typ, KeySize: 4, ValueSize: 8, MaxEntries: 6}, 1, 0, 1, 0)
	}
	t.Logf("%d calls compared with the live kernel", compared)
}
