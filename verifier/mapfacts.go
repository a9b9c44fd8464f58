package verifier

import (
	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
)

// Map types, as the kernel numbers them, that the rules name beside those of package maps.
const (
	mapSockMap         maps.Type = 15
	mapSockHash        maps.Type = 18
	mapCgroupStorage   maps.Type = 19
	mapPerCPUCgStorage maps.Type = 21
	mapUserRingBuf     maps.Type = 31
	mapArena           maps.Type = 33
)

// Program types, as the kernel numbers them, that the rules name.
const (
	typeKprobe        = 2
	typeSchedCLS      = 3
	typeSchedACT      = 4
	typeTracepoint    = 5
	typeXDP           = 6
	typePerfEvent     = 7
	typeRawTP         = 17
	typeFlowDissector = 22
	typeTracing       = 26
	typeStructOps     = 27
	typeExt           = 28
	typeLSM           = 29
	typeSyscall       = 31
)

// field returns the special field of a kind, nil if the map's values have none.
func field(m *Map, k maps.FieldKind) *maps.Field {
	for i := range m.Fields {
		if m.Fields[i].Kind == k {
			return &m.Fields[i]
		}
	}
	return nil
}

func hasLock(m *Map) bool {
	return field(m, maps.FieldSpinLock) != nil || field(m, maps.FieldResSpinLock) != nil
}

func isKptr(k maps.FieldKind) bool {
	switch k {
	case maps.FieldKptr, maps.FieldKptrUntrusted, maps.FieldKptrPercpu, maps.FieldUptr:
		return true
	}
	return false
}

// mapReferences checks the maps that the program names, whether a path leads there or not: as in the kernel,
// which resolves references before it walks.
func (w *walker) mapReferences() *Error {
	start := w.pc
	for w.pc = range w.p.insns {
		if err := w.mapReference(&w.p.insns[w.pc]); err != nil {
			return err
		}
	}
	w.pc = start
	return nil
}

func (w *walker) mapReference(in *isa.Insn) *Error {
	switch in.Op {
	case isa.OpLddwMapFD, isa.OpLddwMapIdx, isa.OpLddwMapValue, isa.OpLddwMapIdxValue:
	default:
		return nil
	}
	i := uint32(in.ImmLow())
	if i >= uint32(len(w.spec.Maps)) || w.spec.Maps[i] == nil {
		return w.fail(CodeStructure, "map reference %d: the program has %d maps", i, len(w.spec.Maps))
	}
	m := w.spec.Maps[i]
	if err := w.mapUsable(m); err != nil {
		return err
	}
	if in.Op == isa.OpLddwMapFD || in.Op == isa.OpLddwMapIdx || m.Type == mapArena {
		return nil
	}
	if m.Type != maps.Array || m.MaxEntries != 1 {
		return w.fail(CodeStructure, "the address of a value of map %s: only an array of one element has one", m.Name)
	}
	if off := uint32(in.ImmHigh()); off >= m.ValueSize {
		return w.fail(CodeStructure, "offset %d into a value of map %s, which has %d bytes", off, m.Name, m.ValueSize)
	}
	return nil
}

// mapUsable checks that programs of this kind may use the map.
func (w *walker) mapUsable(m *Map) *Error {
	var has proto.MapFields
	for i := range m.Fields {
		switch m.Fields[i].Kind {
		case maps.FieldSpinLock, maps.FieldResSpinLock:
			has |= proto.HasSpinLock
		case maps.FieldTimer:
			has |= proto.HasTimer
		case maps.FieldWorkqueue:
			has |= proto.HasWorkqueue
		case maps.FieldListHead, maps.FieldRBRoot:
			has |= proto.HasGraph
		}
	}
	if why := proto.MapUsable(w.spec.Type.Kernel, w.spec.Sleepable, uint32(m.Type), has); why != "" {
		return w.fail(CodeHelper, "map %s: %s", m.Name, why)
	}
	return nil
}

// mapHelper checks that the helper works on maps of this type.
func (w *walker) mapHelper(c *callMeta) *Error {
	if c.m.Flags&maps.RdonlyProg != 0 {
		switch c.proto.Name {
		case "map_update_elem", "map_delete_elem", "map_push_elem", "map_pop_elem":
			return w.fail(CodeType, "%s changes map %s, which is read-only for programs", c.name, c.m.Name)
		}
	}
	if c.proto.ID > proto.MaxID || proto.ByID(c.proto.ID) == nil || w.spec.Type.Kernel == 0 {
		return nil // one of the host's own
	}
	if !proto.MapAllowedFor(w.spec.Type.Kernel, w.spec.Attach, c.proto.ID, uint32(c.m.Type)) {
		return w.fail(CodeHelper, "%s does not work on map %s, which is of type %s", c.name, c.m.Name, c.m.Type).as(topicMapType)
	}
	return nil
}
