package bench

import (
	"time"

	"golang.org/x/sys/unix"
)

// clockName says what all times are.
const clockName = "thread CPU time"

// threadTime is the CPU time of the calling thread.
func threadTime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}
