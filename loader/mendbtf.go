package loader

import (
	"debug/elf"
	"encoding/binary"
	"strings"
)

// externs are the names that an object's BTF declares as coming from outside.
type externs struct {
	kconfig, ksyms map[string]bool
	typed          map[string]bool // ksyms that are variables with a type
}

func (x externs) known(name string) bool { return x.kconfig[name] || x.ksyms[name] }

// BTF kinds (Documentation/bpf/btf.rst).
const (
	btfInt = 1 + iota
	btfPtr
	btfArray
	btfStruct
	btfUnion
	btfEnum
	btfFwd
	btfTypedef
	btfVolatile
	btfConst
	btfRestrict
	btfFunc
	btfFuncProto
	btfVar
	btfDatasec
	btfFloat
	btfDeclTag
	btfTypeTag
	btfEnum64
)

// maxTypes bounds the types of an object. The parser recurses along references between
// them, with up to 2 KiB of stack each, and Go cannot recover from a stack that
// reaches 1 GiB. Objects have thousands; a whole kernel has about this many.
const maxTypes = 1 << 17

// rawBTF is a .BTF section with the offsets of its type records. Records are
// changed in place.
type rawBTF struct {
	types   []byte
	strings []byte
	records []uint32 // offset of type ID i+1
}

// parseBTF takes a .BTF section apart. ok is false when it makes no sense, which the
// real parser then says better.
func parseBTF(b []byte) (r rawBTF, ok bool) {
	le := binary.LittleEndian
	if len(b) < 24 || le.Uint16(b) != 0xeb9f {
		return r, false
	}
	part := func(at int) ([]byte, bool) {
		off, n := uint64(le.Uint32(b[4:]))+uint64(le.Uint32(b[at:])), uint64(le.Uint32(b[at+4:]))
		if off+n > uint64(len(b)) {
			return nil, false
		}
		return b[off : off+n], true
	}
	var okTypes, okStrings bool
	r.types, okTypes = part(8)
	r.strings, okStrings = part(16)
	if !okTypes || !okStrings {
		return r, false
	}
	for off := 0; off+12 <= len(r.types); {
		r.records = append(r.records, uint32(off))
		off += 12 + extra(le.Uint32(r.types[off+4:]))
		if off > len(r.types) {
			return r, false
		}
	}
	return r, true
}

// extra is the number of bytes that follow a type's first 12.
func extra(info uint32) int {
	vlen := int(info & 0xffff)
	switch info >> 24 & 31 {
	case btfInt, btfVar, btfDeclTag:
		return 4
	case btfArray:
		return 12
	case btfStruct, btfUnion, btfDatasec, btfEnum64:
		return vlen * 12
	case btfEnum, btfFuncProto:
		return vlen * 8
	}
	return 0
}

// record is a type's bytes, nil for void or an ID out of range.
func (r *rawBTF) record(id uint32) []byte {
	if id == 0 || uint64(id) > uint64(len(r.records)) {
		return nil
	}
	return r.types[r.records[id-1]:]
}

func (r *rawBTF) kind(id uint32) uint32 {
	if b := r.record(id); b != nil {
		return binary.LittleEndian.Uint32(b[4:]) >> 24 & 31
	}
	return 0
}

// ref is the type that a pointer, modifier, variable or array is of.
func (r *rawBTF) ref(id uint32) uint32 {
	b := r.record(id)
	if r.kind(id) == btfArray {
		return binary.LittleEndian.Uint32(b[12:])
	}
	return binary.LittleEndian.Uint32(b[8:])
}

func (r *rawBTF) name(off uint32) string {
	if uint64(off) >= uint64(len(r.strings)) {
		return ""
	}
	s, _, _ := strings.Cut(string(r.strings[off:min(len(r.strings), int(off)+256)]), "\x00")
	return s
}

// strip follows typedefs and qualifiers.
func (r *rawBTF) strip(id uint32) uint32 {
	for range 32 {
		switch r.kind(id) {
		case btfTypedef, btfConst, btfVolatile, btfRestrict, btfTypeTag:
			id = r.ref(id)
		default:
			return id
		}
	}
	return 0
}

// mendBTF lets inner-map types be typedefs and kernel symbols be of any type, and
// reads the names of externs.
func (img *image) mendBTF() (x externs, err error) {
	x = externs{kconfig: make(map[string]bool), ksyms: make(map[string]bool), typed: make(map[string]bool)}
	le := binary.LittleEndian
	for i, s := range img.sections {
		if s.name != ".BTF" {
			continue
		}
		r, ok := parseBTF(img.data(i))
		if len(r.records) > maxTypes {
			return x, objectError("BTF of %d types, the limit is %d", len(r.records), maxTypes)
		}
		if !ok {
			continue
		}
		hidden := img.hiddenFunctions()
		for id := uint32(1); int(id) <= len(r.records); id++ {
			if r.kind(id) == btfFunc && hidden[r.name(le.Uint32(r.record(id)))] {
				r.makeStatic(id)
			}
			if r.kind(id) != btfDatasec {
				continue
			}
			b := r.record(id)
			vlen := int(le.Uint32(b[4:]) & 0xffff)
			for v := range vlen {
				entry := le.Uint32(b[12+12*v:])
				vb := r.record(entry)
				if vb == nil {
					continue
				}
				switch r.name(le.Uint32(b)) {
				case ".maps":
					r.mendMap(r.strip(r.ref(entry)))
				case ".kconfig":
					x.kconfig[r.name(le.Uint32(vb))] = true
				case ".ksyms":
					x.ksyms[r.name(le.Uint32(vb))] = true
					if r.kind(entry) == btfVar {
						if r.strip(r.ref(entry)) != 0 {
							x.typed[r.name(le.Uint32(vb))] = true
						}
						le.PutUint32(vb[8:], 0) // only extern void is parsed
					}
				}
			}
		}
	}
	return x, nil
}

// hiddenFunctions are the global functions that are not to be seen from outside the object. As libbpf does, they are
// taken for static ones: the verifier then walks them for each call, and need not know them from their types.
func (img *image) hiddenFunctions() map[string]bool {
	names := make(map[string]bool)
	for i := range img.symbols {
		y := &img.symbols[i]
		if v := elf.SymVis(img.b[y.at+5] & 3); v != elf.STV_HIDDEN && v != elf.STV_INTERNAL || y.typ() != elf.STT_FUNC {
			continue
		}
		if s := img.home(y); s != nil && s.name == ".text" {
			names[y.name] = true
		}
	}
	return names
}

// makeStatic changes the linkage of a function, which stands where other kinds count their members.
func (r *rawBTF) makeStatic(id uint32) {
	b := r.record(id)
	info := binary.LittleEndian.Uint32(b[4:])
	binary.LittleEndian.PutUint32(b[4:], info&^0xffff)
}

// mendMap makes the pointers of a map definition's values member point at the
// structure or function prototype itself rather than at a typedef of it.
func (r *rawBTF) mendMap(def uint32) {
	if r.kind(def) != btfStruct {
		return
	}
	le := binary.LittleEndian
	b := r.record(def)
	for m := range int(le.Uint32(b[4:]) & 0xffff) {
		member := b[12+12*m:]
		if r.name(le.Uint32(member)) != "values" {
			continue
		}
		array := le.Uint32(member[4:])
		if r.kind(array) != btfArray {
			continue
		}
		ptr := r.ref(array)
		if r.kind(ptr) != btfPtr {
			continue
		}
		target := r.strip(r.ref(ptr))
		if k := r.kind(target); k == btfStruct || k == btfFuncProto {
			le.PutUint32(r.record(ptr)[8:], target)
		}
	}
}
