//go:build !amd64 && !arm64

package cpu

func ticks() uint64 { return 0 }

const hasTicks = false
