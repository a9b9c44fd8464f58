package vm

import (
	"errors"

	"github.com/gbpf/gbpf/helpers"
	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/verifier"
)

// verify holds the program against the machine's policy and keeps the proof.
func (p *Program) verify() error {
	spec := &verifier.Spec{
		Name: p.spec.Name, Type: p.spec.Type, Attach: p.spec.AttachType, GPL: GPLCompatible(p.spec.License),
		Sleepable: p.spec.Sleepable, StrictAlignment: p.spec.StrictAlignment,
		Insns: p.spec.Insns, Kfuncs: p.spec.Kfuncs, Funcs: p.spec.Funcs, Lines: p.spec.Lines, Poison: p.spec.Poison,
		Helper: p.prototype, AttachBTF: p.spec.AttachBTF, Types: p.spec.Types,
	}
	for pc := range p.spec.Insns {
		if op := p.spec.Insns[pc].Op; int(op) < isa.NumOps && op.Info().Kind == isa.KindLoadImm64 {
			if _, err := p.constant(pc); err != nil {
				return err
			}
		}
	}
	for _, mp := range p.spec.Maps {
		// No instruction refers to a map that is not there: constant has looked.
		m := &verifier.Map{}
		if mp != nil {
			m = DescribeMap(mp)
		}
		spec.Maps = append(spec.Maps, m)
	}
	proof, err := verifier.Verify(spec, verifier.Options{
		Policy: p.m.opts.Policy, Steps: p.m.opts.VerifySteps, MemoryLimit: p.m.opts.VerifyMemory,
	})
	if err != nil {
		return p.refused(err)
	}
	p.proof = proof
	return nil
}

// refused says the verifier's refusal in the machine's words.
func (p *Program) refused(err error) error {
	var ve *verifier.Error
	if !errors.As(err, &ve) {
		return &LoadError{Program: p.spec.Name, Insn: -1, Reason: err.Error(), Err: err}
	}
	e := &LoadError{
		Program: p.spec.Name, Insn: ve.Insn, Line: ve.Line, Reason: ve.Reason,
		Unsupported: ve.Code == verifier.CodeUnsupported, Err: ve,
	}
	if e.Line == "" && e.Insn >= 0 {
		_, e.Line = p.where(e.Insn)
	}
	call := ve.Insn >= 0 && ve.Insn < len(p.spec.Insns) && (p.spec.Insns[ve.Insn].Op == isa.OpCallHelper || p.spec.Insns[ve.Insn].Op == isa.OpCallKfunc)
	if call && (ve.Code == verifier.CodeHelper || ve.Code == verifier.CodeUnsupported) {
		// That the machine lacks the helper says more than that it may not be called.
		if _, err := p.helper(ve.Insn); err != nil {
			var le *LoadError
			if errors.As(err, &le) {
				e.Reason, e.Unsupported = le.Reason, le.Unsupported
			}
		}
	}
	return e
}

// prototype is the helper of that number as the program may call it, nil if it may not: a
// helper of the host's, or one of the kernel's that the program's type has.
func (p *Program) prototype(id int32) *proto.Proto {
	if h := p.m.helpers.ByID(id); h != nil && h != helpers.ByID(id) {
		return h.Proto
	}
	return KernelHelper(p.spec.Type.Kernel, p.spec.AttachType, p.spec.Sleepable, id)
}

// KernelHelper returns the prototype of a kernel helper as programs of a type
// (BPF_PROG_TYPE_*) and expected attach type see it, nil for one that the kernel does not let
// them call. Programs of gbpf's own types, number 0, may call all.
func KernelHelper(progType, attach uint32, sleepable bool, id int32) *proto.Proto {
	if progType != 0 && !proto.AllowedAttach(progType, attach, sleepable, id) {
		return nil
	}
	return proto.For(progType, id)
}

// DescribeMap is a map as the verifier sees it. Its contents are part of that once they can
// change no more: see [maps.Map.Constant].
func DescribeMap(m *maps.Map) *verifier.Map {
	d := DescribeMapSpec(&maps.Spec{
		Name: m.Name(), Type: m.Type(), KeySize: m.KeySize(), ValueSize: m.ValueSize(), MaxEntries: m.MaxEntries(),
		Flags: m.Flags(), Inner: m.Inner(), Fields: m.Fields(),
	})
	if m.Constant() && m.Type() == maps.Array && m.MaxEntries() == 1 {
		if b, err := m.ValueBytes(0, m.ValueSize()); err == nil {
			d.Contents = append([]byte(nil), b...)
		}
	}
	return d
}

// DescribeMapSpec is [DescribeMap] for a map that does not exist yet, of which it says nothing about the contents.
func DescribeMapSpec(s *maps.Spec) *verifier.Map {
	d := &verifier.Map{
		Name: s.Name, Type: s.Type, KeySize: s.KeySize, ValueSize: s.ValueSize, MaxEntries: s.MaxEntries,
		Flags: s.Flags, Fields: s.Fields,
	}
	if s.Inner != nil {
		d.Inner = DescribeMapSpec(s.Inner)
	}
	return d
}
