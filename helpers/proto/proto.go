// Package proto describes the prototypes of the kernel's BPF helpers: what
// each argument must be, what is returned, and what a call does beside. The
// vocabulary is the kernel's (enum bpf_arg_type, enum bpf_return_type, enum
// bpf_type_flag), so that a verifier can be driven by the table alone.
//
// The table was checked against a live Linux 6.18 kernel and the per-program-type
// allow list was read from it, by the tests of this package.
package proto

//go:generate go test -run TestAllowed -update .
//go:generate go test -run TestKfuncSignatures -update .
//go:generate go test -run TestKfuncAllowed -update .

// Proto is a helper's prototype.
type Proto struct {
	ID   int32  // the kernel's number, BPF_FUNC_*; a user's own helpers may take any number above [MaxID]
	Name string // without the bpf_ prefix, such as "map_lookup_elem"
	Args [5]Arg // a DontCare argument ends the list
	Ret  Ret

	GPLOnly       bool // only programs under a GPL-compatible licence may call it
	PktAccess     bool // memory arguments may point into the packet
	MightSleep    bool // only sleepable programs may call it
	Fastcall      bool // R1 to R5 that it does not take keep their values (bpf_fastcall)
	ChangesPacket bool // packet pointers are invalid after the call
	Acquires      bool // the result is a reference that the program must release
	Releases      bool // an argument with flag Release gives a reference back

	// Callback is the signature of the function that a [PtrToFunc] argument
	// names, nil for helpers without one.
	Callback *Callback
	// Engine says that the engine that runs the program carries the call out,
	// because no function can: tail_call.
	Engine bool
}

// NumArgs is the number of arguments that the helper takes.
func (p *Proto) NumArgs() int {
	for i, a := range p.Args {
		if a.Kind == DontCare {
			return i
		}
	}
	return len(p.Args)
}

// Arg is what one argument must be.
type Arg struct {
	Kind  ArgKind
	Flags Flag
	Size  uint32 // bytes behind a pointer with flag FixedSize
	BTF   string // the kernel structure that a BTF pointer must point to, where one is named
}

// Ret is what a helper returns.
type Ret struct {
	Kind  RetKind
	Flags Flag
	BTF   string // the kernel structure that a BTF pointer points to, where one is named
}

// Callback is the signature of a function that a helper calls. It always
// returns an integer in [0, 1].
type Callback struct {
	Args [5]CallbackArg // what R1 to R5 hold on entry; CallbackNone ends the list
}

// CallbackArg is what a callback is given in one register.
type CallbackArg uint8

// Arguments of callbacks.
const (
	CallbackNone     CallbackArg = iota // the register is not initialised
	CallbackScalar                      // any integer
	CallbackMap                         // the map that the helper was given (PTR_TO_MAP / CONST_PTR_TO_MAP)
	CallbackMapKey                      // a key of that map
	CallbackMapValue                    // a value of that map
	CallbackCtx                         // the helper's callback_ctx argument, as it was given
	CallbackTask                        // struct task_struct, trusted
	CallbackVMA                         // struct vm_area_struct, trusted
	CallbackDynptr                      // a read-only local dynptr
)
