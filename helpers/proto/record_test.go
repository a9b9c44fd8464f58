package proto_test

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/gbpf/gbpf/helpers/proto"
)

// mapRecord holds what a live kernel said about maps, for hosts without one: a line of verdicts by map type, 1 for yes, 0 for no and a point
// for what was not asked.
const mapRecord = "testdata/maps.json"

type mapVerdicts struct {
	Allowed map[string]string // by helper, program type and attach type
	Usable  map[string]string // by program type, sleepable and special fields
}

func allowedKey(id int32, typ, attach uint32) string { return fmt.Sprintf("%d %d %d", id, typ, attach) }

func usableKey(typ uint32, sleepable bool, fields proto.MapFields) string {
	return fmt.Sprintf("%d %v %d", typ, sleepable, fields)
}

// note writes a verdict about a map type into a line.
func note(lines map[string]string, key string, typ uint32, verdict bool) {
	line := []byte(lines[key])
	for uint32(len(line)) <= typ {
		line = append(line, '.')
	}
	line[typ] = '0'
	if verdict {
		line[typ] = '1'
	}
	lines[key] = string(line)
}

func readMapRecord(t *testing.T) *mapVerdicts {
	t.Helper()
	text, err := os.ReadFile(mapRecord)
	if err != nil {
		t.Fatal(err)
	}
	v := &mapVerdicts{}
	if err := json.Unmarshal(text, v); err != nil {
		t.Fatal(err)
	}
	return v
}

// save replaces part of the record.
func (v *mapVerdicts) save(t *testing.T) {
	t.Helper()
	old := &mapVerdicts{}
	if text, err := os.ReadFile(mapRecord); err == nil {
		if err := json.Unmarshal(text, old); err != nil {
			t.Fatal(err)
		}
	}
	if v.Allowed == nil {
		v.Allowed = old.Allowed
	}
	if v.Usable == nil {
		v.Usable = old.Usable
	}
	text, err := json.MarshalIndent(v, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(mapRecord, append(text, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestMapsRecorded compares the rules for maps with what a live kernel said before.
func TestMapsRecorded(t *testing.T) {
	v := readMapRecord(t)
	compared := 0
	check := func(lines map[string]string, what string, ours func(key string, typ uint32) bool) {
		for key, line := range lines {
			for typ, c := range line {
				if c == '.' {
					continue
				}
				compared++
				if got := ours(key, uint32(typ)); got != (c == '1') {
					t.Errorf("%s %s, map type %d: ours %v, the kernel's %c", what, key, typ, got, c)
				}
			}
		}
	}
	check(v.Allowed, "allowed", func(key string, typ uint32) bool {
		var id int32
		var prog, attach uint32
		if _, err := fmt.Sscan(key, &id, &prog, &attach); err != nil {
			t.Fatal(err)
		}
		return proto.MapAllowedFor(prog, attach, id, typ)
	})
	check(v.Usable, "usable", func(key string, typ uint32) bool {
		var prog uint32
		var sleepable bool
		var fields proto.MapFields
		if _, err := fmt.Sscan(key, &prog, &sleepable, &fields); err != nil {
			t.Fatal(err)
		}
		return proto.MapUsable(prog, sleepable, typ, fields) == ""
	})
	if compared < 2000 {
		t.Errorf("only %d verdicts are recorded", compared)
	}
	t.Logf("%d recorded verdicts compared", compared)
}
