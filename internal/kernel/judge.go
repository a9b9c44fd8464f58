package kernel

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
)

// typeCache keeps what loads have decoded of the kernel's BTF.
var typeCache = sync.OnceValue(btf.NewCache)

// JudgeProgram gives one program of an object to the verifier, as its loader would: with maps
// made, CO-RE relocations applied against the kernel's types and attach targets looked up. Maps that
// the program does not use are left out, and so are programs in prog arrays. A refused program is
// not an error; the error tells why the verifier could not be asked: the kernel
// lacks the attach target or the program type, or the object is incomplete.
func JudgeProgram(spec *ebpf.CollectionSpec, name string) (*Verdict, error) {
	if err := Available(); err != nil {
		return nil, err
	}
	spec, err := Single(spec, name)
	if err != nil {
		return nil, err
	}
	c, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{
		Programs: ebpf.ProgramOptions{LogLevel: ebpf.LogLevelStats},
		Cache:    typeCache(),
	})
	if err == nil {
		defer c.Close()
		if c.Programs[name] == nil {
			return nil, fmt.Errorf("bpf: load %q: section %s stands for no program type", name, spec.Programs[name].SectionName)
		}
		v := verdictOf(c.Programs[name].VerifierLog)
		v.Accepted = true
		return v, nil
	}
	var ve *ebpf.VerifierError
	if errors.As(err, &ve) {
		if v := verdictOf(strings.Join(ve.Log, "\n")); v.Processed > 0 || v.LastLine != "" {
			return v, nil
		}
	}
	return nil, fmt.Errorf("bpf: load %q: %w", name, err)
}

// Single copies an object's spec with one program, the maps that it refers to and their variables.
// Maps of maps and of programs lose their contents.
func Single(spec *ebpf.CollectionSpec, name string) (*ebpf.CollectionSpec, error) {
	spec = spec.Copy()
	p := spec.Programs[name]
	if p == nil {
		return nil, fmt.Errorf("bpf: no program %q in the object", name)
	}
	n := 0
	used := map[string]bool{}
	for i := range p.Instructions {
		n += int(p.Instructions[i].Width() / 8)
		if p.Instructions[i].IsLoadFromMap() {
			used[p.Instructions[i].Reference()] = true
		}
	}
	if n > MaxInsns {
		return nil, fmt.Errorf("bpf: load %q: %d instructions: %w (limit %d)", name, n, ErrTooLarge, MaxInsns)
	}
	spec.Programs = map[string]*ebpf.ProgramSpec{name: p}
	for key, m := range spec.Maps {
		if !used[key] {
			delete(spec.Maps, key)
			continue
		}
		m.Pinning = ebpf.PinNone
		switch m.Type {
		case ebpf.ProgramArray, ebpf.ArrayOfMaps, ebpf.HashOfMaps:
			m.Contents = nil
		}
	}
	for key, v := range spec.Variables {
		if spec.Maps[v.SectionName] == nil {
			delete(spec.Variables, key)
		}
	}
	return spec, nil
}
