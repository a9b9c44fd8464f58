package interp

import (
	"fmt"

	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/internal/trap"
	"github.com/gbpf/gbpf/maps"
)

// maxArg is the largest memory argument of a helper, in bytes (BPF_MAX_VAR_SIZ).
const maxArg = 1 << 29

// checkArgs holds the arguments of a call against the helper's prototype, as the verifier
// would: memory must lie within one object that permits what the helper does
// with it, map arguments must be maps, the context the run's own.
func (st *State) checkArgs(p *Program, pc int, h *proto.Proto) bool {
	var m *maps.Map
	args := &st.Call.Args
	for i := range h.Args {
		a, v := &h.Args[i], args[i]
		if a.Kind == proto.DontCare {
			return true
		}
		if v == 0 && a.Flags&proto.MaybeNull != 0 {
			continue
		}
		var size uint64
		switch a.Kind {
		case proto.ConstMapPtr:
			if m = st.Call.Maps.Map(v); m == nil {
				return st.badArg(p, pc, h, i, trap.BadHandle, 0, "not a map")
			}
			continue
		case proto.PtrToCtx:
			if b := &st.Bctx; v != uint64(b.Ctx) {
				return st.badArg(p, pc, h, i, trap.HelperFault, 0, "not the context")
			}
			continue
		case proto.PtrToMapKey:
			if m == nil {
				continue
			}
			size = uint64(m.KeySize())
		case proto.PtrToMapValue:
			if m == nil {
				continue
			}
			size = uint64(m.ValueSize())
		case proto.PtrToMem:
			switch {
			case a.Flags&proto.FixedSize != 0:
				size = uint64(a.Size)
			case i+1 < len(args):
				size = args[i+1]
			}
		default:
			continue
		}
		if size == 0 {
			continue
		}
		if size > maxArg {
			return st.badArg(p, pc, h, i, trap.HelperFault, size, "too large")
		}
		writes := a.Flags&(proto.Write|proto.Uninit) != 0
		if writes {
			if _, detail := st.judge(v, uint32(size), guest.PermWrite); detail != "" {
				return st.badArg(p, pc, h, i, trap.HelperFault, size, detail)
			}
		}
		if a.Flags&proto.Uninit == 0 {
			if _, detail := st.judge(v, uint32(size), guest.PermRead); detail != "" {
				return st.badArg(p, pc, h, i, trap.HelperFault, size, detail)
			}
		}
	}
	return true
}

func (st *State) badArg(p *Program, pc int, h *proto.Proto, i int, code trap.Code, size uint64, reason string) bool {
	a := &h.Args[i]
	st.fail(p, pc, &trap.Trap{
		Code: code, Addr: st.Call.Args[i], Size: uint32(min(size, 1<<32-1)), Write: a.Flags&(proto.Write|proto.Uninit) != 0,
		Detail: fmt.Sprintf("argument %d of bpf_%s, %s: %s", i+1, h.Name, a.Kind, reason),
	})
	return false
}
