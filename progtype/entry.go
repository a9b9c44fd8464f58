package progtype

import "fmt"

// Reset makes b the context of a run of a program of type t. [Type.Setup] does the rest.
func (b *Bctx) Reset(t *Type) { b.Type, b.Area = t, 0 }

// Entry is what R1 and R2 hold when the program starts: the context in R1, or for
// type raw the memory in R1 and its length in bytes in R2.
func (b *Bctx) Entry() (r1, r2 uint64) {
	if b.Type == Raw {
		return uint64(b.Data), uint64(b.DataEnd - b.Data)
	}
	return uint64(b.Ctx), 0
}

// ReadFields puts every scalar field of the context bytes ctx into fields, by name;
// elements of arrays as "cb[2]". Fields beyond the bytes given are left out.
func (l *Layout) ReadFields(ctx []byte, fields map[string]uint64) {
	for i := range l.Fields {
		f := &l.Fields[i]
		if f.Kind != Scalar {
			continue
		}
		for k := uint32(0); k < max(f.Count, 1); k++ {
			off := f.Off + k*f.Size
			if uint64(off)+uint64(f.Size) > uint64(len(ctx)) {
				break
			}
			name := f.Name
			if f.Count > 0 {
				name = fmt.Sprintf("%s[%d]", f.Name, k)
			}
			fields[name] = getUint(ctx[off:], f.Size)
		}
	}
}
