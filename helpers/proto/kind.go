package proto

import "fmt"

// ArgKind is the kernel's base enum bpf_arg_type, with the same numbers.
type ArgKind uint8

// Kinds of argument.
const (
	DontCare             ArgKind = iota // the helper does not take it
	ConstMapPtr                         // a map, known when the program is verified
	PtrToMapKey                         // key_size bytes of the map argument
	PtrToMapValue                       // value_size bytes of the map argument
	PtrToMem                            // memory whose size the next argument gives, or Arg.Size with FixedSize
	PtrToArena                          // an arena
	ConstSize                           // the bounded, non-zero size of the memory argument before it
	ConstSizeOrZero                     // the same, zero allowed
	PtrToCtx                            // the program's context
	Anything                            // any initialised register
	PtrToSpinLock                       // struct bpf_spin_lock in a map value
	PtrToSockCommon                     // struct sock_common
	PtrToSocket                         // struct bpf_sock, full
	PtrToBTFID                          // a kernel structure
	PtrToRingbufMem                     // a record from ringbuf_reserve
	ConstAllocSizeOrZero                // a constant size of the memory that is returned
	PtrToBTFIDSockCommon                // any kernel socket structure
	PtrToPercpuBTFID                    // a per-CPU kernel variable
	PtrToFunc                           // a static function of the program
	PtrToStack                          // the program's stack
	PtrToConstStr                       // a NUL-terminated string in a read-only map
	PtrToTimer                          // struct bpf_timer in a map value
	KptrXchgDest                        // a kptr field
	PtrToDynptr                         // struct bpf_dynptr on the stack
)

var argNames = [...]string{
	"dont_care", "const_map_ptr", "ptr_to_map_key", "ptr_to_map_value", "ptr_to_mem", "ptr_to_arena", "const_size",
	"const_size_or_zero", "ptr_to_ctx", "anything", "ptr_to_spin_lock", "ptr_to_sock_common", "ptr_to_socket",
	"ptr_to_btf_id", "ptr_to_ringbuf_mem", "const_alloc_size_or_zero", "ptr_to_btf_id_sock_common",
	"ptr_to_percpu_btf_id", "ptr_to_func", "ptr_to_stack", "ptr_to_const_str", "ptr_to_timer", "kptr_xchg_dest", "ptr_to_dynptr",
}

// String is the kernel's name in lower case, without ARG_.
func (k ArgKind) String() string {
	if int(k) < len(argNames) {
		return argNames[k]
	}
	return fmt.Sprintf("arg kind %d", uint8(k))
}

// RetKind is the kernel's base enum bpf_return_type, with the same numbers.
type RetKind uint8

// Kinds of result.
const (
	RetInteger         RetKind = iota // a scalar
	RetVoid                           // nothing: R0 is not readable
	RetPtrToMapValue                  // a value of the map argument
	RetPtrToSocket                    // struct bpf_sock
	RetPtrToTCPSock                   // struct bpf_tcp_sock
	RetPtrToSockCommon                // struct sock_common
	RetPtrToMem                       // memory whose size a ConstAllocSizeOrZero argument gives
	RetPtrToMemOrBTFID                // memory or a kernel structure, by the argument's type
	RetPtrToBTFID                     // a kernel structure
)

var retNames = [...]string{
	"integer", "void", "ptr_to_map_value", "ptr_to_socket", "ptr_to_tcp_sock", "ptr_to_sock_common",
	"ptr_to_mem", "ptr_to_mem_or_btf_id", "ptr_to_btf_id",
}

// String is the kernel's name in lower case, without RET_.
func (k RetKind) String() string {
	if int(k) < len(retNames) {
		return retNames[k]
	}
	return fmt.Sprintf("ret kind %d", uint8(k))
}

// Flag is the kernel's enum bpf_type_flag, less the 8 bits that the kind takes there: what narrows
// a kind of argument or result.
type Flag uint32

// Flags of arguments and results.
const (
	MaybeNull     Flag = 1 << iota // may be NULL
	Rdonly                         // the helper only reads it
	Ringbuf                        // memory of a ring buffer
	User                           // an address of user space
	Percpu                         // per-CPU memory
	Release                        // the reference in it is given back
	Untrusted                      // the pointer may be stale
	Uninit                         // the helper does not read it before it is written
	DynptrLocal                    // a dynptr to local memory
	DynptrRingbuf                  // a dynptr to a ring buffer record
	FixedSize                      // Arg.Size bytes
	Alloc                          // memory from bpf_obj_new and kin
	Trusted                        // the pointer is valid as it is
	RCU                            // valid under RCU
	NonOwnRef                      // a reference that owns nothing
	DynptrSkb                      // a dynptr to a socket buffer
	DynptrXdp                      // a dynptr to an XDP frame
	Aligned                        // aligned to Arg.Size
	Write                          // the helper writes it
	DynptrSkbMeta                  // a dynptr to a socket buffer's metadata
)

var flagNames = [...]string{
	"maybe_null", "rdonly", "ringbuf", "user", "percpu", "release", "untrusted", "uninit", "dynptr_local",
	"dynptr_ringbuf", "fixed_size", "alloc", "trusted", "rcu", "non_own_ref", "dynptr_skb", "dynptr_xdp", "aligned", "write",
	"dynptr_skb_meta",
}

// String lists the set flags, joined by "|".
func (f Flag) String() string {
	s := ""
	for i := range 32 {
		if f&(1<<i) == 0 {
			continue
		}
		if s != "" {
			s += "|"
		}
		if i < len(flagNames) {
			s += flagNames[i]
		} else {
			s += fmt.Sprintf("flag %d", i)
		}
	}
	return s
}
