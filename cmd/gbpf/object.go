package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/gbpf/gbpf/loader"
)

// programNames lists an object's programs, sorted.
func programNames(spec *ebpf.CollectionSpec) []string {
	return slices.Sorted(maps.Keys(spec.Programs))
}

// pickProgram returns the program that the user means: the one named, or the only one.
func pickProgram(spec *ebpf.CollectionSpec, name string) (string, error) {
	switch n := len(spec.Programs); {
	case n == 0:
		return "", fmt.Errorf("the object has no programs: functions in sections such as xdp or tc are programs")
	case name == "" && n == 1:
		return programNames(spec)[0], nil
	case name == "":
		return "", fmt.Errorf("the object has %d programs, name one with --program: %s", n, nameList(spec.Programs))
	case spec.Programs[name] == nil:
		return "", fmt.Errorf("--program %s: not found: the object has %s", name, nameList(spec.Programs))
	}
	return name, nil
}

// kernelBTF reads the types that CO-RE relocations aim at: a file, or this machine's kernel.
func kernelBTF(name string) (*btf.Spec, error) {
	switch name {
	case "":
		return nil, nil
	case "vmlinux":
		s, err := btf.LoadKernelSpec()
		if err != nil {
			return nil, fmt.Errorf("--kernel-btf vmlinux: this machine has no kernel BTF, name a file: %w", err)
		}
		return s, nil
	}
	s, err := btf.LoadSpec(name)
	if err != nil {
		return nil, fmt.Errorf("--kernel-btf %s: %w", name, err)
	}
	return s, nil
}

// setVariables gives values to global variables before the object is loaded.
func setVariables(spec *ebpf.CollectionSpec, settings []string) error {
	for _, s := range settings {
		name, value, ok := strings.Cut(s, "=")
		if !ok {
			return fmt.Errorf("--var %s: want NAME=VALUE", s)
		}
		v := spec.Variables[name]
		if v == nil {
			return fmt.Errorf("--var %s: no such variable: the object has %s", name, nameList(spec.Variables))
		}
		var typ btf.Type
		if v.Type != nil {
			typ = v.Type.Type
		}
		b, err := parseValue(value, v.Size(), typ)
		if err == nil {
			err = v.Set(b)
		}
		if err != nil {
			return fmt.Errorf("--var %s: %w", name, err)
		}
	}
	return nil
}

// kconfigValues parses NAME=VALUE settings of .kconfig variables.
func kconfigValues(spec *ebpf.CollectionSpec, settings []string) (map[string]any, error) {
	values, known := map[string]any{}, map[string]bool{}
	var ds *btf.Datasec
	if spec.Types != nil && spec.Types.TypeByName(".kconfig", &ds) == nil {
		for _, v := range ds.Vars {
			known[v.Type.TypeName()] = true
		}
	}
	for _, s := range settings {
		name, value, ok := strings.Cut(s, "=")
		if !ok {
			return nil, fmt.Errorf("--kconfig %s: want NAME=VALUE", s)
		}
		if !known[name] {
			return nil, fmt.Errorf("--kconfig %s: no such variable: the object has %s", name, nameList(known))
		}
		switch value {
		case "y", "n", "m":
			values[name] = loader.Tristate(value[0])
			continue
		}
		n, err := parseInt(value)
		switch {
		case err != nil:
			values[name] = strings.Trim(value, `"`)
		case strings.HasPrefix(value, "-"):
			values[name] = int64(n)
		default:
			values[name] = n
		}
	}
	return values, nil
}
