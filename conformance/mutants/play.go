package main

import (
	"errors"
	"fmt"

	"github.com/gbpf/gbpf/conformance/suite"
)

// How playSuite ends beside 0. Go itself uses 2 for crashes.
const (
	exitFailed = 10
	exitUnable = 11
)

// playSuite runs the suite until a case fails. It prints each case before it runs, so that one that
// ends the process can be named, and in the end the failure.
func playSuite(engines []string) int {
	for _, e := range engines {
		s, err := suite.NewSession(suite.Engine(e))
		if err != nil {
			fmt.Println(err)
			return exitUnable
		}
		for c := range suite.All() {
			fmt.Printf("%s: %s\n", e, c)
			out, err := s.Run(c)
			if errors.Is(err, suite.ErrNotHere) {
				continue
			}
			if err == nil {
				err = c.Check(out)
			}
			if err != nil {
				fmt.Printf("%s: %s: %v\n", e, c, err)
				return exitFailed
			}
		}
		s.Close()
	}
	return 0
}
