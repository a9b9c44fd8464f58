package interp

import "math"

// Division follows RFC 9669 section 4.1: by zero gives 0, the remainder by zero
// is the dividend, and the one overflow, MIN / -1, wraps.

func div64(a, b uint64) uint64 {
	if b == 0 {
		return 0
	}
	return a / b
}

func mod64(a, b uint64) uint64 {
	if b == 0 {
		return a
	}
	return a % b
}

func sdiv64(a, b uint64) uint64 {
	switch {
	case b == 0:
		return 0
	case int64(b) == -1:
		return -a
	}
	return uint64(int64(a) / int64(b))
}

func smod64(a, b uint64) uint64 {
	switch {
	case b == 0:
		return a
	case int64(b) == -1:
		return 0
	}
	return uint64(int64(a) % int64(b))
}

func div32(a, b uint64) uint64 {
	if uint32(b) == 0 {
		return 0
	}
	return uint64(uint32(a) / uint32(b))
}

func mod32(a, b uint64) uint64 {
	if uint32(b) == 0 {
		return a & math.MaxUint32
	}
	return uint64(uint32(a) % uint32(b))
}

func sdiv32(a, b uint64) uint64 {
	switch {
	case uint32(b) == 0:
		return 0
	case int32(b) == -1:
		return uint64(-uint32(a))
	}
	return uint64(uint32(int32(a) / int32(b)))
}

func smod32(a, b uint64) uint64 {
	switch {
	case uint32(b) == 0:
		return a & math.MaxUint32
	case int32(b) == -1:
		return 0
	}
	return uint64(uint32(int32(a) % int32(b)))
}
