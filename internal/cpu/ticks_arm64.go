package cpu

func ticks() uint64

// hasTicks: the counter is part of the architecture, one for the whole machine (Arm ARM D12.1).
const hasTicks = true
