package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/gbpf/gbpf/loader"
)

// programNames lists an object's programs, sorted.
func programNames(spec *ebpf.CollectionSpec) []string {
	var names []string
	for name := range spec.Programs {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// pickProgram returns the program that the user means: the one named, or the only one.
func pickProgram(spec *ebpf.CollectionSpec, name string) (string, error) {
	names := programNames(spec)
	switch {
	case len(names) == 0:
		return "", fmt.Errorf("the object has no programs")
	case name == "" && len(names) == 1:
		return names[0], nil
	case name == "":
		return "", fmt.Errorf("the object has %d programs: name one with --program: %s", len(names), strings.Join(names, ", "))
	case spec.Programs[name] == nil:
		return "", fmt.Errorf("program %s: not found: the object has %s", name, strings.Join(names, ", "))
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
			return nil, fmt.Errorf("kernel BTF: this machine has none: %w", err)
		}
		return s, nil
	}
	s, err := btf.LoadSpec(name)
	if err != nil {
		return nil, fmt.Errorf("kernel BTF: %s: %w", name, err)
	}
	return s, nil
}

// setVariables gives values to global variables before the object is loaded.
func setVariables(spec *ebpf.CollectionSpec, settings []string) error {
	for _, s := range settings {
		name, value, ok := strings.Cut(s, "=")
		v := spec.Variables[name]
		if !ok {
			return fmt.Errorf("--var %s: want NAME=VALUE", s)
		}
		if v == nil {
			var names []string
			for n := range spec.Variables {
				names = append(names, n)
			}
			slices.Sort(names)
			return fmt.Errorf("--var %s: no such variable: the object has %s", name, strings.Join(names, ", "))
		}
		var typ btf.Type
		if v.Type != nil {
			typ = v.Type.Type
		}
		b, err := parseValue(value, v.Size(), typ)
		if err != nil {
			return fmt.Errorf("--var %s: %w", name, err)
		}
		if err := v.Set(b); err != nil {
			return fmt.Errorf("--var %s: %w", name, err)
		}
	}
	return nil
}

// kconfigValues parses NAME=VALUE settings of .kconfig variables.
func kconfigValues(settings []string) (map[string]any, error) {
	values := map[string]any{}
	for _, s := range settings {
		name, value, ok := strings.Cut(s, "=")
		if !ok {
			return nil, fmt.Errorf("--kconfig %s: want NAME=VALUE", s)
		}
		switch value {
		case "y", "n", "m":
			values[name] = loader.Tristate(value[0])
			continue
		}
		if n, err := parseInt(value); err == nil {
			values[name] = n
		} else {
			values[name] = strings.Trim(value, `"`)
		}
	}
	return values, nil
}
