//go:build !linux || !(amd64 || arm64)

package kernel

import (
	"fmt"
	"runtime"
	"time"
)

var errPlatform = fmt.Errorf("bpf: %w: not supported on %s/%s", ErrUnavailable, runtime.GOOS, runtime.GOARCH)

// Available says that there is no kernel to ask here.
func Available() error { return errPlatform }

// Release is empty here.
func Release() string { return "" }

// OnCPU fails here.
func OnCPU(func(cpu int) error) error { return errPlatform }

// ProcessTime is not known here.
func ProcessTime() time.Duration { return 0 }

// PossibleCPUs is 1 here.
func PossibleCPUs() int { return 1 }

// Program is a program that the kernel accepted.
type Program struct{}

// Load fails here.
func Load(*Prog) (*Program, *Verdict, error) { return nil, nil, errPlatform }

// FD is -1 here.
func (p *Program) FD() int { return -1 }

// Close does nothing here.
func (p *Program) Close() error { return nil }

// Run fails here.
func (p *Program) Run(Input) (*Output, error) { return nil, errPlatform }

// TestRun fails here.
func TestRun(int, Input) (*Output, error) { return nil, errPlatform }

// BTF is type information that the kernel holds.
type BTF struct{}

// LoadBTF fails here.
func LoadBTF(types, strs []byte) (*BTF, error) { return nil, errPlatform }

// LoadRawBTF fails here.
func LoadRawBTF([]byte) (*BTF, error) { return nil, errPlatform }

// Close does nothing here.
func (b *BTF) Close() error { return nil }

// Map is a map that the kernel holds.
type Map struct{}

// NewMap fails here.
func NewMap(MapSpec) (*Map, error) { return nil, errPlatform }

// BorrowMap makes a map of no use here.
func BorrowMap(int) *Map { return &Map{} }

// FD is -1 here.
func (m *Map) FD() int { return -1 }

// Close does nothing here.
func (m *Map) Close() error { return nil }

// Update fails here.
func (m *Map) Update(key, value []byte, flags uint64) error { return errPlatform }

// Pop fails here.
func (m *Map) Pop() ([]byte, error) { return nil, errPlatform }

// Freeze fails here.
func (m *Map) Freeze() error { return errPlatform }

// Lookup fails here.
func (m *Map) Lookup(key []byte) ([]byte, error) { return nil, errPlatform }

// Delete fails here.
func (m *Map) Delete(key []byte) error { return errPlatform }

// Dump fails here.
func (m *Map) Dump() ([]KeyValue, error) { return nil, errPlatform }

// FillProgs fails here.
func (m *Map) FillProgs(map[uint32]*Program) error { return errPlatform }

// Ring is a consumer of records.
type Ring struct{}

// OpenRing fails here.
func OpenRing(*Map) (*Ring, error) { return nil, errPlatform }

// Take returns nothing here.
func (r *Ring) Take() [][]byte { return nil }

// Close does nothing here.
func (r *Ring) Close() error { return nil }

func dumpArray(int, uint32, uint32) ([]KeyValue, error) { return nil, errPlatform }
