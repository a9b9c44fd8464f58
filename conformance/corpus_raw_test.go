package conformance

import (
	"fmt"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/gbpf/gbpf/internal/kernel"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

// A rawProgram is a program as gbpf's loader describes it to the verifier, ready to be given to
// the kernel again and again: the very bytes that gbpf verifies.
type rawProgram struct {
	kernel.Prog
	maps []*ebpf.Map
	btf  *kernel.BTF
}

func (r *rawProgram) Close() {
	for _, m := range r.maps {
		m.Close()
	}
	if r.btf != nil {
		r.btf.Close()
	}
}

// newRawProgram makes the maps and type information that a program of an object needs.
func newRawProgram(object *ebpf.CollectionSpec, name string, s *verifier.Spec) (r *rawProgram, err error) {
	r = &rawProgram{}
	defer func() {
		if err != nil {
			r.Close()
			r = nil
		}
	}()
	insns, err := isa.Encode(s.Insns)
	if err != nil {
		return r, err
	}
	r.Prog = kernel.Prog{
		Name: progName(name), Type: s.Type.Kernel, AttachType: s.Attach, Insns: insns,
		Maps: map[int]*kernel.Map{}, Kfuncs: map[int]string{},
	}
	if !s.GPL {
		r.License = "proprietary"
	}
	if s.Sleepable {
		r.Flags |= flagSleepable
	}
	if s.StrictAlignment {
		r.Flags |= flagStrictAlignment
	}
	if r.AttachBTFID, err = attachID(object.Programs[name]); err != nil {
		return r, err
	}
	maps, err := r.newMaps(object, name, s)
	if err != nil {
		return r, err
	}
	for pc, in := range s.Insns {
		switch in.Op {
		case isa.OpLddwMapFD, isa.OpLddwMapValue:
			r.Maps[pc] = maps[in.ImmLow()]
		case isa.OpCallKfunc:
			r.Kfuncs[pc] = s.Kfuncs[in.Imm]
		}
	}
	return r, r.addTypes(object.Programs[name])
}

// newMaps makes the maps of a program in the order in which the verifier's description has them.
func (r *rawProgram) newMaps(object *ebpf.CollectionSpec, name string, s *verifier.Spec) ([]*kernel.Map, error) {
	one, err := kernel.Single(object, name)
	if err != nil {
		return nil, err
	}
	var out []*kernel.Map
	for _, vm := range s.Maps {
		ms, freeze := one.Maps[vm.Name], false
		if ms == nil { // .kconfig, which cilium/ebpf keeps elsewhere; others it freezes itself
			freeze = vm.Contents != nil
			ms = &ebpf.MapSpec{Type: ebpf.MapType(vm.Type), KeySize: vm.KeySize, ValueSize: vm.ValueSize, MaxEntries: vm.MaxEntries, Flags: vm.Flags}
			if vm.Contents != nil {
				ms.Contents = []ebpf.MapKV{{Key: uint32(0), Value: vm.Contents}}
			}
		}
		m, err := ebpf.NewMap(ms)
		if err != nil {
			return nil, fmt.Errorf("map %s: %w", vm.Name, err)
		}
		r.maps = append(r.maps, m)
		if freeze {
			if err := m.Freeze(); err != nil {
				return nil, fmt.Errorf("map %s: %w", vm.Name, err)
			}
		}
		out = append(out, kernel.BorrowMap(m.FD()))
	}
	return out, nil
}

// addTypes adds the types of the program's functions, by which the kernel verifies global ones and
// without which it takes no callbacks.
func (r *rawProgram) addTypes(p *ebpf.ProgramSpec) error {
	b, err := btf.NewBuilder(nil, nil)
	if err != nil {
		return err
	}
	funcs, lines, err := btf.MarshalExtInfos(p.Instructions, b)
	if err != nil || len(funcs) == 0 {
		return err
	}
	raw, err := b.Marshal(nil, btf.KernelMarshalOptions())
	if err != nil {
		return err
	}
	if r.btf, err = kernel.LoadRawBTF(raw); err != nil {
		return err
	}
	r.BTF, r.FuncInfo, r.LineInfo = r.btf, funcs, lines
	return nil
}

// attachID is the BTF ID of what a program attaches to in the kernel, 0 for nothing.
func attachID(p *ebpf.ProgramSpec) (uint32, error) {
	if p.AttachTo == "" {
		return 0, nil
	}
	switch p.Type {
	case ebpf.Tracing:
		switch uint32(p.AttachType) {
		case progtype.AttachTraceRawTP:
			return kernel.TypedefID("btf_trace_" + p.AttachTo)
		case progtype.AttachTraceIter:
			return kernel.FuncID("bpf_iter_" + p.AttachTo)
		}
		return kernel.FuncID(p.AttachTo)
	case ebpf.LSM:
		return kernel.FuncID("bpf_lsm_" + p.AttachTo)
	}
	return 0, nil
}

// progName makes a name that the kernel takes.
func progName(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			b[i] = '_'
		}
	}
	return string(b[:min(15, len(b))])
}

// liveVersion is the running kernel's version as LINUX_KERNEL_VERSION has it.
func liveVersion() uint32 {
	var major, minor, patch uint32
	if n, _ := fmt.Sscanf(kernel.Release(), "%d.%d.%d", &major, &minor, &patch); n < 2 {
		return 0
	}
	return major<<16 | minor<<8 | min(patch, 255)
}

// sortedKeys are a map's keys in order.
func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
