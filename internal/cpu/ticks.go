package cpu

// Ticks reads the processor's counter of constant rate: amd64's time stamp counter, arm64's virtual counter. It is read after
// what stands before. Only where [HasTicks] says so do all processors count alike.
func Ticks() uint64 { return ticks() }

// HasTicks reports whether there is such a counter, at a rate that does not change and with the same count on each
// processor of the machine.
func HasTicks() bool { return hasTicks }
