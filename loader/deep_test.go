package loader

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// TestDeepTypes gives a variable a type that is a chain of as many others as the limit
// on types allows: the parser must survive recursing down.
func TestDeepTypes(t *testing.T) {
	for _, kind := range []uint32{btfPtr, btfTypedef} {
		if testing.Short() {
			t.Skip("takes seconds")
		}
		img, err := parseImage(object(t, "globals.o"))
		if err != nil {
			t.Fatal(err)
		}
		le := binary.LittleEndian
		for i := range img.sections {
			s := &img.sections[i]
			if s.name != ".BTF" {
				continue
			}
			r, ok := parseBTF(img.data(i))
			if !ok {
				t.Fatal("no BTF")
			}
			types := bytes.Clone(r.types)
			first := len(r.records) + 1
			for id := first; id < maxTypes; id++ {
				rec := make([]byte, 12)
				le.PutUint32(rec[4:], kind<<24)
				if kind == btfTypedef {
					le.PutUint32(rec, 1)
				}
				if id+1 < maxTypes {
					le.PutUint32(rec[8:], uint32(id+1))
				} else {
					le.PutUint32(rec[8:], 1)
				}
				types = append(types, rec...)
			}
			for id := range r.records {
				if r.kind(uint32(id+1)) == btfVar {
					le.PutUint32(types[r.records[id]+8:], uint32(first))
				}
			}
			h := bytes.Clone(img.data(i)[:24])
			le.PutUint32(h[4:], 24)
			le.PutUint32(h[8:], 0)
			le.PutUint32(h[12:], uint32(len(types)))
			le.PutUint32(h[16:], uint32(len(types)))
			at := len(img.b)
			img.b = append(append(append(img.b, h...), types...), r.strings...)
			le.PutUint64(img.b[s.header+24:], uint64(at))
			le.PutUint64(img.b[s.header+32:], uint64(len(img.b)-at))
			break
		}
		spec, err := LoadSpec(bytes.NewReader(img.b))
		if err != nil {
			t.Errorf("kind %d: %v", kind, err)
			continue
		}
		Describe(spec.Copy())
	}
}
