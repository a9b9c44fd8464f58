package loader

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cilium/ebpf"
)

// LoadSpecFile parses the object in a file. See [LoadSpec].
func LoadSpecFile(path string) (*ebpf.CollectionSpec, error) {
	f, err := os.Open(path)
	if err != nil {
		e := objectError("%w", err)
		var pe *os.PathError
		if errors.As(err, &pe) {
			e.File, e.Reason = path, pe.Err.Error()
		}
		return nil, e
	}
	defer f.Close()
	spec, err := LoadSpec(f)
	if e := (*Error)(nil); errors.As(err, &e) {
		e.File = path
	}
	return spec, err
}

// LoadSpec parses an ELF object that clang compiled for little-endian BPF.
//
// It accepts what ebpf.LoadCollectionSpecFromReader does and, beyond that, what
// libbpf loads all the same: weak maps, static functions of one name in a linked
// object, a typedef as the type of inner maps, map and function symbols without a
// size, weak .kconfig variables, undefined weak functions. Of static functions with
// one name all but the first carry a number: helper, helper.1.
//
// The error is an [*Error].
func LoadSpec(r io.ReaderAt) (*ebpf.CollectionSpec, error) {
	b, err := io.ReadAll(io.NewSectionReader(r, 0, maxObject+1))
	if err != nil {
		return nil, objectError("%w", err)
	}
	if len(b) > maxObject {
		return nil, objectError("file has more than %d bytes", maxObject)
	}
	img, err := parseImage(b)
	if err != nil {
		return nil, err
	}
	weak, typed, err := img.mend()
	if err != nil {
		return nil, err
	}
	spec, err := parse(img.b)
	if err != nil {
		return nil, objectError("%w", err)
	}
	markWeak(spec, weak)
	markTyped(spec, typed)
	return spec, nil
}

// parse runs the third-party parser behind a fence: on bytes made to break it, it
// may panic.
func parse(b []byte) (spec *ebpf.CollectionSpec, err error) {
	defer func() {
		if p := recover(); p != nil {
			spec, err = nil, fmt.Errorf("malformed object: the parser gave up: %v", p)
		}
	}()
	return ebpf.LoadCollectionSpecFromReader(bytes.NewReader(b))
}
