//go:build !linux

package bench

import "time"

// clockName says what all times are: systems but Linux have no clock of a thread that every Go program may read.
const clockName = "wall time"

var begin = time.Now()

func threadTime() time.Duration { return time.Since(begin) }

func processTime() time.Duration { return time.Since(begin) }
