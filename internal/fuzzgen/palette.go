package fuzzgen

import "encoding/binary"

// The kernel's map types (enum bpf_map_type).
const (
	mapHash           = 1
	mapArray          = 2
	mapProgArray      = 3
	mapPerfEventArray = 4
	mapPercpuHash     = 5
	mapPercpuArray    = 6
	mapLRUHash        = 9
	mapLRUPercpuHash  = 10
	mapLPM            = 11
	mapArrayOfMaps    = 12
	mapHashOfMaps     = 13
	mapDevMap         = 14
	mapCPUMap         = 16
	mapQueue          = 22
	mapStack          = 23
	mapRingbuf        = 27
)

const (
	flagNoPrealloc = 1 << 0
	flagRdonlyProg = 1 << 7
	flagWronlyProg = 1 << 8
)

var (
	innerArray = &Map{Name: "inner_array", Type: mapArray, KeySize: 4, ValueSize: 16, MaxEntries: 4}
	innerHash  = &Map{Name: "inner_hash", Type: mapHash, KeySize: 4, ValueSize: 24, MaxEntries: 4}
)

// palette holds the maps that generated programs use. They are few, so that who loads many
// programs makes each map once.
var palette = []*Map{
	{Name: "array4", Type: mapArray, KeySize: 4, ValueSize: 4, MaxEntries: 4},
	{Name: "array8", Type: mapArray, KeySize: 4, ValueSize: 8, MaxEntries: 2},
	{Name: "array16", Type: mapArray, KeySize: 4, ValueSize: 16, MaxEntries: 16},
	{Name: "array48", Type: mapArray, KeySize: 4, ValueSize: 48, MaxEntries: 8},
	{Name: "array100", Type: mapArray, KeySize: 4, ValueSize: 100, MaxEntries: 3},
	{Name: "data64", Type: mapArray, KeySize: 4, ValueSize: 64, MaxEntries: 1},
	{Name: "data256", Type: mapArray, KeySize: 4, ValueSize: 256, MaxEntries: 1},
	{Name: "hash4_8", Type: mapHash, KeySize: 4, ValueSize: 8, MaxEntries: 8},
	{Name: "hash8_16", Type: mapHash, KeySize: 8, ValueSize: 16, MaxEntries: 8},
	{Name: "hash16_48", Type: mapHash, KeySize: 16, ValueSize: 48, MaxEntries: 8},
	{Name: "hash12_100", Type: mapHash, KeySize: 12, ValueSize: 100, MaxEntries: 8, Flags: flagNoPrealloc},
	{Name: "hash1_1", Type: mapHash, KeySize: 1, ValueSize: 1, MaxEntries: 8},
	{Name: "percpu_array16", Type: mapPercpuArray, KeySize: 4, ValueSize: 16, MaxEntries: 4},
	{Name: "percpu_hash4_24", Type: mapPercpuHash, KeySize: 4, ValueSize: 24, MaxEntries: 4},
	{Name: "lru_hash8_32", Type: mapLRUHash, KeySize: 8, ValueSize: 32, MaxEntries: 8},
	{Name: "lru_percpu4_8", Type: mapLRUPercpuHash, KeySize: 4, ValueSize: 8, MaxEntries: 8},
	{Name: "lpm8_8", Type: mapLPM, KeySize: 8, ValueSize: 8, MaxEntries: 8, Flags: flagNoPrealloc},
	{Name: "rdonly16", Type: mapArray, KeySize: 4, ValueSize: 16, MaxEntries: 4, Flags: flagRdonlyProg},
	{Name: "wronly16", Type: mapArray, KeySize: 4, ValueSize: 16, MaxEntries: 4, Flags: flagWronlyProg},
	{Name: "rodata", Type: mapArray, KeySize: 4, ValueSize: 64, MaxEntries: 1, Flags: flagRdonlyProg, Frozen: true, Contents: rodata()},
	{Name: "ringbuf", Type: mapRingbuf, MaxEntries: 4096},
	{Name: "array_of_maps", Type: mapArrayOfMaps, KeySize: 4, ValueSize: 4, MaxEntries: 4, Inner: innerArray},
	{Name: "hash_of_maps", Type: mapHashOfMaps, KeySize: 4, ValueSize: 4, MaxEntries: 4, Inner: innerHash},
	{Name: "prog_array", Type: mapProgArray, KeySize: 4, ValueSize: 4, MaxEntries: 4},
	{Name: "perf_events", Type: mapPerfEventArray, KeySize: 4, ValueSize: 4, MaxEntries: 4},
	{Name: "queue8", Type: mapQueue, ValueSize: 8, MaxEntries: 4},
	{Name: "stack12", Type: mapStack, ValueSize: 12, MaxEntries: 4},
	{Name: "devmap", Type: mapDevMap, KeySize: 4, ValueSize: 4, MaxEntries: 4},
	{Name: "cpumap", Type: mapCPUMap, KeySize: 4, ValueSize: 4, MaxEntries: 4},
	{Name: "lock_array", Type: mapArray, KeySize: 4, ValueSize: 16, MaxEntries: 4, Lock: true},
	{Name: "timer_array", Type: mapArray, KeySize: 4, ValueSize: 32, MaxEntries: 4, Timer: true},
	{Name: "lock_hash", Type: mapHash, KeySize: 4, ValueSize: 16, MaxEntries: 4, Lock: true},
}

// rodata is the contents of the frozen map: numbers that make sense as flags, bounds and
// offsets.
func rodata() []byte {
	b := make([]byte, 0, 64)
	for _, v := range []uint32{0, 1, 8, 15, 64, 255, 0x7fffffff, 0xffffffff, 2, 0, 7, 0x80000000, 3, 0, 4096, 0x6474} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return b
}

// Palette returns the maps that generated programs refer to. They are shared: do not
// write.
func Palette() []*Map { return palette }

// mapsOf returns the indexes into palette of maps that fit.
func mapsOf(fit func(*Map) bool) (list []int) {
	for i, m := range palette {
		if fit(m) {
			list = append(list, i)
		}
	}
	return list
}

var (
	// lookupMaps have values that a program may look up.
	lookupMaps = mapsOf(func(m *Map) bool {
		switch m.Type {
		case mapHash, mapArray, mapPercpuHash, mapPercpuArray, mapLRUHash, mapLRUPercpuHash, mapLPM:
			return !m.Lock && !m.Timer
		}
		return false
	})
	// directMaps have one value whose address a program may load.
	directMaps = mapsOf(func(m *Map) bool { return m.Type == mapArray && m.MaxEntries == 1 })
	outerMaps  = mapsOf(func(m *Map) bool { return m.Inner != nil })
	queueMaps  = mapsOf(func(m *Map) bool { return m.Type == mapQueue || m.Type == mapStack })
	lockMaps   = mapsOf(func(m *Map) bool { return m.Lock })
	timerMaps  = mapsOf(func(m *Map) bool { return m.Timer })
	iterMaps   = mapsOf(func(m *Map) bool {
		return !m.Timer && (m.Type == mapArray || m.Type == mapHash || m.Type == mapPercpuArray)
	})
)

// mapByName returns the index into palette.
func mapByName(name string) int {
	for i, m := range palette {
		if m.Name == name {
			return i
		}
	}
	return -1
}

var (
	ringbufMap   = mapByName("ringbuf")
	progArrayMap = mapByName("prog_array")
	perfMap      = mapByName("perf_events")
	rodataMap    = mapByName("rodata")
)
