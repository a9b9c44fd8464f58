package interp

import (
	"github.com/gbpf/gbpf/helpers"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/jit"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/verifier"
)

// inline says what the helper call at pc may be replaced with in machine code: one of the kernel's own helpers, where what
// is proven of its arguments makes it simple.
func (p *Program) inline(pc int) (in jit.Inline) {
	if p.code[pc].op != isa.OpCallHelper {
		return in
	}
	h := p.helpers[p.code[pc].imm]
	if h.Kfunc || h != helpers.ByID(h.Proto.ID) {
		return in
	}
	switch h.Proto.Name {
	case "get_smp_processor_id":
		in.Kind = jit.InlineCPU
	case "map_lookup_elem", "map_update_elem":
		f := p.src.Proof.Fact(pc)
		if p.src.Map == nil || !f.Has(verifier.ConstMap) {
			break
		}
		m := p.src.Map(f.Map)
		if in.Map = m.Layout(); in.Map.Kind != maps.NoLayout {
			in.Kind, in.Handle = jit.InlineLookup, uint32(m.Handle())
			in.Key, in.KeyKnown = f.Key, f.Has(verifier.ConstKey)
			if h.Proto.Name == "map_update_elem" {
				in.Kind = jit.InlineUpdate
			}
		}
	}
	return in
}
