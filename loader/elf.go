package loader

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"strings"
)

// Limits on what an object may ask for. The parser behind would take whatever a
// header says; real objects stay far below.
const (
	maxObject   = 128 << 20 // bytes of the file
	maxSection  = 256 << 20 // bytes of all data sections together, .bss included
	maxSections = 1 << 14
	maxSymbols  = 1 << 18
	maxInsns    = 4 << 20 // instructions of all programs after linking
)

// Sizes of ELF64 structures in bytes.
const (
	ehdrSize = 64
	shdrSize = 64
	symSize  = 24
	relSize  = 16
)

// image is an object's bytes with its section headers and symbols taken apart, so
// that they can be changed in place. All offsets were checked against the file.
type image struct {
	b        []byte
	sections []section
	symbols  []symbol
	symtab   int // section index of the symbol table, 0 for none
	strtab   int // section index of its names
}

type section struct {
	name                   string
	typ                    elf.SectionType
	flags                  elf.SectionFlag
	off, size              uint64
	link, info             uint32
	align, entsize, header uint64 // header: file offset of the section header
}

type symbol struct {
	name        string
	info        byte
	section     elf.SectionIndex
	value, size uint64
	at          uint64 // file offset of the entry
}

func (s *symbol) bind() elf.SymBind { return elf.ST_BIND(s.info) }
func (s *symbol) typ() elf.SymType  { return elf.ST_TYPE(s.info) }

// parseImage checks that b is a complete little-endian BPF object.
func parseImage(b []byte) (*image, error) {
	if len(b) < 4 || string(b[:4]) != elf.ELFMAG {
		if len(b) == 0 {
			return nil, objectError("file is empty")
		}
		return nil, objectError("not an ELF file")
	}
	if len(b) < ehdrSize {
		return nil, objectError("truncated: the ELF header has %d bytes, the file %d", ehdrSize, len(b))
	}
	if elf.Class(b[elf.EI_CLASS]) != elf.ELFCLASS64 {
		return nil, objectError("not a 64-bit ELF file, which BPF objects are")
	}
	switch elf.Data(b[elf.EI_DATA]) {
	case elf.ELFDATA2LSB:
	case elf.ELFDATA2MSB:
		return nil, objectError("object is big-endian: compile it with -target bpfel")
	default:
		return nil, objectError("unknown byte order %d", b[elf.EI_DATA])
	}
	le := binary.LittleEndian
	// Old compilers left the machine at EM_NONE.
	if m := elf.Machine(le.Uint16(b[18:])); m != elf.EM_BPF && m != elf.EM_NONE {
		return nil, objectError("object is for %s, not for BPF: compile it with -target bpfel", machineName(m))
	}
	if t := elf.Type(le.Uint16(b[16:])); t != elf.ET_REL && t != elf.ET_NONE {
		return nil, objectError("ELF type is %s, not a relocatable object", t)
	}
	img := &image{b: b}
	if err := img.parseSections(); err != nil {
		return nil, err
	}
	if err := img.parseSymbols(); err != nil {
		return nil, err
	}
	return img, nil
}

func machineName(m elf.Machine) string {
	s, ok := strings.CutPrefix(m.String(), "EM_")
	if !ok {
		return fmt.Sprintf("machine %d", uint16(m))
	}
	return strings.ToLower(s)
}

func (img *image) parseSections() error {
	le := binary.LittleEndian
	off, entsize := le.Uint64(img.b[40:]), le.Uint16(img.b[58:])
	n, names := uint64(le.Uint16(img.b[60:])), uint64(le.Uint16(img.b[62:]))
	size := uint64(len(img.b))
	if off == 0 || n == 0 {
		return objectError("no sections")
	}
	if entsize != shdrSize {
		return objectError("section headers of %d bytes, must be %d", entsize, shdrSize)
	}
	if n > maxSections {
		return objectError("%d sections, the limit is %d", n, maxSections)
	}
	if off > size || n*shdrSize > size-off {
		return objectError("truncated: section headers end at byte %d, the file has %d", off+n*shdrSize, size)
	}
	if names >= n {
		return objectError("section names are in section %d, there are %d", names, n)
	}
	img.sections = make([]section, n)
	nameOffs := make([]uint32, n)
	for i := range img.sections {
		at := off + uint64(i)*shdrSize
		h := img.b[at : at+shdrSize]
		nameOffs[i] = le.Uint32(h)
		img.sections[i] = section{
			typ: elf.SectionType(le.Uint32(h[4:])), flags: elf.SectionFlag(le.Uint64(h[8:])),
			off: le.Uint64(h[24:]), size: le.Uint64(h[32:]), link: le.Uint32(h[40:]), info: le.Uint32(h[44:]),
			align: le.Uint64(h[48:]), entsize: le.Uint64(h[56:]), header: at,
		}
	}
	for i := range img.sections {
		s := &img.sections[i]
		if s.typ == elf.SHT_NULL || s.typ == elf.SHT_NOBITS {
			continue
		}
		if s.off > size || s.size > size-s.off {
			return objectError("truncated: section %d ends at byte %d, the file has %d", i, s.off+s.size, size)
		}
	}
	var data uint64
	for i := range img.sections {
		s := &img.sections[i]
		name, ok := img.str(int(names), nameOffs[i])
		if !ok && s.typ != elf.SHT_NULL {
			return objectError("section %d: name lies outside the section names", i)
		}
		s.name = name
		if s.flags&elf.SHF_COMPRESSED != 0 && !strings.HasPrefix(name, ".debug") {
			return objectError("section %s: compressed sections are %w", name, ErrUnsupported)
		}
		if isData(name) || s.typ == elf.SHT_NOBITS {
			if s.size > maxSection || data+s.size > maxSection {
				return objectError("section %s: data sections of more than %d bytes", name, maxSection)
			}
			data += s.size
		}
	}
	return nil
}

