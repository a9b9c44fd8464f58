// Package scratch is memory that analyses work in again and again, for one program after the other.
package scratch

// Take returns the first n elements of *s, all zero. *s grows as needed, by a quarter more than that; what it held is lost. It is
// not safe for use by several goroutines at once.
func Take[T any](s *[]T, n int) []T {
	if cap(*s) < n {
		*s = make([]T, n+n/4)
		return (*s)[:n]
	}
	part := (*s)[:n]
	clear(part)
	return part
}
