package conformance

import (
	"errors"
	"fmt"

	"github.com/gbpf/gbpf/internal/fuzzgen"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

// VerifierSpec describes a generated program to gbpf's verifier. The error says that its
// bytes are no program.
func VerifierSpec(p *fuzzgen.Program) (*verifier.Spec, error) {
	typ := progtype.ByKernel(p.Type)
	if typ == nil {
		return nil, fmt.Errorf("program type %d is unknown", p.Type)
	}
	s := &verifier.Spec{
		Name: "fuzz", Type: typ, Attach: p.Attach, GPL: true,
		Sleepable: p.Flags&fuzzgen.Sleepable != 0, StrictAlignment: p.Flags&fuzzgen.StrictAlignment != 0,
		Kfuncs: p.Kfuncs,
	}
	// Through the bytes, as any loader has them.
	insns, err := isa.Decode(p.Bytes())
	if err != nil {
		return nil, err
	}
	s.Insns = insns
	for _, m := range p.Maps {
		s.Maps = append(s.Maps, verifierMap(m))
	}
	if p.Typed {
		for i, start := range p.Starts() {
			s.Funcs = append(s.Funcs, verifierFunc(p, i, start))
		}
	}
	return s, nil
}

func verifierMap(m *fuzzgen.Map) *verifier.Map {
	v := &verifier.Map{
		Name: m.Name, Type: maps.Type(m.Type), KeySize: m.KeySize, ValueSize: m.ValueSize,
		MaxEntries: m.MaxEntries, Flags: m.Flags,
	}
	if m.Inner != nil {
		v.Inner = verifierMap(m.Inner)
	}
	if m.Lock {
		v.Fields = []maps.Field{{Kind: maps.FieldSpinLock, Off: 0, Size: 4}}
	}
	if m.Timer {
		v.Fields = []maps.Field{{Kind: maps.FieldTimer, Off: 0, Size: 16}}
	}
	if m.Frozen && m.Flags&maps.RdonlyProg != 0 {
		v.Contents = m.Contents
	}
	return v
}

func verifierFunc(p *fuzzgen.Program, i, start int) verifier.Func {
	f := verifier.Func{Insn: start, Name: fmt.Sprintf("f%d", i)}
	desc := p.Func(start)
	if desc == nil {
		return f
	}
	f.Global = true
	f.Type = &verifier.FuncType{Name: f.Name, Ret: verifier.ArgType{Class: verifier.ArgScalar, Size: 4}}
	for _, a := range desc.Args {
		t := verifier.ArgType{Class: verifier.ArgScalar, Size: 8}
		switch a.Kind {
		case fuzzgen.ArgCtx:
			t.Class = verifier.ArgCtx
		case fuzzgen.ArgMem:
			t = verifier.ArgType{Class: verifier.ArgMem, Size: a.Size, Nullable: true}
		}
		f.Type.Args = append(f.Type.Args, t)
	}
	return f
}

// verifyGenerated returns gbpf's verdict: nil for acceptance. What cannot be decoded is
// refused for its structure.
func verifyGenerated(p *fuzzgen.Program, o verifier.Options) *verifier.Error {
	s, err := VerifierSpec(p)
	if err != nil {
		return &verifier.Error{Program: "fuzz", Code: verifier.CodeStructure, Insn: -1, Reason: err.Error()}
	}
	_, err = verifier.Verify(s, o)
	var ve *verifier.Error
	if err != nil && !errors.As(err, &ve) {
		ve = &verifier.Error{Program: "fuzz", Code: verifier.CodeUnsupported, Insn: -1, Reason: err.Error()}
	}
	return ve
}
