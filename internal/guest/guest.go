// Package guest owns the memory that a BPF program can address.
//
// A [Memory] is one window: a stretch of host address space in which every
// guest address, a 32-bit offset, is readable and writable. Engines confine each
// address they form to 32 bits (and, on small windows, to [Memory.Mask]), so no
// program, proved or not, reaches anything else. What the window holds is
// registered as [Region] values: run slots, map values, global data, host-made
// objects. The registry answers "may this access happen?" for the checked
// interpreter and for helpers; the window itself never faults.
//
// Nothing the host relies on lives in the window: a rogue program can scribble
// over all of it and harms only its own machine's data.
package guest

// Addr is a guest address: an offset into the window. Zero is the null pointer
// and never belongs to an object.
type Addr = uint32

const (
	// PageSize is the granule of the registry, in bytes. It is gbpf's own and
	// independent of the host's page size.
	PageSize = 4096

	// NullZone is the first guest address that can hold an object, in bytes.
	// Registers that hold handles (maps, programs) stay below it, so a handle
	// used as an address is always an access to no object.
	NullZone = 1 << 16

	// margin is the readable and writable pad before and behind the window, in bytes: an
	// access of at most eight bytes at the last address spills into it, and one at a small
	// offset from an address that was confined goes there where the address would have wrapped.
	// In windows of 4 GiB it is the other end of the same memory.
	margin = 1 << 16

	// Align is what the host address of a window is a multiple of, in bytes, wherever the host has such a place: the low half of the
	// host address of an object is its guest address then. Machine code needs it, see [Memory.Base].
	Align = 1 << 32

	// MinLimit and MaxLimit bound the memory of a window, in bytes.
	MinLimit = 16 << 20
	MaxLimit = 1 << 32

	// DefaultLimit is the memory of a window when the host names none.
	DefaultLimit = 256 << 20
)
