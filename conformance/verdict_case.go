package conformance

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gbpf/gbpf/internal/fuzzgen"
	"github.com/gbpf/gbpf/internal/kernel"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/verifier"
)

// VerdictCase is a program with what a kernel and gbpf said of it.
type VerdictCase struct {
	About string `json:"about,omitempty"` // why gbpf's verdict is another, where it is

	Kernel     string `json:"kernel"` // release
	Accepted   bool   `json:"accepted"`
	KernelLine string `json:"kernel_line,omitempty"` // the kernel's reason
	Gbpf       string `json:"gbpf"`                  // "accept", or the code of the rejection

	Type   uint32         `json:"type"`
	Attach uint32         `json:"attach,omitempty"`
	Flags  uint32         `json:"flags,omitempty"`
	Typed  bool           `json:"typed,omitempty"`
	Maps   []*fuzzgen.Map `json:"maps,omitempty"`
	Kfuncs []string       `json:"kfuncs,omitempty"`
	Funcs  []fuzzgen.Func `json:"funcs,omitempty"`
	Bytes  string         `json:"bytes"`          // in hex
	Text   []string       `json:"text,omitempty"` // for who reads it
}

// newCase describes a program; the verdicts are left to be filled in.
func newCase(p *fuzzgen.Program) *VerdictCase {
	q := p.Clone()
	q.DropMaps()
	c := &VerdictCase{
		Kernel: kernel.Release(), Type: q.Type, Attach: q.Attach, Flags: q.Flags, Typed: q.Typed,
		Maps: q.Maps, Kfuncs: q.Kfuncs, Funcs: q.Funcs, Bytes: hex.EncodeToString(q.Bytes()),
	}
	if q.Raw == nil {
		c.Text = strings.Split(strings.TrimSpace(q.String()), "\n")[1:]
	}
	return c
}

// Case is the class's example for the record.
func (c *VerdictClass) Case() *VerdictCase {
	v := newCase(c.Example)
	v.About, v.Gbpf = c.Listed, "accept"
	if c.Difference == FalseRejection {
		v.Accepted = true
		v.Gbpf, _, _ = strings.Cut(c.GbpfLine, ":")
	} else {
		v.KernelLine = c.KernelLine
	}
	return v
}

// Program is the program of the case.
func (c *VerdictCase) Program() (*fuzzgen.Program, error) {
	b, err := hex.DecodeString(c.Bytes)
	if err != nil {
		return nil, fmt.Errorf("verdict case: %w", err)
	}
	p := &fuzzgen.Program{
		Type: c.Type, Attach: c.Attach, Flags: c.Flags, Typed: c.Typed, Maps: c.Maps, Kfuncs: c.Kfuncs, Funcs: c.Funcs,
	}
	if p.Insns, err = isa.Decode(b); err != nil {
		p.Insns, p.Raw = nil, b
	}
	return p, nil
}

// verify is gbpf's verdict as cases name it.
func (c *VerdictCase) verify(p *fuzzgen.Program) (verdict string, err *verifier.Error) {
	if e := verifyGenerated(p, verifier.Options{}); e != nil {
		return string(e.Code), e
	}
	return "accept", nil
}

// WriteVerdictCases writes cases to a file, those of one kind of verdict together.
func WriteVerdictCases(name string, cases []*VerdictCase) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	cases = slices.Clone(cases)
	slices.SortStableFunc(cases, func(a, b *VerdictCase) int { return strings.Compare(a.KernelLine, b.KernelLine) })
	b, err := json.MarshalIndent(cases, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(b, '\n'), 0o644)
}

// ReadVerdictCases reads what [WriteVerdictCases] wrote.
func ReadVerdictCases(name string) ([]*VerdictCase, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var cases []*VerdictCase
	if err := json.Unmarshal(b, &cases); err != nil {
		return nil, fmt.Errorf("verdict cases: %s: %w", name, err)
	}
	return cases, nil
}
