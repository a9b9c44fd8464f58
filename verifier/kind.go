package verifier

// Kind is the type of what a register or stack slot holds, in the kernel's vocabulary
// (enum bpf_reg_type).
type Kind uint8

// The kinds. "OrNull" variants are the kind with [MaybeNull].
const (
	NotInit         Kind = iota // nothing was written
	Scalar                      // a number
	PtrToCtx                    // the program's context
	ConstPtrToMap               // a map itself, Obj its index
	PtrToMapValue               // a value of map Obj
	PtrToMapKey                 // a key of map Obj, in callbacks
	PtrToStack                  // the stack of frame Frame; Off is negative, from the frame's top
	PtrToPacketMeta             // skb->data_meta
	PtrToPacket                 // skb->data
	PtrToPacketEnd              // skb->data_end
	PtrToFlowKeys               // struct bpf_flow_keys
	PtrToSocket                 // struct bpf_sock, full
	PtrToSockCommon             // struct bpf_sock, of which only the common part may be read
	PtrToTCPSock                // struct bpf_tcp_sock
	PtrToTPBuffer               // the buffer of a writable raw tracepoint
	PtrToXDPSock                // struct bpf_xdp_sock
	PtrToBTFID                  // a kernel structure, Obj its number among the verifier's types
	PtrToMem                    // Size bytes of memory: a ring buffer record, a dynptr's slice, a global's argument
	PtrToBuf                    // a buffer of the kernel whose size is checked at run time
	PtrToArena                  // memory of an arena
	PtrToFunc                   // a function of the program, Obj its first instruction
	PtrToDynptr                 // a dynptr given to a function, not one's own stack slots
	numKinds

	// What slots of the stack hold that are no registers.
	kindDynptrSlot // Obj the kind of dynptr, Off which half
	kindIterSlot   // Obj the iterator, Size its state
	kindIRQSlot
)

var kindNames = [numKinds]string{
	"?", "scalar", "ctx", "map_ptr", "map_value", "map_key", "fp", "pkt_meta", "pkt", "pkt_end", "flow_keys", "sock",
	"sock_common", "tcp_sock", "tp_buffer", "xdp_sock", "ptr_", "mem", "buf", "arena", "func", "dynptr_ptr",
}

// String returns the name that the kernel's log prints.
func (k Kind) String() string {
	if k < numKinds {
		return kindNames[k]
	}
	return "kind?"
}

// Flags narrow a kind (enum bpf_type_flag).
type Flags uint16

// The flags.
const (
	MaybeNull   Flags = 1 << iota // may be NULL: to be compared with 0 before use
	Rdonly                        // may not be written through
	Ringbuf                       // a record of a ring buffer
	User                          // an address of user space
	Percpu                        // of a per-CPU object: to be resolved by a helper first
	Alloc                         // from bpf_obj_new or kptr of the program's own type
	Untrusted                     // may be stale: loads are checked at run time, helpers do not take it
	Trusted                       // valid, as arguments of tracepoints and of acquiring helpers
	RCU                           // valid within the RCU read section
	NonOwnRef                     // a reference that owns nothing
	DynptrData                    // points into a dynptr's data, Obj its identity
	sum32                         // of a number: Off was added to the low 32 bits, which are all there is
	packetSlice                   // points into the packet, so that moving it ends the pointer
)
