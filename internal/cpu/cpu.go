// Package cpu tells what the host's processor has beyond its architecture's baseline.
package cpu

// Features are those that generated code uses when they are there.
type Features struct {
	BMI2  bool // amd64: shlx and its kin
	MOVBE bool // amd64: loads and stores with bytes reversed
	LSE   bool // arm64: atomics in one instruction
}

// Host is the processor that the program runs on.
var Host = detect()
