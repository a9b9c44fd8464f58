package maps

import (
	"math"

	"github.com/gbpf/gbpf/internal/errno"
)

const access = Rdonly | Wronly | RdonlyProg | WronlyProg

// kinds is the table of map types: a type is one row.
var kinds map[Type]kind

func init() {
	kinds = map[Type]kind{
		Array:          {newArray, checkArray, NumaNode | access | Mmapable | InnerMap},
		PerCPUArray:    {newArray, checkArray, NumaNode | access},
		Hash:           {newHash, checkHash, NoPrealloc | NumaNode | access | ZeroSeed},
		PerCPUHash:     {newHash, checkHash, NoPrealloc | NumaNode | access | ZeroSeed},
		LRUHash:        {newLRU, checkHash, NoCommonLRU | NumaNode | access | ZeroSeed},
		LRUPerCPUHash:  {newLRU, checkHash, NoCommonLRU | NumaNode | access | ZeroSeed},
		ProgArray:      {newProgArray, checkFdArray, NumaNode | Rdonly | Wronly},
		PerfEventArray: {newPerfArray, checkFdArray, NumaNode | Rdonly | Wronly | PreserveElems},
		CGroupArray:    {newValueArray, checkFdArray, NumaNode | Rdonly | Wronly},
		ArrayOfMaps:    {newMapArray, checkOfMaps, NumaNode | Rdonly | Wronly},
		HashOfMaps:     {newHashOfMaps, checkOfMaps, NoPrealloc | NumaNode | Rdonly | Wronly | ZeroSeed},
		LPMTrie:        {newLPM, checkLPM, NoPrealloc | NumaNode | access},
		Queue:          {newQueue, checkQueue, NumaNode | access},
		Stack:          {newQueue, checkQueue, NumaNode | access},
		DevMap:         {newValueArray, checkDev, NumaNode | Rdonly | Wronly},
		DevMapHash:     {newDevHash, checkDev, NumaNode | Rdonly | Wronly},
		CPUMap:         {newValueArray, checkDev, NumaNode},
		XSKMap:         {newValueArray, checkFdArray, NumaNode | Rdonly | Wronly},
		RingBuf:        {newRingbuf, checkRingbuf, NumaNode},
	}
}

// maxPerCPU is the largest value of a per-CPU map, in bytes (PCPU_MIN_UNIT_SIZE).
const maxPerCPU = 32 << 10

func checkArray(s *Spec) (string, errno.Errno) {
	switch {
	case s.KeySize != 4:
		return "key size must be 4 bytes", errno.EINVAL
	case s.ValueSize == 0:
		return "value size is 0 bytes", errno.EINVAL
	case s.MaxEntries == 0:
		return "max_entries is 0", errno.EINVAL
	case s.ValueSize > math.MaxInt32:
		return "value is larger than 2 GiB", errno.E2BIG
	case s.Type == PerCPUArray && (s.ValueSize+7)&^7 > maxPerCPU:
		return "a per-CPU value is larger than 32768 bytes", errno.E2BIG
	}
	return "", 0
}

func checkHash(s *Spec) (string, errno.Errno) {
	switch {
	case s.KeySize == 0:
		return "key size is 0 bytes", errno.EINVAL
	case s.ValueSize == 0:
		return "value size is 0 bytes", errno.EINVAL
	case s.MaxEntries == 0:
		return "max_entries is 0", errno.EINVAL
	case s.MaxEntries >= 1<<31-MaxCPUs:
		return "max_entries is larger than 2^31", errno.E2BIG
	case uint64(s.KeySize)+uint64(s.ValueSize) >= 4<<20-64:
		return "key and value are larger than 4 MiB", errno.E2BIG
	case s.Type.PerCPU() && (s.ValueSize+7)&^7 > maxPerCPU:
		return "a per-CPU value is larger than 32768 bytes", errno.E2BIG
	}
	return "", 0
}

// MaxCPUs is the largest number of simulated CPUs of a machine.
const MaxCPUs = 64

