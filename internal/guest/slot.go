package guest

import "fmt"

// Sizes of a run slot, in bytes unless said otherwise.
const (
	MaxFrames   = 8   // nested BPF functions
	StackSize   = 512 // stack bytes of one function
	FrameStride = 768 // distance between frames: a gap that belongs to none lies below each
	CtxSize     = PageSize
	ScratchSize = 4 * PageSize

	// Headroom is what lies in front of packet data for bpf_xdp_adjust_head,
	// bpf_xdp_adjust_meta and skb_change_head: XDP_PACKET_HEADROOM.
	Headroom = 256
	// Tailroom is what lies behind a packet of the largest size.
	Tailroom = 4096
	// DefaultPacketSize is the largest packet of a slot unless the host asks for more.
	DefaultPacketSize = 1 << 16
)

// Slot is the guest memory of one run: stack frames, context, scratch space for
// what helpers hand out, and packet data. A machine has one a simulated CPU; a run
// owns its slot alone. The parts are regions of their own only in the eyes of the
// engine: the registry knows the slot as one region of KindSlot, so another
// run's slot is not addressable in checked mode.
type Slot struct {
	CPU    int // the simulated CPU number that programs see
	Region *Region

	Stack      Addr   // bottom of frame 0; frame i starts at Stack+i*FrameStride
	Ctx        Addr   // CtxSize bytes
	Scratch    Addr   // ScratchSize bytes
	Packet     Addr   // hard start of the packet area
	PacketSize uint32 // bytes of the packet area, head- and tailroom included
}

// NewSlot registers a slot for simulated CPU cpu whose packets may be up to packet
// bytes long, 0 for [DefaultPacketSize].
func (m *Memory) NewSlot(cpu int, packet uint32) (*Slot, error) {
	if packet == 0 {
		packet = DefaultPacketSize
	}
	const (
		stack   = PageSize // a gap in front of the parts
		ctx     = stack + (MaxFrames*FrameStride+PageSize-1)/PageSize*PageSize + PageSize
		scratch = ctx + CtxSize + PageSize
		data    = scratch + ScratchSize + PageSize
	)
	if packet > 1<<30 {
		return nil, fmt.Errorf("guest memory: run slot: packet size of %d bytes: more than %d", packet, 1<<30)
	}
	s := &Slot{CPU: cpu, PacketSize: Headroom + packet + Tailroom}
	s.Region = &Region{Kind: KindSlot, Size: data + s.PacketSize, Name: fmt.Sprintf("cpu%d", cpu), Owner: s}
	if err := m.Alloc(s.Region); err != nil {
		return nil, err
	}
	a := s.Region.Addr
	s.Stack, s.Ctx, s.Scratch, s.Packet = a+stack, a+ctx, a+scratch, a+data
	return s, nil
}

// FrameTop is R10 of frame i: one past the highest byte of its stack.
func (s *Slot) FrameTop(i int) Addr { return s.Stack + Addr(i)*FrameStride + StackSize }
