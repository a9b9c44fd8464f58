package verifier_test

import (
	"os"
	"strings"
	"testing"
)

// H_CASE=name prints the kernel's log of a case.
func TestHLog(t *testing.T) {
	f := newTypestateFixture(t)
	f.logLevel = 2
	for _, tab := range [][]typestate{sectionTable, iterTable, kfuncTable, dynptrTable, objectTable, kptrTable} {
		for i := range tab {
			if tab[i].name == os.Getenv("H_CASE") {
				s, err := f.spec(&tab[i])
				if err != nil {
					t.Fatal(err)
				}
				v, err := f.judge(s)
				if err != nil {
					t.Fatal(err)
				}
				t.Log(v.Accepted, strings.TrimSpace(v.Log))
			}
		}
	}
}
