package loader

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
)

// Tristate is the value of a kernel configuration option.
type Tristate byte

// The values that an option can have, as the kernel's .config spells them.
const (
	No     Tristate = 'n'
	Yes    Tristate = 'y'
	Module Tristate = 'm'
)

// KernelVersion is the value of LINUX_KERNEL_VERSION for a version, such as
// KernelVersion(6, 18, 0).
func KernelVersion(major, minor, patch uint32) uint32 {
	return major<<16 | minor<<8 | min(patch, 255)
}

// DefaultKconfig returns the values that .kconfig variables have when
// [Options.Kconfig] does not name them: those of a common Linux 6.18 on a 64-bit machine.
func DefaultKconfig() map[string]any {
	return map[string]any{
		"LINUX_KERNEL_VERSION":      KernelVersion(6, 18, 0),
		"LINUX_HAS_SYSCALL_WRAPPER": true,
		"LINUX_HAS_BPF_COOKIE":      true,
		"CONFIG_64BIT":              Yes,
		"CONFIG_BPF":                Yes,
		"CONFIG_BPF_EVENTS":         Yes,
		"CONFIG_BPF_JIT":            Yes,
		"CONFIG_BPF_LSM":            Yes,
		"CONFIG_BPF_SYSCALL":        Yes,
		"CONFIG_CGROUPS":            Yes,
		"CONFIG_CGROUP_BPF":         Yes,
		"CONFIG_DEBUG_INFO_BTF":     Yes,
		"CONFIG_DEFAULT_HOSTNAME":   "(none)",
		"CONFIG_HZ":                 250,
		"CONFIG_INET":               Yes,
		"CONFIG_IPV6":               Yes,
		"CONFIG_KPROBES":            Yes,
		"CONFIG_NET":                Yes,
		"CONFIG_SMP":                Yes,
		"CONFIG_XDP_SOCKETS":        Yes,
	}
}

// kconfigSpec makes the map of .kconfig variables, nil when the object has none.
func kconfigSpec(spec *ebpf.CollectionSpec, weak map[string]bool, given map[string]any) (*ebpf.MapSpec, error) {
	var ds *btf.Datasec
	if spec.Types == nil || spec.Types.TypeByName(kconfigMap, &ds) != nil {
		return nil, nil
	}
	size := uint64(ds.Size)
	for _, v := range ds.Vars {
		size = max(size, uint64(v.Offset)+uint64(v.Size))
	}
	if size == 0 || size > 1<<20 {
		return nil, mapError(kconfigMap, "%d bytes of variables", size)
	}
	data := make([]byte, size)
	defaults := DefaultKconfig()
	for _, vsi := range ds.Vars {
		v, ok := vsi.Type.(*btf.Var)
		if !ok {
			continue
		}
		value, ok := given[v.Name]
		if !ok {
			value, ok = defaults[v.Name]
		}
		if !ok && weak[v.Name] {
			continue // zero, as libbpf leaves it
		}
		if !ok {
			return nil, mapError(kconfigMap, "variable %s has no value: set Options.Kconfig[%q]", v.Name, v.Name)
		}
		if err := putKconfig(data[vsi.Offset:uint64(vsi.Offset)+uint64(vsi.Size)], v.Type, value); err != nil {
			return nil, mapError(kconfigMap, "variable %s: %w", v.Name, err)
		}
	}
	return &ebpf.MapSpec{
		Name: kconfigMap, Type: ebpf.Array, KeySize: 4, ValueSize: uint32(size), MaxEntries: 1,
		Flags: rdonlyProg, Key: &btf.Int{Size: 4}, Value: ds,
		Contents: []ebpf.MapKV{{Key: uint32(0), Value: data}},
	}, nil
}

