package helpers

// free is how many bytes a helper touches before it charges fuel for them.
const free = 64

// charge takes fuel for touching n bytes: a unit for each eight. It fails when the run
// must end.
func (c *Call) charge(n uint64) bool {
	if n <= free {
		return true
	}
	return c.chargeUnits(n / 8)
}

// chargeUnits takes n units of fuel.
func (c *Call) chargeUnits(n uint64) bool { return c.Engine == nil || c.Engine.Charge(n) }

// span returns n bytes of guest memory at addr that the caller means to go through, and
// charges for them.
func (c *Call) span(addr, n uint64) ([]byte, bool) {
	b, ok := c.Bytes(addr, n)
	if !ok || !c.charge(n) {
		return nil, false
	}
	return b, true
}
