package loader

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
)

// object reads one of the test objects.
func object(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func loadObject(t testing.TB, name string) *ebpf.CollectionSpec {
	t.Helper()
	spec, err := LoadSpec(bytes.NewReader(object(t, name)))
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

// patch parses an object, lets f change its symbols and sections, and returns the bytes.
func patch(t testing.TB, name string, f func(img *image)) []byte {
	t.Helper()
	img, err := parseImage(object(t, name))
	if err != nil {
		t.Fatal(err)
	}
	f(img)
	for i := range img.symbols {
		img.put(&img.symbols[i])
	}
	return img.b
}

// set returns a copy of b with the bytes at off replaced.
func set(b []byte, off int, v ...byte) []byte {
	b = bytes.Clone(b)
	copy(b[off:], v)
	return b
}

func TestLoadSpecErrors(t *testing.T) {
	basic := object(t, "basic.o")
	le := binary.LittleEndian
	shoff := int(le.Uint64(basic[40:]))
	shdr := func(name string) int {
		img, err := parseImage(bytes.Clone(basic))
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(img.sections, func(s section) bool { return s.name == name })
		if i < 0 {
			t.Fatalf("no section %s", name)
		}
		return shoff + i*shdrSize
	}
	for _, tt := range []struct {
		name string
		b    []byte
		want string
	}{
		{"empty", nil, "load object: file is empty"},
		{"text", []byte("#include <linux/bpf.h>\n"), "load object: not an ELF file"},
		{"cut in the header", basic[:40], "load object: truncated: the ELF header has 64 bytes, the file 40"},
		{"cut in the sections", basic[:200], "load object: truncated: section headers end at byte 2624, the file has 200"},
		{"cut by a byte", basic[:len(basic)-1], "load object: truncated: section headers end at byte 2624, the file has 2623"},
		{"32-bit", set(basic, elf.EI_CLASS, 1), "load object: not a 64-bit ELF file, which BPF objects are"},
		{"big-endian", object(t, "basic.bpfeb.o"), "load object: object is big-endian: compile it with -target bpfel"},
		{"no byte order", set(basic, elf.EI_DATA, 9), "load object: unknown byte order 9"},
		{"x86", set(basic, 18, 62, 0), "load object: object is for x86_64, not for BPF: compile it with -target bpfel"},
		{"arm64", set(basic, 18, 183, 0), "load object: object is for aarch64, not for BPF: compile it with -target bpfel"},
		{"executable", set(basic, 16, 2, 0), "load object: ELF type is ET_EXEC, not a relocatable object"},
		{"no sections", set(basic, 60, 0, 0), "load object: no sections"},
		{"section beyond the end", set(basic, shdr("xdp")+32, 0, 0, 0, 1), "load object: truncated: section 3 ends at byte 16777280, the file has 2624"},
		{"stripped", set(basic, shdr(".symtab")+4, 1), "load object: no symbol table: the object is stripped or not an object file"},
		{"symbol too long", patch(t, "basic.o", func(img *image) {
			for i := range img.symbols {
				if img.symbols[i].name == "count" {
					img.symbols[i].size = 1 << 40
				}
			}
		}), "load object: symbol count: its 1099511627776 bytes at 0 do not fit section xdp of 136 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := LoadSpec(bytes.NewReader(tt.b))
			if err == nil || err.Error() != tt.want {
				t.Fatalf("got  %v\nwant %s", err, tt.want)
			}
			var e *Error
			if !errors.As(err, &e) {
				t.Errorf("error is a %T", err)
			}
		})
	}
}

func TestLoadSpecFile(t *testing.T) {
	_, err := LoadSpecFile("testdata/none.o")
	if want := "load object: testdata/none.o: no such file or directory"; err == nil || !errors.Is(err, os.ErrNotExist) ||
		!strings.HasPrefix(err.Error(), want[:len("load object: testdata/none.o: ")]) {
		t.Errorf("got %v, want %s", err, want)
	}
	_, err = LoadSpecFile("testdata/basic.c")
	if want := "load object: testdata/basic.c: not an ELF file"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, err := LoadSpecFile("testdata/basic.o"); err != nil {
		t.Error(err)
	}
}

// TestParserFence makes sure that the parser's own errors come out as one line.
func TestParserFence(t *testing.T) {
	b := object(t, "basic.o")
	for i := ehdrSize; i < len(b); i++ {
		for _, v := range []byte{0, 0xff, b[i] ^ 1} {
			_, err := LoadSpec(bytes.NewReader(set(b, i, v)))
			var e *Error
			if err != nil && (!errors.As(err, &e) || strings.ContainsAny(err.Error(), "\n\r\x00")) {
				t.Fatalf("byte %d = %#x: %T %q", i, v, err, err)
			}
		}
	}
}

// TestMends loads what the parser alone refuses or gets wrong.
func TestMends(t *testing.T) {
	sizeless := patch(t, "globals.o", func(img *image) {
		for _, y := range img.functions() {
			y.size = 0
		}
	})
	sizelessMaps := patch(t, "inner.o", func(img *image) {
		for i := range img.symbols {
			if s := img.home(&img.symbols[i]); s != nil && s.name == ".maps" {
				img.symbols[i].size = 0
			}
		}
	})
	for _, tt := range []struct {
		name    string
		b       []byte
		refused bool // by the parser alone
	}{
		{"weak map and symbols", object(t, "weak.o"), true},
		{"static functions of one name", object(t, "linked.o"), true},
		{"typedef inner map", object(t, "inner.o"), true},
		{"functions without size", sizeless, true},
		{"maps without size", sizelessMaps, true},
		{"weak kconfig", object(t, "kconfig.o"), true},
		{"plain", object(t, "basic.o"), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(tt.b)); (err != nil) != tt.refused {
				t.Errorf("parser alone: %v, refused is %v: is the mend needed?", err, tt.refused)
			}
			if _, err := LoadSpec(bytes.NewReader(tt.b)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestMendedSizes(t *testing.T) {
	want := loadObject(t, "globals.o")
	b := patch(t, "globals.o", func(img *image) {
		for _, y := range img.functions() {
			y.size = 0
		}
	})
	got, err := LoadSpec(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range want.Programs {
		if g := got.Programs[name]; g == nil || len(g.Instructions) != len(p.Instructions) {
			t.Errorf("program %s differs", name)
		}
	}
	spec := loadObject(t, "inner.o")
	if n := len(spec.Maps["outer"].Contents); n != 2 {
		t.Errorf("outer has %d elements, want 2", n)
	}
	if in := spec.Maps["outer_hash"].InnerMap; in == nil || in.Type != ebpf.Array {
		t.Errorf("inner map of outer_hash: %v", in)
	}
}

func TestRenamedDuplicates(t *testing.T) {
	spec := loadObject(t, "linked.o")
	var names []string
	for _, p := range []string{"first", "second"} {
		for i := range spec.Programs[p].Instructions {
			if s := spec.Programs[p].Instructions[i].Symbol(); s != "" {
				names = append(names, s)
			}
		}
	}
	if want := []string{"first", "helper", "second", "other", "helper.1"}; !slices.Equal(names, want) {
		t.Errorf("functions %v, want %v", names, want)
	}
}

// TestLinkedSizeLimit links a hundred programs that all reach a hundred large functions.
func TestLinkedSizeLimit(t *testing.T) {
	img, err := parseImage(manyCalls(2000, 3000))
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = img.mend()
	if want := "load object: more than 4194304 instructions"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	img, err = parseImage(manyCalls(20, 30))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err = img.mend(); err != nil {
		t.Error(err)
	}
}

// manyCalls makes an object of n programs in a section that each call function number 0 of
// m, each of which calls the next.
func manyCalls(n, m int) []byte {
	var code, syms, strs bytes.Buffer
	le := binary.LittleEndian
	strs.WriteByte(0)
	syms.Write(make([]byte, symSize))
	emit := func(op, src byte, imm int32) {
		code.Write([]byte{op, src << 4, 0, 0})
		binary.Write(&code, le, imm)
	}
	for i := range n + m {
		sym := make([]byte, symSize)
		le.PutUint32(sym, uint32(strs.Len()))
		strs.WriteString("f")
		strs.WriteString(strings.Repeat("x", i%7))
		binary.Write(&strs, le, []byte{byte('a' + i%26), byte('a' + i/26%26), byte('a' + i/676%26), 0})
		sym[4] = elf.ST_INFO(elf.STB_GLOBAL, elf.STT_FUNC)
		le.PutUint16(sym[6:], 1)
		le.PutUint64(sym[8:], uint64(code.Len()))
		le.PutUint64(sym[16:], 16)
		syms.Write(sym)
		switch {
		case i < n:
			emit(opCall, pseudoCall, int32((n-i)*2-1)) // function 0
		case i < n+m-1:
			emit(opCall, pseudoCall, 1) // the next one
		default:
			emit(0xb7, 0, 0)
		}
		emit(0x95, 0, 0)
	}
	names := "\x00socket\x00.symtab\x00.strtab\x00"
	out := make([]byte, ehdrSize)
	copy(out, elf.ELFMAG)
	out[elf.EI_CLASS], out[elf.EI_DATA], out[elf.EI_VERSION] = 2, 1, 1
	le.PutUint16(out[16:], 1)
	le.PutUint16(out[18:], uint16(elf.EM_BPF))
	le.PutUint32(out[20:], 1)
	strtab := append([]byte(names), strs.Bytes()...)
	// Symbol names follow the section names.
	for at := symSize; at < syms.Len(); at += symSize {
		b := syms.Bytes()[at:]
		le.PutUint32(b, le.Uint32(b)+uint32(len(names)))
	}
	hdrs := make([]byte, 4*shdrSize)
	section := func(i int, name string, typ elf.SectionType, flags elf.SectionFlag, data []byte, link, entsize int) {
		h := hdrs[i*shdrSize:]
		le.PutUint32(h, uint32(strings.Index(names, name)))
		le.PutUint32(h[4:], uint32(typ))
		le.PutUint64(h[8:], uint64(flags))
		le.PutUint64(h[24:], uint64(len(out)))
		le.PutUint64(h[32:], uint64(len(data)))
		le.PutUint32(h[40:], uint32(link))
		le.PutUint64(h[48:], 8)
		le.PutUint64(h[56:], uint64(entsize))
		out = append(out, data...)
	}
	section(1, "socket", elf.SHT_PROGBITS, elf.SHF_EXECINSTR|elf.SHF_ALLOC, code.Bytes(), 0, 0)
	section(2, ".symtab", elf.SHT_SYMTAB, 0, syms.Bytes(), 3, symSize)
	section(3, ".strtab", elf.SHT_STRTAB, 0, strtab, 0, 0)
	le.PutUint64(out[40:], uint64(len(out)))
	le.PutUint16(out[52:], ehdrSize)
	le.PutUint16(out[58:], shdrSize)
	le.PutUint16(out[60:], 4)
	le.PutUint16(out[62:], 3)
	return append(out, hdrs...)
}
