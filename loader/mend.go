package loader

import (
	"cmp"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"slices"
)

// mend changes an object so that the parser behind accepts what libbpf accepts. It
// returns the names of undefined weak symbols, whose absence a program can live
// with, and those of kernel symbols that have a type. What it does not understand it leaves to the parser.
func (img *image) mend() (weak, typed map[string]bool, err error) {
	externs, err := img.mendBTF()
	if err != nil {
		return nil, nil, err
	}
	img.mendSizes()
	img.mendBindings()
	weak = img.mendExterns(externs)
	img.mendRelocations(externs)
	img.renameDuplicates()
	return weak, externs.typed, img.checkLinkedSize()
}

// put writes a symbol back into the symbol table.
func (img *image) put(y *symbol) {
	e := img.b[y.at : y.at+symSize]
	e[4] = y.info
	binary.LittleEndian.PutUint64(e[16:], y.size)
}

func (img *image) setBind(y *symbol, b elf.SymBind) {
	y.info = elf.ST_INFO(b, y.typ())
	img.put(y)
}

// functions lists the symbols that start a function in a code section, by section
// and offset.
func (img *image) functions() []*symbol {
	var fs []*symbol
	for i := range img.symbols {
		y := &img.symbols[i]
		if s := img.home(y); s != nil && s.isCode() && y.isFunc() {
			fs = append(fs, y)
		}
	}
	sortSymbols(fs)
	return fs
}

func sortSymbols(ys []*symbol) {
	slices.SortStableFunc(ys, func(a, b *symbol) int {
		return cmp.Or(cmp.Compare(a.section, b.section), cmp.Compare(a.value, b.value))
	})
}

// mendSizes gives maps and functions of size 0 the bytes up to the next one.
// Compilers before clang 9 wrote no sizes.
func (img *image) mendSizes() {
	var maps []*symbol
	for i := range img.symbols {
		y := &img.symbols[i]
		if s := img.home(y); s != nil && isMaps(s.name) && y.name != "" && (y.typ() == elf.STT_OBJECT || y.typ() == elf.STT_NOTYPE) {
			maps = append(maps, y)
		}
	}
	sortSymbols(maps)
	for _, list := range [][]*symbol{maps, img.functions()} {
		for i, y := range list {
			if y.size != 0 {
				continue
			}
			end := img.home(y).size
			for _, next := range list[i+1:] {
				if next.section != y.section {
					break
				}
				if next.value > y.value {
					end = next.value
					break
				}
			}
			y.size = end - y.value
			img.put(y)
		}
	}
}

// mendBindings makes weak maps and functions that are defined, of which linking
// left one each, global ones.
func (img *image) mendBindings() {
	for i := range img.symbols {
		y := &img.symbols[i]
		s := img.home(y)
		if s == nil || y.bind() != elf.STB_WEAK || y.name == "" {
			continue
		}
		if isMaps(s.name) || s.isCode() {
			img.setBind(y, elf.STB_GLOBAL)
		}
	}
}

// mendExterns lists the weak symbols among the undefined ones. Those of .kconfig
// become global, since the parser knows no weak ones; their weakness is in the result.
func (img *image) mendExterns(x externs) map[string]bool {
	weak := make(map[string]bool)
	for i := range img.symbols {
		y := &img.symbols[i]
		if i == 0 || y.section != elf.SHN_UNDEF || y.name == "" {
			continue
		}
		if y.bind() == elf.STB_WEAK {
			weak[y.name] = true
			if x.kconfig[y.name] {
				y.info = elf.ST_INFO(elf.STB_GLOBAL, y.typ())
			}
		}
		y.info = elf.ST_INFO(y.bind(), elf.STT_NOTYPE)
		img.put(y)
	}
	return weak
}

// relocation is an entry of a SHT_REL section that changes section target.
type relocation struct {
	target *section
	off    uint64 // in the target section
	sym    *symbol
	at     uint64 // file offset of the entry
}

// relocations lists the entries that change code.
func (img *image) relocations() []relocation {
	var rels []relocation
	le := binary.LittleEndian
	for i, s := range img.sections {
		if s.typ != elf.SHT_REL || s.entsize < relSize || int(s.info) >= len(img.sections) {
			continue
		}
		target := &img.sections[s.info]
		if !target.isCode() {
			continue
		}
		b := img.data(i)
		for off := uint64(0); off+relSize <= uint64(len(b)); off += s.entsize {
			if s.entsize > uint64(len(b)) {
				break
			}
			sym := uint64(le.Uint32(b[off+12:]))
			at := le.Uint64(b[off:])
			if sym == 0 || sym >= uint64(len(img.symbols)) || at%8 != 0 || at >= target.size || target.size-at < 8 {
				continue
			}
			rels = append(rels, relocation{target: target, off: at, sym: &img.symbols[sym], at: s.off + off})
		}
	}
	return rels
}

