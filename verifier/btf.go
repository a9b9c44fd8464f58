package verifier

// FuncType is the type of a function: of a global function of the program, by which it
// and its callers are verified apart, or of the kernel function that a tracing program
// attaches to.
type FuncType struct {
	Name string
	Args []ArgType
	Ret  ArgType
}

// ArgClass is what kind of value an argument is.
type ArgClass uint8

// The classes of argument.
const (
	ArgScalar  ArgClass = iota // an integer, enum or plain pointer taken as a number
	ArgVoid                    // of a result: none
	ArgCtx                     // the program's context
	ArgMem                     // Size bytes of memory
	ArgDynptr                  // struct bpf_dynptr
	ArgBTF                     // a kernel structure, Type its name
	ArgArena                   // an arena's address
	ArgUnknown                 // something that no rule covers
)

// ArgType is the type of one argument or result.
type ArgType struct {
	Class   ArgClass
	Size    uint32 // bytes: of the memory that ArgMem points to, else of the argument itself
	Type    string // name of the structure pointed to
	NonNull bool   // __arg_nonnull: callers may not pass NULL
	// Nullable: an argument of a kernel function that may be NULL.
	Nullable  bool
	Trusted   bool // __arg_trusted, and arguments of tracepoints
	Untrusted bool // __arg_untrusted
	Rdonly    bool // const memory
	User      bool // an address of user space (type tag user)
	Percpu    bool // an address of per-CPU data (type tag percpu)
	// Pointer: of a number, a pointer to something that is no structure.
	Pointer bool
}

// TypeSource finds the kernel's types. Implementations are made by who reads BTF.
type TypeSource interface {
	// Struct returns a structure or union by name, nil for none. Structures that have no name, or
	// share it with others, go by one that the implementation makes, with their BTF ID behind a "#".
	// "#" and a BTF ID alone finds every structure; its Name says what it goes by.
	Struct(name string) *Struct
	// KernelSymbol returns the type of a kernel variable that a BTF ID names, for 16-byte loads of BTF IDs.
	KernelSymbol(id uint32) (name string, typ *ArgType, percpu bool, ok bool)
}

// Struct is a structure or union of the kernel, as far as the verifier needs it. The members of
// unnamed structures and unions inside it, and of those whose type has no name, are among its own.
type Struct struct {
	Name    string
	Size    uint32
	Union   bool
	Members []Member // in the order of declaration
}

// Member is one member of a structure.
type Member struct {
	Name   string
	Off    uint32 // bytes
	Size   uint32 // bytes of the whole member
	Struct string // name of the structure embedded here, for walking into it; "" if none
	Elem   uint32 // of an array: bytes of an element, 0 for no array
	// Ptr is, of a pointer to a structure or union, the name of that. Plain is a pointer to anything
	// else.
	Ptr   string
	Plain bool
	// RCU, User, Percpu are the type tags of the pointer.
	RCU, User, Percpu bool
	// Bits: a bit field; Off and Size are of the bytes that hold its bits.
	Bits bool
	// Union: the member lies in a union of several members, by which a pointer loaded from it
	// is not to be trusted.
	Union bool
	// End is, of a member of an unnamed structure, where that ends, 0 for other members: no access that begins in
	// the member reaches beyond.
	End uint32
}
