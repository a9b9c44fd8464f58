package amd64

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"testing"
)

// quotient is what the code that multiply makes computes.
func (m magic) quotient(n uint64) uint64 {
	hi, _ := bits.Mul64(n, m.mul)
	if m.wide {
		hi += (n - hi) >> 1
	}
	return hi >> m.shift
}

func power(d uint64) bool { return d&(d-1) == 0 }

// TestMagicSmall holds all small dividends and divisors against a division.
func TestMagicSmall(t *testing.T) {
	most := uint64(1 << 12)
	if testing.Short() {
		most = 1 << 9
	}
	count := 0
	for d := uint64(3); d < most; d++ {
		if power(d) {
			continue
		}
		m32, m64 := magic32(uint32(d)), magic64(d)
		for n := range most {
			if m32.quotient(n) != n/d || m64.quotient(n) != n/d {
				t.Fatalf("%d / %d: %d in 32 bits, %d in 64, want %d", n, d, m32.quotient(n), m64.quotient(n), n/d)
			}
			count++
		}
	}
	t.Logf("%d divisions", count)
}

// TestMagicEdges tries dividends around multiples of the divisor and around the ends of the range, where a multiplier that
// is too rough fails first.
func TestMagicEdges(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	divisors := []uint64{3, 5, 6, 7, 9, 10, 11, 12, 25, 31, 100, 125, 625, 641, 1000, 10000, 1 << 20, 1000003, 6700417,
		math.MaxInt32, 1<<31 + 1, math.MaxUint32, math.MaxUint32 - 1}
	for i := 2; i < 32; i++ {
		divisors = append(divisors, 1<<i-1, 1<<i+1)
	}
	for range 2000 {
		divisors = append(divisors, rnd.Uint64()>>(32+rnd.Uint64N(30))|1)
	}
	count := 0
	for _, d := range divisors {
		if d < 3 || power(d) {
			continue
		}
		m32, m64 := magic32(uint32(d)), magic64(d)
		try := func(n uint64) {
			count++
			if got := m64.quotient(n); got != n/d {
				t.Fatalf("%d / %d in 64 bits: %d, want %d", n, d, got, n/d)
			}
			if n = uint64(uint32(n)); m32.quotient(n) != n/d {
				t.Fatalf("%d / %d in 32 bits: %d, want %d", n, d, m32.quotient(n), n/d)
			}
		}
		for i := range uint64(16) {
			for _, k := range []uint64{i, math.MaxUint32/d - i, math.MaxUint64/d - i, rnd.Uint64() / d, uint64(rnd.Uint32()) / d} {
				try(k*d - 1)
				try(k * d)
				try(k*d + 1)
			}
			try(math.MaxUint64 - i)
			try(math.MaxUint32 - i)
			try(1<<63 - i)
			try(rnd.Uint64())
		}
	}
	t.Logf("%d divisions by %d divisors", count, len(divisors))
}
