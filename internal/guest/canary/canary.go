// Package canary watches the memory around a window of guest memory: tests of the sandbox fill it with a
// pattern that no program writes, and look at it again. It takes the place of the guards, so an access that gets out of the
// window is seen instead of ending the process.
package canary

import "fmt"

// size is how much distinct memory stands for all of it, in bytes.
const size = 2 << 20

// pattern is byte i of that memory.
func pattern(i int) byte { return byte(i*7+i>>8) | 1 }

// verify reports the first byte that is not the pattern's.
func verify(b []byte) error {
	for i, c := range b {
		if c != pattern(i) {
			return fmt.Errorf("canary: byte %#x around the window is %#x, was %#x", i, c, pattern(i))
		}
	}
	return nil
}
