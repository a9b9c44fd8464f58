package conformance

import (
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"sort"
	"testing"
	"time"

	"github.com/gbpf/gbpf/internal/fuzzgen"
)

var num = regexp.MustCompile(`-?\b(0x[0-9a-f]+|\d+)\b|\d+`)

func TestHist(t *testing.T) {
	k, err := newKernelJudge()
	if err != nil {
		t.Skip(err)
	}
	defer k.Close()
	var g fuzzgen.Generator
	var slow time.Duration
	nslow := 0
	st := time.Now()
	N := 10000
	acc := map[fuzzgen.Level][2]int{}
	hist := map[string]int{}
	ex := map[string]*fuzzgen.Program{}
	for i := range N {
		p, l := g.Make(uint64(i))
		t0 := time.Now()
		v, err := k.judge(p, 0)
		if d := time.Since(t0); d > 100*time.Millisecond {
			slow += d
			nslow++
			if os.Getenv("SLOW") != "" {
				v, _ = k.judge(p, 4)
				fmt.Println(d, p, v.Log)
			}
		}
		if err != nil {
			t.Fatal(err, p)
		}
		a := acc[l]
		a[1]++
		if v.Accepted {
			a[0]++
		} else {
			v, _ = k.judge(p, 4)
			key := v.ErrnoName + " " + num.ReplaceAllString(v.LastLine, "N")
			hist[key]++
			if l == fuzzgen.Structured && rand.IntN(20) == 0 || ex[key] == nil || ex[key].Len() > p.Len() {
				ex[key] = p
			}
		}
		acc[l] = a
	}
	fmt.Println(float64(N)/time.Since(st).Seconds(), acc)
	fmt.Println(slow, nslow)
	var keys []string
	for k := range hist {
		keys = append(keys, k)
	}
	sort.Slice(keys, func(i, j int) bool { return hist[keys[i]] > hist[keys[j]] })
	for _, k := range keys {
		fmt.Println(hist[k], k)
	}
	if s := os.Getenv("EX"); s != "" {
		for _, key := range keys {
			if regexp.MustCompile(s).MatchString(key) {
				v, _ := k.judge(ex[key], 2)
				fmt.Println(key, ex[key])
				fmt.Println(v.Log)
			}
		}
	}
}
