package conformance

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gbpf/gbpf/internal/execmem"
	"github.com/gbpf/gbpf/internal/fuzzgen"
	"github.com/gbpf/gbpf/jit"
)

// EngineCase is a program in which engines once differed.
type EngineCase struct {
	VerdictCase
	// Seed makes the inputs.
	Seed uint64 `json:"seed"`
	// Found is how the engines differed.
	Found string `json:"found"`
}

// Case is the class's example for the record.
func (c *EngineClass) Case() *EngineCase {
	v := &EngineCase{VerdictCase: *newCase(c.Example), Seed: c.Seed, Found: c.Kind + ": " + c.Text}
	// With maps that nothing names: inputs depend on how many there are.
	v.Gbpf, v.Accepted, v.Maps, v.Bytes = "accept", true, c.Example.Maps, hex.EncodeToString(c.Example.Bytes())
	return v
}

// WriteEngineCase writes a case to a file, the directory of which it makes.
func WriteEngineCase(name string, c *EngineCase) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	b, err := json.MarshalIndent(c, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(b, '\n'), 0o644)
}

// ReadEngineCase reads what [WriteEngineCase] wrote.
func ReadEngineCase(name string) (*EngineCase, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	c := &EngineCase{}
	if err := json.Unmarshal(b, c); err != nil {
		return nil, fmt.Errorf("engine case: %s: %w", name, err)
	}
	return c, nil
}

// Replay runs the case again and returns how engines differ, "" when they agree.
func (c *EngineCase) Replay(list []Engine) (string, error) {
	p, err := c.Program()
	if err != nil {
		return "", err
	}
	return replayProgram(p, c.Seed, list)
}

func replayProgram(p *fuzzgen.Program, seed uint64, list []Engine) (string, error) {
	r := newEngineReport()
	e, err := newEngines(list, 0, r)
	if err != nil {
		return "", err
	}
	defer e.close()
	d, err := e.compare(p, seed)
	switch {
	case err != nil:
		return "", err
	case d != nil:
		return d.kind() + ": " + d.text, nil
	case r.Compared == 0:
		return "", errors.New("engine case: the program was not run")
	}
	return "", nil
}

// jitAvailable says why there is no machine code here, nil if there is.
func jitAvailable() error {
	if jit.Arch == "" {
		return errors.New("no machine code is made for this architecture")
	}
	return execmem.Probe()
}
