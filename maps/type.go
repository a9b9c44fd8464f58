package maps

import (
	"fmt"
	"slices"
)

// Type is a map type, with the kernel's number (enum bpf_map_type).
type Type uint32

// The map types that gbpf has.
const (
	Hash           Type = 1
	Array          Type = 2
	ProgArray      Type = 3
	PerfEventArray Type = 4
	PerCPUHash     Type = 5
	PerCPUArray    Type = 6
	CGroupArray    Type = 8
	LRUHash        Type = 9
	LRUPerCPUHash  Type = 10
	LPMTrie        Type = 11
	ArrayOfMaps    Type = 12
	HashOfMaps     Type = 13
	DevMap         Type = 14
	CPUMap         Type = 16
	XSKMap         Type = 17
	Queue          Type = 22
	Stack          Type = 23
	DevMapHash     Type = 25
	RingBuf        Type = 27
)

var typeNames = map[Type]string{
	Hash: "hash", Array: "array", ProgArray: "prog_array", PerfEventArray: "perf_event_array",
	PerCPUHash: "percpu_hash", PerCPUArray: "percpu_array", 7: "stack_trace", CGroupArray: "cgroup_array",
	LRUHash: "lru_hash", LRUPerCPUHash: "lru_percpu_hash", LPMTrie: "lpm_trie", ArrayOfMaps: "array_of_maps",
	HashOfMaps: "hash_of_maps", DevMap: "devmap", 15: "sockmap", CPUMap: "cpumap", XSKMap: "xskmap",
	18: "sockhash", 19: "cgroup_storage", 20: "reuseport_sockarray", 21: "percpu_cgroup_storage",
	Queue: "queue", Stack: "stack", 24: "sk_storage", DevMapHash: "devmap_hash", 26: "struct_ops",
	RingBuf: "ringbuf", 28: "inode_storage", 29: "task_storage", 30: "bloom_filter", 31: "user_ringbuf",
	32: "cgrp_storage", 33: "arena",
}

// String is the kernel's name in lower case, such as "percpu_array".
func (t Type) String() string {
	if s, ok := typeNames[t]; ok {
		return s
	}
	return fmt.Sprintf("map type %d", uint32(t))
}

// Supported reports whether [New] makes maps of the type.
func (t Type) Supported() bool {
	_, ok := kinds[t]
	return ok
}

// PerCPU reports whether every simulated CPU has values of its own.
func (t Type) PerCPU() bool {
	return t == PerCPUHash || t == PerCPUArray || t == LRUPerCPUHash
}

// OfMaps reports whether the values are maps.
func (t Type) OfMaps() bool { return t == ArrayOfMaps || t == HashOfMaps }

// Flags of a map's creation (BPF_F_*).
const (
	NoPrealloc    = 1 << 0
	NoCommonLRU   = 1 << 1
	NumaNode      = 1 << 2
	Rdonly        = 1 << 3 // user space may only read
	Wronly        = 1 << 4 // user space may only write
	ZeroSeed      = 1 << 6
	RdonlyProg    = 1 << 7 // programs may only read
	WronlyProg    = 1 << 8 // programs may only write
	Mmapable      = 1 << 10
	PreserveElems = 1 << 11
	InnerMap      = 1 << 12 // may replace an inner map of another size
)

// Flags of an update.
const (
	Any     = 0 // create or replace
	NoExist = 1 // create only
	Exist   = 2 // replace only
	Lock    = 4 // hold the value's bpf_spin_lock; not supported
)

// Spec describes a map to create.
type Spec struct {
	Name       string
	Type       Type
	KeySize    uint32 // bytes
	ValueSize  uint32 // bytes; of one CPU's value for per-CPU maps
	MaxEntries uint32 // bytes for a ring buffer; 0 means one a CPU for a perf_event_array
	Flags      uint32
	MapExtra   uint64
	Inner      *Spec   // of the maps inside an array_of_maps or hash_of_maps
	Fields     []Field // special fields of the value, by offset
	Contents   []KeyValue
}

// clone copies a spec and those of its parts that describe the map, nil for nil.
func (s *Spec) clone() *Spec {
	if s == nil {
		return nil
	}
	c := *s
	c.Inner, c.Fields = s.Inner.clone(), slices.Clone(s.Fields)
	return &c
}

// KeyValue is an entry to put into a map when it is created.
type KeyValue struct {
	Key, Value any
}
