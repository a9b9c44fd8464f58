package runner

import (
	"bytes"
	"debug/elf"
	"errors"

	"github.com/cilium/ebpf"

	"github.com/gbpf/gbpf/loader"
)

// openObject reads an ELF object: its specification and the name of its first program, or the code in its .text section.
func openObject(object []byte) (*ebpf.CollectionSpec, string, []byte, error) {
	spec, err := loader.LoadSpec(bytes.NewReader(object))
	if err != nil || len(spec.Programs) == 0 {
		if code, ok := text(object); ok {
			return nil, "", code, nil
		}
		if err == nil {
			err = errors.New("the object has no program in a section of its own, and no .text section that needs no relocation")
		}
		return nil, "", nil, err
	}
	name := ""
	for n, p := range spec.Programs {
		if name == "" || p.SectionName < spec.Programs[name].SectionName || p.SectionName == spec.Programs[name].SectionName && n < name {
			name = n
		}
	}
	return spec, name, nil, nil
}

// text is the code of an object in which no relocation is left to be done.
func text(object []byte) ([]byte, bool) {
	f, err := elf.NewFile(bytes.NewReader(object))
	if err != nil {
		return nil, false
	}
	s := f.Section(".text")
	if s == nil || s.Size == 0 || s.Size > uint64(len(object)) || f.Section(".rel.text") != nil || f.Section(".rela.text") != nil {
		return nil, false
	}
	code, err := s.Data()
	return code, err == nil
}