// putKconfig stores a value in a variable of type t: a bool, char, enum
// libbpf_tristate, integer of any width or array of char, under whatever typedefs.
func putKconfig(dst []byte, t btf.Type, value any) error {
	under := btf.UnderlyingType(t)
	switch under := under.(type) {
	case *btf.Int:
		if len(dst) < int(under.Size) {
			return fmt.Errorf("type %s does not fit %d bytes", cName(t), len(dst))
		}
		return putInt(dst[:under.Size], under, value)
	case *btf.Enum:
		if len(dst) < int(under.Size) {
			return fmt.Errorf("type %s does not fit %d bytes", cName(t), len(dst))
		}
		dst = dst[:under.Size]
		if under.Name != "libbpf_tristate" {
			return putInt(dst, &btf.Int{Size: under.Size, Encoding: btf.Signed}, value)
		}
		tri, ok := tristate(value)
		if !ok {
			return fmt.Errorf("%v is not y, n or m", value)
		}
		return putInt(dst, &btf.Int{Size: under.Size}, slices.Index([]Tristate{No, Yes, Module}, tri))
	case *btf.Array:
		s, ok := value.(string)
		if !ok {
			return fmt.Errorf("%T is given, the variable is a string", value)
		}
		elem, ok := btf.UnderlyingType(under.Type).(*btf.Int)
		if !ok || elem.Size != 1 || elem.Encoding == btf.Bool {
			return fmt.Errorf("array of %s: only arrays of char are possible", cName(under.Type))
		}
		if len(dst) == 0 {
			return nil
		}
		// Like libbpf, cut to the array and keep the final zero.
		copy(dst[:len(dst)-1], s)
		return nil
	}
	return fmt.Errorf("type %s: only integers, bool, char, enum libbpf_tristate and strings are possible", cName(t))
}

// cName is the name of a type in C, where it has one.
func cName(t btf.Type) string {
	if n := t.TypeName(); n != "" {
		return n
	}
	return fmt.Sprintf("%v", t)
}

// tristate understands what people use for y, n and m.
func tristate(value any) (Tristate, bool) {
	switch v := value.(type) {
	case Tristate:
		return v, v == Yes || v == No || v == Module
	case bool:
		if v {
			return Yes, true
		}
		return No, true
	case string:
		if len(v) == 1 {
			return tristate(Tristate(v[0]))
		}
	case rune: // 'y'
		if v < 128 {
			return tristate(Tristate(v))
		}
	case byte:
		return tristate(Tristate(v))
	}
	return 0, false
}

func putInt(dst []byte, t *btf.Int, value any) error {
	tri, isTri := tristate(value)
	switch value.(type) {
	case Tristate, bool, string:
		if !isTri {
			return fmt.Errorf("%v is given, the variable is of type %s", value, cName(t))
		}
		switch {
		case t.Encoding == btf.Bool:
			if tri == Module {
				return fmt.Errorf("m is given, the variable is a bool")
			}
			dst[0] = 0
			if tri == Yes {
				dst[0] = 1
			}
			return nil
		case len(dst) == 1: // char
			dst[0] = byte(tri)
			return nil
		case tri == Yes || tri == No:
			// LINUX_HAS_* variables are integers that are 0 or 1.
			value = 0
			if tri == Yes {
				value = 1
			}
		default:
			return fmt.Errorf("m is given, the variable is a number")
		}
	}
	v := reflect.ValueOf(value)
	var n uint64
	negative := false
	switch {
	case v.CanInt():
		n, negative = uint64(v.Int()), v.Int() < 0
	case v.CanUint():
		n = v.Uint()
	default:
		return fmt.Errorf("%T is given, the variable is of type %s", value, cName(t))
	}
	bits := uint(len(dst)) * 8
	fits := false
	switch {
	case t.Encoding == btf.Bool:
		fits = n <= 1
	case negative:
		fits = t.Encoding == btf.Signed && (bits >= 64 || int64(n) >= -(1<<(bits-1)))
	case bits >= 64:
		fits = t.Encoding != btf.Signed || n <= math.MaxInt64
	case t.Encoding == btf.Signed:
		fits = n < 1<<(bits-1)
	default:
		fits = n < 1<<bits
	}
	if !fits {
		return fmt.Errorf("%v does not fit the variable's type %s", value, cName(t))
	}
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], n)
	copy(dst, b[:])
	return nil
}