// The opcodes and src values of instructions that refer to functions.
const (
	opLddw     = 0x18
	opCall     = 0x85
	pseudoCall = 1
	pseudoFunc = 4
)

// mendRelocations settles references that the parser reads otherwise than libbpf:
//
//   - The address of a function by its own symbol has the function's offset in the
//     symbol's value, the parser takes it from the instruction.
//   - A function in reach of a local symbol may be called through it.
//   - The address of an undefined weak function or variable is 0.
func (img *image) mendRelocations(x externs) {
	le := binary.LittleEndian
	for _, r := range img.relocations() {
		insn := img.b[r.target.off+r.off:][:8]
		s := img.home(r.sym)
		switch {
		case s != nil && s.isCode() && r.sym.typ() == elf.STT_FUNC:
			if r.sym.bind() == elf.STB_LOCAL {
				img.setBind(r.sym, elf.STB_GLOBAL)
			}
			if insn[0] == opLddw {
				if sum := uint64(le.Uint32(insn[4:])) + r.sym.value; sum < s.size {
					le.PutUint32(insn[4:], uint32(sum))
				}
			}
		case r.sym.section == elf.SHN_UNDEF && insn[0] == opLddw && r.sym.bind() == elf.STB_WEAK && !x.known(r.sym.name):
			// An odd offset meets no instruction: the immediate stays 0.
			le.PutUint64(img.b[r.at:], r.off|1)
		}
	}
}

// renameDuplicates tells apart static functions of one name, which linking several
// objects into one leaves: all but one of them get a number behind the name.
func (img *image) renameDuplicates() {
	funcs := img.functions()
	taken := make(map[string]*symbol, len(funcs))
	for _, y := range funcs {
		if first := taken[y.name]; first == nil || first.bind() == elf.STB_LOCAL && y.bind() != elf.STB_LOCAL {
			taken[y.name] = y
		}
	}
	strs := slices.Clone(img.data(img.strtab))
	grown := false
	next := make(map[string]int)
	for _, y := range funcs {
		if taken[y.name] == y || y.bind() != elf.STB_LOCAL {
			continue
		}
		base := y.name
		for {
			next[base]++
			name := fmt.Sprintf("%s.%d", base, next[base])
			if taken[name] == nil {
				y.name = name
				break
			}
		}
		taken[y.name] = y
		binary.LittleEndian.PutUint32(img.b[y.at:], uint32(len(strs)))
		strs = append(append(strs, y.name...), 0)
		grown = true
	}
	if !grown {
		return
	}
	s := &img.sections[img.strtab]
	s.off, s.size = uint64(len(img.b)), uint64(len(strs))
	img.b = append(img.b, strs...)
	binary.LittleEndian.PutUint64(img.b[s.header+24:], s.off)
	binary.LittleEndian.PutUint64(img.b[s.header+32:], s.size)
}

// checkLinkedSize bounds the instructions of all programs together, each with
// the functions that it reaches. Without it a small file could ask for any number.
func (img *image) checkLinkedSize() error {
	type place struct {
		section elf.SectionIndex
		off     uint64
	}
	funcs := img.functions()
	at := make(map[place]int, len(funcs))
	var size uint64
	for i, y := range funcs {
		at[place{y.section, y.value}] = i
		size += y.size
	}
	tooMany := objectError("more than %d instructions", maxInsns)
	if size/8 > maxInsns {
		return tooMany
	}
	le := binary.LittleEndian
	rels := make(map[uint64]*symbol) // by file offset of the instruction
	for _, r := range img.relocations() {
		rels[r.target.off+r.off] = r.sym
	}
	calls := make([][]int, len(funcs))
	for i, y := range funcs {
		s := img.home(y)
		for off := y.value &^ 7; off+8 <= y.value+y.size && off+8 <= s.size; off += 8 {
			insn := img.b[s.off+off:][:8]
			if insn[0] != opLddw && insn[0] != opCall {
				continue
			}
			imm := int64(int32(le.Uint32(insn[4:])))
			to := place{y.section, off + 8 + uint64(imm*8)}
			if sym := rels[s.off+off]; sym != nil {
				to = place{sym.section, sym.value}
				if sym.typ() == elf.STT_SECTION && insn[0] == opCall {
					to.off = uint64((imm + 1) * 8)
				} else if insn[0] == opLddw {
					to.off = uint64(imm)
				}
			}
			if j, ok := at[to]; ok {
				calls[i] = append(calls[i], j)
			}
		}
	}
	total := uint64(0)
	seen := make([]int, len(funcs))
	for i, y := range funcs {
		if img.home(y).name == ".text" {
			continue
		}
		pending := []int{i}
		for len(pending) > 0 {
			j := pending[len(pending)-1]
			pending = pending[:len(pending)-1]
			if seen[j] == i+1 {
				continue
			}
			seen[j] = i + 1
			if total += funcs[j].size/8 + 1; total > maxInsns {
				return tooMany
			}
			pending = append(pending, calls[j]...)
		}
	}
	return nil
}