// checkFdArray is for arrays whose values are references that user space gives as file
// descriptors.
func checkFdArray(s *Spec) (string, errno.Errno) {
	switch {
	case s.KeySize != 4 || s.ValueSize != 4:
		return "key and value size must be 4 bytes", errno.EINVAL
	case s.MaxEntries == 0:
		return "max_entries is 0", errno.EINVAL
	case s.MaxEntries > 1<<24:
		return "max_entries is larger than 2^24", errno.ENOMEM
	}
	return "", 0
}

func checkOfMaps(s *Spec) (string, errno.Errno) {
	switch {
	case s.Inner == nil:
		return "the inner map is not described", errno.EINVAL
	case !s.Inner.Type.Supported():
		return "inner map: " + s.Inner.Type.String() + " is not supported", errno.EINVAL
	case s.Inner.Type.OfMaps():
		return "a map of maps cannot be inside a map of maps", errno.EINVAL
	case s.Inner.Type == ProgArray:
		return "a prog_array cannot be an inner map", errno.ENOTSUPP
	}
	if s.Type == ArrayOfMaps {
		return checkFdArray(s)
	}
	if s.ValueSize != 4 {
		return "value size must be 4 bytes", errno.EINVAL
	}
	return checkHash(s)
}

func checkLPM(s *Spec) (string, errno.Errno) {
	switch {
	case s.Flags&NoPrealloc == 0:
		return "flag BPF_F_NO_PREALLOC is missing", errno.EINVAL
	case s.KeySize < 5 || s.KeySize > 4+256:
		return "key size must be 5 to 260 bytes: a 32-bit prefix length and the data", errno.EINVAL
	case s.ValueSize == 0:
		return "value size is 0 bytes", errno.EINVAL
	case s.MaxEntries == 0:
		return "max_entries is 0", errno.EINVAL
	}
	return "", 0
}

func checkQueue(s *Spec) (string, errno.Errno) {
	switch {
	case s.KeySize != 0:
		return "key size must be 0", errno.EINVAL
	case s.ValueSize == 0:
		return "value size is 0 bytes", errno.EINVAL
	case s.MaxEntries == 0:
		return "max_entries is 0", errno.EINVAL
	case uint64(s.ValueSize)*uint64(s.MaxEntries) > math.MaxInt32:
		return "larger than 2 GiB", errno.E2BIG
	}
	return "", 0
}

func checkDev(s *Spec) (string, errno.Errno) {
	switch {
	case s.KeySize != 4:
		return "key size must be 4 bytes", errno.EINVAL
	case s.ValueSize != 4 && s.ValueSize != 8:
		return "value size must be 4 or 8 bytes", errno.EINVAL
	case s.MaxEntries == 0:
		return "max_entries is 0", errno.EINVAL
	case s.MaxEntries > 1<<24:
		return "max_entries is larger than 2^24", errno.ENOMEM
	}
	return "", 0
}

func checkRingbuf(s *Spec) (string, errno.Errno) {
	switch {
	case s.KeySize != 0 || s.ValueSize != 0:
		return "key and value size must be 0", errno.EINVAL
	case s.MaxEntries == 0 || s.MaxEntries&(s.MaxEntries-1) != 0 || s.MaxEntries%4096 != 0:
		return "max_entries, the size in bytes, must be a power of two and a multiple of 4096", errno.EINVAL
	}
	return "", 0
}

// devHash is a devmap_hash: like a hash for the host, without values for programs.
type devHash struct{ *htab }

func newDevHash(m *Map) (store, error) {
	h, err := newHtab(m)
	if err != nil {
		return nil, err
	}
	return devHash{h}, nil
}

func (d devHash) lookup(int, []byte) uint64 { return 0 }

func (d devHash) has(key []byte) bool { return d.htab.lookup(0, key) != 0 }

func (d devHash) value(key []byte) []byte {
	at := d.htab.lookup(0, key)
	if at == 0 {
		return nil
	}
	b, _ := d.mem.Slice(at, uint64(d.vsize))
	return b
}