// str returns the string at off of a string table section.
func (img *image) str(table int, off uint32) (string, bool) {
	if table <= 0 || table >= len(img.sections) {
		return "", off == 0
	}
	b := img.data(table)
	if uint64(off) >= uint64(len(b)) {
		return "", false
	}
	s, _, ok := strings.Cut(string(b[off:min(len(b), int(off)+4096)]), "\x00")
	return s, ok
}

// data is a section's bytes, nil if it has none in the file.
func (img *image) data(i int) []byte {
	s := &img.sections[i]
	if s.typ == elf.SHT_NULL || s.typ == elf.SHT_NOBITS {
		return nil
	}
	return img.b[s.off : s.off+s.size : s.off+s.size]
}

func (img *image) parseSymbols() error {
	for i, s := range img.sections {
		if s.typ == elf.SHT_SYMTAB {
			img.symtab, img.strtab = i, int(s.link)
			break
		}
	}
	if img.symtab == 0 {
		return objectError("no symbol table: the object is stripped or not an object file")
	}
	if img.strtab >= len(img.sections) || img.sections[img.strtab].typ != elf.SHT_STRTAB {
		return objectError("symbol table names section %d for its strings, which is none", img.strtab)
	}
	tab := img.data(img.symtab)
	if len(tab)/symSize > maxSymbols {
		return objectError("%d symbols, the limit is %d", len(tab)/symSize, maxSymbols)
	}
	img.symbols = make([]symbol, len(tab)/symSize)
	le := binary.LittleEndian
	var total uint64
	for i := range img.symbols {
		e := tab[i*symSize:]
		name, ok := img.str(img.strtab, le.Uint32(e))
		if !ok {
			return objectError("symbol %d: name lies outside the string table", i)
		}
		y := &img.symbols[i]
		*y = symbol{
			name: name, info: e[4], section: elf.SectionIndex(le.Uint16(e[6:])),
			value: le.Uint64(e[8:]), size: le.Uint64(e[16:]),
			at: img.sections[img.symtab].off + uint64(i)*symSize,
		}
		s := img.home(y)
		if s == nil || (y.typ() != elf.STT_OBJECT && y.typ() != elf.STT_FUNC && y.typ() != elf.STT_NOTYPE) {
			continue
		}
		if y.value > s.size || y.size > s.size-y.value {
			return objectError("symbol %s: its %d bytes at %d do not fit section %s of %d bytes", name, y.size, y.value, s.name, s.size)
		}
		// Symbols may overlap, and the parser copies each one's bytes.
		if total += y.size; total > 2*maxSection {
			return objectError("symbols of more than %d bytes together", 2*maxSection)
		}
	}
	return nil
}

// home is the section that a symbol is defined in, nil for none.
func (img *image) home(y *symbol) *section {
	if y.section == elf.SHN_UNDEF || int(y.section) >= len(img.sections) {
		return nil
	}
	return &img.sections[y.section]
}

// isData reports whether a section holds global variables.
func isData(name string) bool {
	return name == ".bss" || strings.HasPrefix(name, ".data") || strings.HasPrefix(name, ".rodata")
}

// isMaps reports whether a section holds map definitions, of either style.
func isMaps(name string) bool { return strings.HasPrefix(name, "maps") || name == ".maps" }

// isCode reports whether a section holds instructions.
func (s *section) isCode() bool {
	return s.typ == elf.SHT_PROGBITS && s.flags&elf.SHF_EXECINSTR != 0 && s.size > 0 && !isMaps(s.name) && !isData(s.name)
}

// isFunc reports whether a symbol of a code section starts a function. Local
// symbols without a type are labels.
func (y *symbol) isFunc() bool {
	return y.name != "" && (y.typ() == elf.STT_FUNC || y.typ() == elf.STT_NOTYPE && y.bind() != elf.STB_LOCAL)
}
