// Package progtype describes BPF program types: how each lays out its context,
// which helpers it may call, what it may return, and how an input of a test run
// becomes a context and back, as the kernel's BPF_PROG_TEST_RUN does it.
package progtype

import (
	"fmt"

	"github.com/gbpf/gbpf/internal/guest"
)

// Access is what a program may do with a context field.
type Access uint16

// Field accesses, a set.
const (
	Read        Access = 1 << iota
	Write              // a store by the program is allowed
	Narrow             // loads narrower than the field are allowed
	Settable           // the host may set it for a run
	NarrowWrite        // stores narrower than the field are allowed, where Write is set
	Wide               // loads and, with Write, stores may span neighbouring elements of an array
	FirstOnly          // narrow loads must start where the field does
	LowHalf            // narrow loads must lie in the first half: the value has half the field's bits
	NoByte             // narrow loads of one byte are refused
)

// FieldKind says what a load of a context field yields.
type FieldKind uint8

// Kinds of context field.
const (
	Scalar     FieldKind = iota
	PacketData           // 32-bit guest address of packet data
	PacketEnd            // one past its last byte
	PacketMeta           // start of metadata in front of it
	Pointer              // 64-bit guest address of an object, see Field.Target
)

// Field is one field of a context as the UAPI headers lay it out.
type Field struct {
	Name   string
	Off    uint32 // bytes from the start of the context
	Size   uint32 // bytes of one element
	Count  uint32 // elements of an array, 0 for a single field
	Kind   FieldKind
	Access Access
	// Target is, for Pointer, what it points to: one of the Target constants, or with
	// Trusted the kernel structure of that name.
	Target   string
	Nullable bool // for Pointer: it may be NULL
	Trusted  bool // for Pointer: it points to a kernel structure that is there while the program runs

	// ReadAt and WriteAt limit Read and Write to programs of these expected attach
	// types; 0 means all. Layouts that [Type.Layout] returns have them applied.
	ReadAt, WriteAt AttachSet
}

// Layout is a context structure.
type Layout struct {
	Name   string // the C structure, such as "xdp_md"
	Size   uint32 // bytes
	Fields []Field
	// Flat: it is plain memory: every load and store inside it is allowed, aligned or not.
	Flat bool

	index []uint16          // by offset: 1 + number of the field, 0 for padding
	alias map[string]string // other names of fields
}

// Range is the set of return values that a program type allows; both ends count.
type Range struct {
	Min, Max int32
	Any      bool // every value is allowed
}

// Input is what one run is given.
type Input struct {
	Data   []byte            // packet data, memory of a raw program, or a syscall program's context
	Ctx    []byte            // the context structure's bytes as user space lays them out; nil for zeros
	Fields map[string]uint64 // context fields by name, applied over Ctx; "cb[2]" names an element
	Meta   uint32            // how many of the first bytes of Data are data_meta (XDP)
}

// Output is what one run left.
type Output struct {
	Data []byte // packet data as the program left it, appended to the slice given
	Ctx  []byte // the context structure as user space sees it
}

// Bctx is the BPF context of one run: where its parts lie in guest memory, and
// what packet helpers keep about it. An engine passes Ctx in R1 (for type raw,
// Data in R1 and its length in R2).
type Bctx struct {
	Mem  *guest.Memory
	Slot *guest.Slot
	Type *Type

	Ctx    guest.Addr // start of the context structure
	CtxLen uint32     // bytes

	// Packet data. A program may touch [DataMeta, DataEnd); helpers move the
	// inner three between HardStart and HardEnd and update the context.
	HardStart, DataMeta, Data, DataEnd, HardEnd guest.Addr
	PacketWritable                              bool
	// Area, if not 0, is AreaSize bytes of guest memory that take the place of the slot's packet area, with Input.Data
	// in them already, from guest.Headroom on: whoever sets it says so.
	Area     guest.Addr
	AreaSize uint32

	// Sock is a struct bpf_sock of SockSize bytes that the context points to, such as
	// __sk_buff.sk; 0 for none. A program may read it.
	Sock guest.Addr

	Skb      Skb      // for socket buffer types
	Redirect Redirect // what bpf_redirect and its kin asked for
	Retval   int32    // what bpf_get_retval returns and bpf_set_retval sets

	user userCtx
}

// Skb is what the kernel keeps in a socket buffer beside what __sk_buff shows.
type Skb struct {
	L2        bool   // data starts at the link-layer header
	Hidden    uint32 // bytes of link-layer header in front of Data that test-run output shows again
	Protocol  uint16 // host order ethertype
	MacLen    uint32
	Hash      uint32
	PktType   uint32
	VlanTCI   uint16
	VlanProto uint16
	HasVlan   bool
	HasHash   bool  // Hash is set, by the host or a helper
	CsumLevel uint8 // checksums known good, as bpf_csum_level counts: 0 none, else level + 1
}

// Redirect is where a program asked a packet to go.
type Redirect struct {
	Set     bool
	Ifindex uint32
	Flags   uint64
	Map     uint32 // map handle of bpf_redirect_map, 0 for bpf_redirect
	Key     uint64
	Peer    bool
}

// Type is one program type. The zero Funcs mean a type without input handling.
type Type struct {
	Name    string // the name that section names and the CLI use, such as "xdp"
	Kernel  uint32 // BPF_PROG_TYPE_*, 0 for gbpf's own
	Ctx     Layout
	Packet  bool  // it has packet data
	Returns Range // by default; expected attach types may narrow it, see ReturnsFor
	// Attach lists the expected attach types that mean something to the type, see Accepts.
	Attach []Attach
	// AnyAttach says that the kernel takes and ignores attach types that Attach lacks.
	AnyAttach bool
	// DefaultAttach is what the kernel takes expected attach type 0 for.
	DefaultAttach uint32
	Capabilities
	// Helpers reports whether the kernel lets this type call a helper, by number.
	Helpers func(id int32) bool

	// Setup lays the input out in the slot and fills b.
	Setup func(b *Bctx, in *Input) error
	// Sync writes where b's packet data lies (and how long it is) into the context
	// structure; helpers call it after they moved data.
	Sync func(b *Bctx)
	// Finish appends what the run left to out.Data and sets out.Ctx.
	Finish func(b *Bctx, out *Output)

	layouts map[uint32]*Layout // by attach type, where a field depends on it
}

// String is the type's name.
func (t *Type) String() string { return t.Name }

// InputError says which part of a run's input cannot be used and why.
type InputError struct {
	Type   string // program type
	What   string // "data", "ctx", or a field's name
	Reason string
}

func (e *InputError) Error() string {
	return fmt.Sprintf("run input: %s: %s: %s", e.Type, e.What, e.Reason)
}
