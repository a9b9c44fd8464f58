package loader

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cilium/ebpf"

	"github.com/gbpf/gbpf/helpers"
	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/isa"
	gmaps "github.com/gbpf/gbpf/maps"
)

// Description is what an object holds, for people and tools to look at.
type Description struct {
	Programs  []ProgramInfo  `json:"programs"`
	Maps      []MapInfo      `json:"maps"`
	Variables []VariableInfo `json:"variables,omitempty"`
}

// ProgramInfo describes a program.
type ProgramInfo struct {
	Name    string   `json:"name"`
	Section string   `json:"section"`
	Type    string   `json:"type"` // as gbpf names it, "unknown" if it cannot tell
	License string   `json:"license,omitempty"`
	Insns   int      `json:"insns"` // 8-byte slots, its functions included
	Funcs   []string `json:"funcs,omitempty"`
	Maps    []string `json:"maps,omitempty"`
	Helpers []string `json:"helpers,omitempty"`
	Kfuncs  []string `json:"kfuncs,omitempty"`
	// Unsupported are the reasons why gbpf cannot load the program, none if it can.
	Unsupported []string `json:"unsupported,omitempty"`
}

// MapInfo describes a map. Sizes are in bytes.
type MapInfo struct {
	Name        string `json:"name"`
	Type        string `json:"type"`
	KeySize     uint32 `json:"key_size"`
	ValueSize   uint32 `json:"value_size"`
	MaxEntries  uint32 `json:"max_entries"`
	Flags       uint32 `json:"flags,omitempty"`
	Pinned      bool   `json:"pinned,omitempty"` // the object asks for pinning, which gbpf ignores
	Unsupported string `json:"unsupported,omitempty"`
}

// VariableInfo describes a global variable.
type VariableInfo struct {
	Name     string `json:"name"`
	Section  string `json:"section"`
	Size     uint32 `json:"size"` // bytes
	ReadOnly bool   `json:"read_only,omitempty"`
}

// Describe lists the programs, maps and variables of an object, and what of them
// gbpf does not support, as a machine without helpers of the host's own would load it.
// All lists are sorted by name.
func Describe(spec *ebpf.CollectionSpec) *Description {
	d := &Description{}
	set := helpers.NewSet()
	s := surroundings{spec: spec, kfunc: func(name string, _ bool) bool { return set.ByKfunc(name) != nil }}
	unsupported := make(map[string]string)
	for _, name := range slices.Sorted(maps.Keys(spec.Maps)) {
		ms := spec.Maps[name]
		mi := MapInfo{
			Name: name, Type: mapTypeName(ms.Type), KeySize: ms.KeySize, ValueSize: ms.ValueSize,
			MaxEntries: ms.MaxEntries, Flags: ms.Flags, Pinned: ms.Pinning != ebpf.PinNone,
		}
		if !gmaps.Type(ms.Type).Supported() {
			mi.Unsupported = "map type " + mi.Type + " is not supported"
			unsupported[name] = mi.Unsupported
		}
		d.Maps = append(d.Maps, mi)
	}
	for _, name := range slices.Sorted(maps.Keys(spec.Programs)) {
		d.Programs = append(d.Programs, describeProgram(name, s, set, unsupported))
	}
	for _, name := range slices.Sorted(maps.Keys(spec.Variables)) {
		v := spec.Variables[name]
		d.Variables = append(d.Variables, VariableInfo{Name: name, Section: v.SectionName, Size: v.Size(), ReadOnly: v.Constant()})
	}
	return d
}

func mapTypeName(t ebpf.MapType) string {
	if uint32(t)>>28 != 0 {
		return t.String()
	}
	// Numbers without a name come as "map type 77".
	return strings.TrimPrefix(gmaps.Type(t).String(), "map type ")
}

func describeProgram(name string, s surroundings, set *helpers.Set, badMaps map[string]string) ProgramInfo {
	p := s.spec.Programs[name]
	pi := ProgramInfo{Name: name, Section: p.SectionName, Type: "unknown", License: p.License}
	for i := range p.Instructions {
		pi.Insns += int(p.Instructions[i].Width())
	}
	refuse := func(why string) {
		if !slices.Contains(pi.Unsupported, why) {
			pi.Unsupported = append(pi.Unsupported, oneLine(why))
		}
	}
	reason := func(err error) {
		var e *Error
		if errors.As(err, &e) {
			refuse(e.detail())
			return
		}
		refuse(err.Error())
	}
	k, err := programKind(name, p)
	if err == nil {
		err = k.runnable(name, p)
	}
	if err != nil {
		reason(err)
	}
	if k.typ != nil {
		pi.Type = k.typ.Name
	}
	// Kfuncs are listed whether known or not.
	all := s
	all.kfunc = anyKfunc
	c, err := func() (c *code, err error) {
		defer func() {
			if p := recover(); p != nil {
				c, err = nil, loadError("malformed program: %v", p)
			}
		}()
		return all.convert(p, k.typ)
	}()
	if err != nil {
		reason(err)
		return pi
	}
	pi.Maps = slices.Sorted(slices.Values(c.maps))
	for _, f := range c.funcs {
		pi.Funcs = append(pi.Funcs, f.Name)
	}
	for _, m := range pi.Maps {
		if why := badMaps[m]; why != "" {
			refuse("map " + m + ": " + why)
		}
	}
	for pc, in := range c.insns {
		if in.Op != isa.OpCallHelper || c.poison[pc] != "" {
			continue
		}
		id := int32(in.Imm)
		hn := helperName(id)
		if !slices.Contains(pi.Helpers, hn) {
			pi.Helpers = append(pi.Helpers, hn)
		}
		if set.ByID(id) == nil {
			refuse("helper " + hn + " is not supported")
		}
	}
	slices.Sort(pi.Helpers)
	pi.Kfuncs = slices.Sorted(slices.Values(c.kfuncs))
	for _, k := range pi.Kfuncs {
		if !s.kfunc(k, false) {
			refuse("kfunc " + k + " is not supported")
		}
	}
	return pi
}

// anyKfunc takes every kfunc for known.
func anyKfunc(string, bool) bool { return true }

func helperName(id int32) string {
	if n := proto.Name(id); n != "" {
		return n
	}
	return fmt.Sprintf("unknown#%d", id)
}
