package conformance

import (
	"encoding/binary"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/gbpf/gbpf/internal/kernel"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/loader"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

// objectInKernel is an object whose maps and programs share one set of types in the kernel, as lists and trees of
// objects need it.
type objectInKernel struct {
	spec *ebpf.CollectionSpec
	btf  *kernel.BTF
	maps map[string]*kernel.Map
}

// newObjectInKernel makes the maps. The types keep their numbers, which programs name structures by.
func newObjectInKernel(t *testing.T, spec *ebpf.CollectionSpec) *objectInKernel {
	t.Helper()
	o := &objectInKernel{spec: spec, maps: map[string]*kernel.Map{}}
	fail := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var b btf.Builder
	next := btf.TypeID(1)
	for typ, err := range spec.Types.All() {
		fail(err)
		if _, void := typ.(*btf.Void); void {
			continue
		}
		want, err := spec.Types.TypeID(typ)
		fail(err)
		// The kernel takes no functions of other places, and no section of what it has itself.
		switch v := typ.(type) {
		case *btf.Datasec:
			if v.Name == ".ksyms" {
				typ = &btf.Int{Name: "ksyms", Size: 4}
			}
		case *btf.Func:
			if v.Linkage == btf.ExternFunc {
				typ = &btf.Int{Name: v.Name, Size: 4}
			}
		}
		for ; next < want; next++ { // tags have numbers too, and come last when types are written
			_, err := b.Add(&btf.Int{Name: "gap", Size: 4})
			fail(err)
		}
		id, err := b.Add(typ)
		fail(err)
		if next++; id != want {
			t.Fatalf("type %v has the number %d, not %d", typ, id, want)
		}
	}
	raw, err := b.Marshal(nil, &btf.MarshalOptions{Order: binary.LittleEndian})
	fail(err)
	o.btf, err = kernel.LoadRawBTF(raw)
	fail(err)
	t.Cleanup(func() { o.btf.Close() })
	id := func(typ btf.Type) uint32 {
		if typ == nil {
			return 0
		}
		n, err := spec.Types.TypeID(typ)
		if err != nil {
			return 0
		}
		return uint32(n)
	}
	for name, m := range spec.Maps {
		km, err := kernel.NewMap(kernel.MapSpec{
			Name: "m", Type: uint32(m.Type), KeySize: m.KeySize, ValueSize: m.ValueSize, MaxEntries: m.MaxEntries,
			Flags: m.Flags &^ maps.Mmapable, BTF: o.btf, BTFKeyType: id(m.Key), BTFValueType: id(m.Value),
		})
		if err != nil {
			t.Fatalf("map %s: %v", name, err)
		}
		t.Cleanup(func() { km.Close() })
		o.maps[name] = km
	}
	return o
}

// judge gives a program to the kernel, as the loader describes it to the verifier.
func (o *objectInKernel) judge(t *testing.T, s *verifier.Spec) *kernel.Verdict {
	t.Helper()
	p := &kernel.Prog{Name: "object", Type: s.Type.Kernel, AttachType: s.Attach, BTF: o.btf, Maps: map[int]*kernel.Map{}, Kfuncs: map[int]string{}}
	if s.Sleepable {
		p.Flags = flagSleepable
	}
	var err error
	switch {
	case s.AttachBTF == nil:
	case s.Attach == progtype.AttachTraceIter:
		p.AttachBTFID, err = kernel.FuncID(s.AttachBTF.Name)
	default:
		p.AttachBTFID, err = kernel.TypedefID("btf_trace_" + s.AttachBTF.Name)
	}
	if err != nil {
		t.Fatal(err)
	}
	for pc, in := range s.Insns {
		switch in.Op {
		case isa.OpLddwMapFD, isa.OpLddwMapValue:
			p.Maps[pc] = o.maps[s.Maps[in.ImmLow()].Name]
		case isa.OpCallKfunc:
			p.Kfuncs[pc] = s.Kfuncs[in.Imm]
		}
		p.Insns = in.AppendTo(p.Insns)
	}
	for _, f := range s.Funcs {
		var fn *btf.Func
		if err := o.spec.Types.TypeByName(f.Name, &fn); err != nil {
			t.Fatalf("function %s: %v", f.Name, err)
		}
		id, err := o.spec.Types.TypeID(fn)
		if err != nil {
			t.Fatal(err)
		}
		p.FuncInfo = binary.LittleEndian.AppendUint32(p.FuncInfo, uint32(f.Insn))
		p.FuncInfo = binary.LittleEndian.AppendUint32(p.FuncInfo, uint32(id))
	}
	prog, v, err := kernel.Load(p)
	if err != nil {
		t.Fatalf("%s: %v", s.Name, err)
	}
	if prog != nil {
		prog.Close()
	}
	return v
}

// TestObjectVerdicts verifies programs that make objects, lists and trees, keep pointers in maps, and leave work for
// later. Their names say what the verdict must be; the live kernel's is the same. They are verified with the
// kernel's types where there are any, and without.
func TestObjectVerdicts(t *testing.T) {
	paths, err := filepath.Glob("../testdata/objects/*.o")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no objects: %v", err)
	}
	types, err := btf.LoadKernelSpec()
	if err != nil {
		t.Logf("no types of a kernel: %v", err)
	}
	programs, asked := 0, 0
	for _, path := range paths {
		spec, err := loader.LoadSpecFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var live *objectInKernel
		if kernel.Available() == nil {
			live = newObjectInKernel(t, spec)
		}
		for name := range spec.Programs {
			want := strings.HasPrefix(name, "ok_")
			programs++
			for _, kernelTypes := range []*btf.Spec{nil, types} {
				if kernelTypes == nil && strings.Contains(name, "_kernel_") {
					continue // it is about the kernel's types
				}
				specs, err := loader.VerifierSpecs(spec, &loader.Options{Programs: []string{name}, KernelBTF: kernelTypes})
				if err != nil {
					t.Errorf("%s: %v", name, err)
					continue
				}
				s := specs[name]
				if live != nil && kernelTypes != nil {
					asked++
					if v := live.judge(t, s); v.Accepted != want {
						t.Errorf("%s: the kernel's verdict is %v: %s", name, v.Accepted, v.LastLine)
					}
				}
				if _, err := verifier.Verify(s, verifier.Options{}); (err == nil) != want {
					t.Errorf("%s: accepted is %v, with the kernel's types %v: %v\n%s", name, err == nil, kernelTypes != nil, err, listing(s))
				}
			}
		}
	}
	t.Logf("%d programs, %d of them asked of the live kernel", programs, asked)
}
