package cpu

import "golang.org/x/sys/cpu"

// cpuid executes the instruction of that name.
func cpuid(leaf, sub uint32) (a, b, c, d uint32)

func detect() Features {
	_, _, c, _ := cpuid(1, 0)
	return Features{BMI2: cpu.X86.HasBMI2, MOVBE: c&(1<<22) != 0}
}
