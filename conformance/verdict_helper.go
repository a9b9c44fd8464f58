package conformance

import (
	"sync"

	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/internal/fuzzgen"
	"github.com/gbpf/gbpf/progtype"
)

// fuzzHelpers describes the helpers to the generator.
var fuzzHelpers = sync.OnceValue(func() (list []fuzzgen.Helper) {
	for id := range int32(proto.MaxID + 1) {
		p := proto.ByID(id)
		if p == nil || id == 8 {
			// get_smp_processor_id: its range is that of the machine's processors.
			continue
		}
		h := fuzzgen.Helper{ID: p.ID, Moves: p.ChangesPacket}
		for i := range p.NumArgs() {
			h.Args = append(h.Args, fuzzArg(&p.Args[i]))
		}
		h.Null = p.Ret.Flags&proto.MaybeNull != 0
		h.None = p.Ret.Kind != proto.RetInteger
		for _, t := range progtype.All() {
			if t.Kernel != 0 && proto.Allowed(t.Kernel, p.ID) {
				h.Types = append(h.Types, t.Kernel)
			}
		}
		list = append(list, h)
	}
	return list
})

func fuzzArg(a *proto.Arg) fuzzgen.HelperArg {
	switch a.Kind {
	case proto.Anything:
		return fuzzgen.AnyArg
	case proto.PtrToCtx:
		return fuzzgen.CtxArg
	case proto.ConstMapPtr:
		return fuzzgen.MapArg
	case proto.PtrToMapKey:
		return fuzzgen.KeyArg
	case proto.PtrToMapValue:
		return fuzzgen.ValueArg
	case proto.PtrToMem:
		if a.Flags&proto.FixedSize != 0 {
			return fuzzgen.LongArg
		}
		return fuzzgen.MemArg
	case proto.ConstSize, proto.ConstSizeOrZero:
		return fuzzgen.SizeArg
	}
	return fuzzgen.OtherArg
}
