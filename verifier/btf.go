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
	Size    uint32 // bytes: of an integer, or of the memory pointed to
	Type    string // of the structure pointed to: what [TypeSource.Struct] takes
	NonNull bool   // __arg_nonnull: callers may not pass NULL
	// Nullable: an argument of a kernel function that may be NULL.
	Nullable  bool
	Trusted   bool // __arg_trusted, and arguments of tracepoints
	Untrusted bool // __arg_untrusted
	Rdonly    bool // const memory
	User      bool // an address of user space (type tag user)
	Percpu    bool // an address of per-CPU data (type tag percpu)
	// Pointer: a number of class ArgScalar is a pointer in the function's type, to something that is no structure. It
	// is loaded whole.
	Pointer bool
	// Ref: the pointer is a reference that the program owns when it starts, and has to give back or to return.
	Ref bool
}

// TypeSource finds the kernel's types. Implementations are made by who reads BTF.
type TypeSource interface {
	// Struct returns a structure or union, nil for none: by its name, or by what a [Member] or
	// [ArgType] calls it, which is no name where that is another's or where there is none.
	Struct(name string) *Struct
	// StructByID returns what Struct takes for the structure or union with a BTF ID, "" if the ID is of something
	// else.
	StructByID(id uint32) string
	// KernelSymbol returns the type of a kernel variable that a BTF ID names, for 16-byte loads of BTF IDs:
	// ArgBTF for a structure, else ArgMem with its size. One of size 0 has no memory that may be read, such as
	// a function.
	KernelSymbol(id uint32) (name string, typ *ArgType, percpu bool, ok bool)
}

// Struct is a structure or union of the kernel, as BTF describes it. Programs walk it with the
// kernel's rules, which go by the order of its members and by how they are nested.
type Struct struct {
	Name    string // "" of one without
	Size    uint32 // bytes
	Union   bool
	Members []Member // in the order of declaration
}

// MemberKind is what a member is, or what the elements of an array are.
type MemberKind uint8

// The kinds of member.
const (
	MemberNumber MemberKind = iota // an integer, enum or floating-point number
	MemberBits                     // a bit-field
	MemberStruct                   // a structure or union, Type
	MemberPtr                      // a pointer, to the structure Type or to something else
	MemberOther                    // something that may not be loaded
)

// Member is one member of a structure.
type Member struct {
	Name string
	Kind MemberKind
	Off  uint32 // bytes, of a bit-field the first that has one of its bits
	Size uint32 // bytes of the whole member, of a bit-field those that have one of its bits
	Type string // what [TypeSource.Struct] takes, "" if it is no structure
	// Array: the member is an array, of as many elements of ElemSize bytes as fit its size. One without size is a flexible
	// array if it is the last member. Arrays of arrays count as one.
	Array    bool
	ElemSize uint32
	// The type tags of what a pointer points to: valid in an RCU section, an address of user space, of a
	// per-CPU object.
	RCU, User, Percpu bool
}
