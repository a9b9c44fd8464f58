package fuzzgen

import (
	"fmt"
	"testing"
	"time"
)

func TestX(t *testing.T) {
	var g Generator
	st := time.Now()
	n := 20000
	ins := 0
	for i := range n {
		ins += g.Program(uint64(i)).Len()
	}
	fmt.Println(float64(n)/time.Since(st).Seconds(), ins/n)
	for i := range 4 {
		fmt.Println(g.Program(uint64(i + 10)))
	}
}
