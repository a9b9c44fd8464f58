package helpers_test

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/internal/kernel"
	"github.com/gbpf/gbpf/progtype"
)

// kernelAvailable says why the kernel cannot be asked, nil when it can.
func kernelAvailable() error { return kernel.Available() }

// runInKernel runs a script with BPF_PROG_TEST_RUN.
func (s *script) runInKernel() (*outcome, error) {
	var open []interface{ Close() error }
	defer func() {
		for _, o := range open {
			o.Close()
		}
	}()
	value, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: valueSize, MaxEntries: 1})
	if err != nil {
		return nil, err
	}
	open = append(open, value)
	content := make([]byte, valueSize)
	copy(content[bufAt:], s.buf)
	if err := value.Put(uint32(0), content); err != nil {
		return nil, err
	}
	strs := make([]byte, max(len(s.strs), 1))
	copy(strs, s.strs)
	ro, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: uint32(len(strs)), MaxEntries: 1, Flags: 1 << 7})
	if err != nil {
		return nil, err
	}
	open = append(open, ro)
	if err := ro.Put(uint32(0), strs); err != nil {
		return nil, err
	}
	if err := ro.Freeze(); err != nil {
		return nil, err
	}
	extra := make([]*ebpf.Map, len(extraMaps))
	for i, e := range extraMaps {
		if !s.uses(mapArg(i)) {
			continue
		}
		m, err := ebpf.NewMap(&ebpf.MapSpec{Name: e.Name, Type: ebpf.MapType(e.Type), KeySize: e.KeySize, ValueSize: e.ValueSize, MaxEntries: e.MaxEntries})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name, err)
		}
		extra[i] = m
		open = append(open, m)
	}

	is := asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.StoreImm(asm.RFP, -4, 0, asm.Word),
		asm.LoadMapPtr(asm.R1, value.FD()), asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, -4),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "out"),
		asm.Mov.Reg(asm.R7, asm.R0),
	}
	for i, c := range s.calls {
		p := proto.ByName(c.name)
		for k, a := range c.args {
			r := asm.R1 + asm.Register(k)
			switch a := a.(type) {
			case int:
				is = append(is, asm.LoadImm(r, int64(a), asm.DWord))
			case uint64:
				is = append(is, asm.LoadImm(r, int64(a), asm.DWord))
			case bctx:
				is = append(is, asm.Mov.Reg(r, asm.R6))
			case buf:
				is = append(is, asm.Mov.Reg(r, asm.R7), asm.Add.Imm(r, bufAt+int32(a)))
			case str:
				is = append(is, asm.LoadMapValue(r, ro.FD(), uint32(a)))
			case mapArg:
				is = append(is, asm.LoadMapPtr(r, extra[a].FD()))
			}
		}
		is = append(is, asm.BuiltinFunc(p.ID).Call())
		switch {
		case p.Ret.Kind == proto.RetVoid:
			is = append(is, asm.Mov.Imm(asm.R0, 0))
		case p.Ret.Kind != proto.RetInteger:
			// Whether there is one.
			l := fmt.Sprintf("null%d", i)
			is = append(is, asm.JEq.Imm(asm.R0, 0, l), asm.Mov.Imm(asm.R0, 1),
				asm.StoreMem(asm.R7, int16(8*i), asm.R0, asm.DWord).WithSymbol(l))
			continue
		}
		is = append(is, asm.StoreMem(asm.R7, int16(8*i), asm.R0, asm.DWord))
	}
	for i, f := range s.fields {
		_, off, err := progtype.ByKernel(s.typ).Ctx.Resolve(f)
		if err != nil {
			return nil, err
		}
		is = append(is, asm.LoadMem(asm.R0, asm.R6, int16(off), asm.Word), asm.StoreMem(asm.R7, fieldsAt+int16(8*i), asm.R0, asm.DWord))
	}
	is = append(is, asm.Mov.Imm(asm.R0, 0).WithSymbol("out"), asm.Return())
	prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.ProgramType(s.typ), License: "GPL", Instructions: is})
	if err != nil {
		var ve *ebpf.VerifierError
		if errors.As(err, &ve) {
			return nil, fmt.Errorf("%s: %+v", s.name, ve)
		}
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	open = append(open, prog)
	o := ebpf.RunOptions{Data: s.packet, DataOut: make([]byte, 1<<16), Repeat: 1}
	if s.meta != 0 {
		ctx := make([]byte, 24)
		binary.LittleEndian.PutUint32(ctx, s.meta)
		binary.LittleEndian.PutUint32(ctx[4:], uint32(len(s.packet)))
		o.Context = ctx
	}
	if _, err := prog.Run(&o); err != nil {
		return nil, fmt.Errorf("%s: run: %w", s.name, err)
	}
	got := make([]byte, valueSize)
	if err := value.Lookup(uint32(0), &got); err != nil {
		return nil, err
	}
	out := &outcome{Buf: got[bufAt:], Packet: o.DataOut}
	for i := range s.calls {
		out.R0 = append(out.R0, binary.LittleEndian.Uint64(got[8*i:]))
	}
	for i := range s.fields {
		out.Fields = append(out.Fields, binary.LittleEndian.Uint64(got[fieldsAt+8*i:]))
	}
	return out, nil
}
