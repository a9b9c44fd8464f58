package cpu

import "golang.org/x/sys/cpu"

func detect() Features { return Features{LSE: cpu.ARM64.HasATOMICS} }
