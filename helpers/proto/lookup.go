package proto

import "slices"

type variant struct {
	types []uint32 // program types, as the kernel numbers them
	proto Proto
}

type allowRow struct {
	typ, attach uint32
	sleepable   bool
	set         [4]uint64 // a bit a helper number
}

func (r *allowRow) has(id int32) bool {
	return id > 0 && int(id) < 64*len(r.set) && r.set[id/64]>>(id%64)&1 != 0
}

// callbacks are the signatures that the helpers' documentation gives.
var callbacks = map[string]*Callback{
	"for_each_map_elem":  {Args: [5]CallbackArg{CallbackMap, CallbackMapKey, CallbackMapValue, CallbackCtx}},
	"loop":               {Args: [5]CallbackArg{CallbackScalar, CallbackCtx}},
	"timer_set_callback": {Args: [5]CallbackArg{CallbackMap, CallbackMapKey, CallbackMapValue}},
	"find_vma":           {Args: [5]CallbackArg{CallbackTask, CallbackVMA, CallbackCtx}},
	"user_ringbuf_drain": {Args: [5]CallbackArg{CallbackDynptr, CallbackCtx}},
}

// acquirers return a reference whatever the map argument's type is;
// map_lookup_elem on socket maps does too, which the table cannot say.
var acquirers = []string{"sk_lookup_tcp", "sk_lookup_udp", "skc_lookup_tcp", "ringbuf_reserve", "kptr_xchg"}

var byName = map[string]*Proto{}

func init() {
	for i := range table {
		if table[i].ID != 0 {
			complete(&table[i])
			byName[table[i].Name] = &table[i]
		}
	}
	for i := range variants {
		complete(&variants[i].proto)
	}
	deriveAllow()
	deriveMapAllow()
}

// complete sets what is not part of the kernel's own prototype table.
func complete(p *Proto) {
	p.Callback = callbacks[p.Name]
	p.Acquires = slices.Contains(acquirers, p.Name)
	p.Engine = p.Name == "tail_call"
	for _, a := range p.Args {
		p.Releases = p.Releases || a.Flags&Release != 0
	}
}

// ByID returns the prototype of a kernel helper, nil for a number that the
// kernel does not have. Program types may see another one, see [For].
func ByID(id int32) *Proto {
	if id <= 0 || int(id) >= len(table) || table[id].ID == 0 {
		return nil
	}
	return &table[id]
}

// ByName returns the prototype of the kernel helper with the given name, without
// its bpf_ prefix, nil for none.
func ByName(name string) *Proto { return byName[name] }

// Name is the name of a kernel helper, "" for a number that the kernel does not have.
func Name(id int32) string {
	if p := ByID(id); p != nil {
		return p.Name
	}
	return ""
}

// For returns the prototype of a helper as a program type (BPF_PROG_TYPE_*) sees
// it, nil for a number that the kernel does not have. It does not ask whether the type
// may call the helper, see [Allowed].
func For(progType uint32, id int32) *Proto {
	for i := range variants {
		if v := &variants[i]; v.proto.ID == id && slices.Contains(v.types, progType) {
			return &v.proto
		}
	}
	return ByID(id)
}

// Allowed reports whether Linux lets programs of a type (BPF_PROG_TYPE_*) call a helper,
// under at least one of the type's attach types, sleepable or not. It is false
// for types that the table does not have.
func Allowed(progType uint32, id int32) bool {
	for i := range allow {
		if r := &allow[i]; r.typ == progType && r.has(id) {
			return true
		}
	}
	return false
}

// AllowedAttach is [Allowed] for one expected attach type (BPF_* of enum
// bpf_attach_type) and for sleepable or other programs. Where the table has only other programs of the attach
// type, sleepable ones may call what these may; attach types that it does not have are treated as [Allowed] does.
func AllowedAttach(progType, attachType uint32, sleepable bool, id int32) bool {
	known, other := false, false
	for i := range allow {
		r := &allow[i]
		switch {
		case r.typ != progType || r.attach != attachType:
		case r.sleepable != sleepable:
			other = other || sleepable
		default:
			if known = true; r.has(id) {
				return true
			}
		}
	}
	if !known && other {
		return AllowedAttach(progType, attachType, false, id)
	}
	return !known && Allowed(progType, id)
}
