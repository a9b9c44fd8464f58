// Package scalar is the value domain of the verifier: what is known about a number
// in a register. A [Scalar] holds five views of one 64-bit value, the same ones that
// the Linux verifier keeps: the bits that are known (a [Tnum]) and four ranges,
// unsigned and signed, of all 64 bits and of the low 32.
//
// Everything here is a plain value; nothing allocates, nothing panics.
//
// # Soundness
//
// Write γ(s) for the set of 64-bit numbers that every view of s allows. Each
// operator over-approximates: whatever the instruction can produce from members of
// its operands is in γ of the result. Refinement and Normalise only ever drop
// numbers that cannot occur. The comments say why; the tests check it with all
// small sets placed at the points where 32 and 64 bits wrap, and with random ones.
//
// # Halves
//
// The unsigned and the signed range of one value are together worth exactly two
// intervals: one among the numbers with a clear sign bit and one among those with a
// set sign bit, since umin and smax end the first, smin and umax the second when
// both exist. Most precision here comes from working on these halves, where signed
// and unsigned order agree.
package scalar
