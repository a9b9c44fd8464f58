package proto

import "slices"

// MapFields says which special fields a map's value has, as far as they decide about who may use
// the map.
type MapFields uint8

// Special fields of map values.
const (
	HasSpinLock  MapFields = 1 << iota // struct bpf_spin_lock or bpf_res_spin_lock
	HasTimer                           // struct bpf_timer
	HasWorkqueue                       // struct bpf_wq
	HasGraph                           // struct bpf_list_head or bpf_rb_root
)

// probes are the program types that run at any instant, in whose way a lock could be.
var probes = []uint32{typeKprobe, typeTracepoint, typePerfEvent, typeRawTracepoint, typeRawTracepointWritable}

// sleepableMaps are the map types that sleepable programs may use.
var sleepableMaps = []uint32{
	mapHash, mapArray, mapPercpuHash, mapPercpuArray, mapLRUHash, mapLRUPercpuHash, mapArrayOfMaps, mapHashOfMaps,
	mapQueue, mapStack, mapSkStorage, mapRingbuf, mapInodeStorage, mapTaskStorage, mapUserRingbuf, mapCgrpStorage, mapArena,
}

// MapUsable says why a program of a type (BPF_PROG_TYPE_*) cannot refer to a map of a type
// (BPF_MAP_TYPE_*) at all, in the terms of the kernel's log; "" when it can.
//
// Two rules need more than one map and are not in it: a program uses at most one cgroup
// storage of each of the two types, and at most one arena.
func MapUsable(progType uint32, sleepable bool, mapType uint32, fields MapFields) string {
	probe := slices.Contains(probes, progType)
	switch {
	case probe && fields&HasGraph != 0:
		return "tracing programs cannot use bpf_list_head or bpf_rb_root"
	case progType == typeSocketFilter && fields&HasSpinLock != 0:
		return "socket filter programs cannot use bpf_spin_lock"
	case probe && fields&HasSpinLock != 0:
		return "tracing programs cannot use bpf_spin_lock"
	case probe && fields&HasTimer != 0:
		return "tracing programs cannot use bpf_timer"
	case probe && fields&HasWorkqueue != 0:
		return "tracing programs cannot use bpf_wq"
	case mapType == mapStructOps:
		return "programs cannot use a struct_ops map"
	case sleepable && !slices.Contains(sleepableMaps, mapType):
		return "sleepable programs can only use array, hash, ringbuf and local storage maps"
	}
	return ""
}

// DirectValue reports whether 16-byte loads may refer to the value of a map of a type: of an array
// with one element at an offset within the value, of an arena at an offset within it.
func DirectValue(mapType, maxEntries uint32) bool {
	return mapType == mapArray && maxEntries == 1 || mapType == mapArena
}
