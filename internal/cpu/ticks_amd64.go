package cpu

import (
	"os"
	"runtime"
	"strings"
)

func ticks() uint64

// hasTicks asks the processor whether the rate is constant (Intel SDM volume 3, 18.17.1), and Linux whether it keeps
// its own time by the counter, which it does only after it has compared the processors.
var hasTicks = func() bool {
	if max, _, _, _ := cpuid(0x80000000, 0); max < 0x80000007 || runtime.GOOS != "linux" {
		return false
	}
	if _, _, _, d := cpuid(0x80000007, 0); d&(1<<8) == 0 {
		return false
	}
	source, err := os.ReadFile("/sys/devices/system/clocksource/clocksource0/current_clocksource")
	return err == nil && strings.TrimSpace(string(source)) == "tsc"
}()
