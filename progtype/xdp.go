package progtype

import "github.com/gbpf/gbpf/internal/guest"

// Return codes of XDP programs (enum xdp_action).
const (
	XDPAborted  = 0
	XDPDrop     = 1
	XDPPass     = 2
	XDPTx       = 3
	XDPRedirect = 4
)

const (
	ethHLen = 14
	// xdpFrame is what the kernel gives a packet that fits: a page, of which the end is
	// kept for struct skb_shared_info.
	xdpFrame      = 4096
	xdpSharedInfo = 320
	// xdpFrameSize is sizeof(struct xdp_frame), which the kernel keeps free at the hard
	// start.
	xdpFrameSize = 40
)

// Offsets in struct xdp_md.
const (
	xdpData    = 0
	xdpDataEnd = 4
	xdpMeta    = 8
	xdpIngress = 12
	xdpRxQueue = 16
	xdpEgress  = 20
)

// XDP is BPF_PROG_TYPE_XDP. A run's data is a frame from its Ethernet header on, of at
// least 14 bytes; with Input.Meta, or a struct xdp_md whose data is that much, the first
// bytes of it are metadata. Without an ingress_ifindex the packet came in on device 1.
// Packets that fit a page can grow as far as in the kernel; larger ones by
// guest.Tailroom.
var XDP = &Type{
	Name: "xdp", Kernel: 6, Packet: true, Returns: Range{Any: true},
	Ctx: Layout{Name: "xdp_md", Size: 24, Fields: []Field{
		{Name: "data", Off: xdpData, Size: 4, Kind: PacketData, Access: Read},
		{Name: "data_end", Off: xdpDataEnd, Size: 4, Kind: PacketEnd, Access: Read},
		{Name: "data_meta", Off: xdpMeta, Size: 4, Kind: PacketMeta, Access: Read},
		{Name: "ingress_ifindex", Off: xdpIngress, Size: 4, Access: Read | Settable},
		{Name: "rx_queue_index", Off: xdpRxQueue, Size: 4, Access: Read | Settable},
		{Name: "egress_ifindex", Off: xdpEgress, Size: 4, Access: Read | Settable, ReadAt: attachSet(AttachXDPDevmap)},
	}},
	Setup: setupXDP, Sync: syncXDP, Finish: finishXDP,
}

func setupXDP(b *Bctx, in *Input) error {
	ctx, err := b.begin(24)
	if err != nil {
		return err
	}
	meta := in.Meta
	if in.Ctx != nil {
		if err := b.userStruct(ctx, in.Ctx); err != nil {
			return err
		}
		b.user.given, b.user.ingress = true, get32(ctx, xdpIngress)
		data, end := get32(ctx, xdpData), get32(ctx, xdpDataEnd)
		switch {
		case get32(ctx, xdpMeta) != 0:
			return b.inputError("data_meta", "must be 0: metadata starts where the data given does")
		case uint64(end) != uint64(len(in.Data)):
			// Short of the data the kernel makes fragments of the rest, which gbpf has not.
			return b.inputError("data_end", "is %d, the data given is %d bytes", end, len(in.Data))
		case data > end:
			return b.inputError("data", "is %d, beyond data_end %d", data, end)
		case get32(ctx, xdpRxQueue) != 0 && b.user.ingress == 0:
			return b.inputError("rx_queue_index", "is a queue of no device: ingress_ifindex is 0")
		case get32(ctx, xdpEgress) != 0:
			return b.inputError("egress_ifindex", "must be 0 in an xdp_md given as bytes; set it by name")
		case meta != 0 && data != meta:
			return b.inputError("data", "is %d, but %d bytes of metadata were asked for", data, meta)
		}
		meta = data
	}
	if meta%4 != 0 || meta > guest.Headroom-xdpFrameSize {
		return b.inputError("data_meta", "%d bytes of metadata: not a multiple of 4 up to %d", meta, guest.Headroom-xdpFrameSize)
	}
	if meta == 0 && len(in.Data) < ethHLen {
		return b.inputError("data", "%d bytes, shorter than an Ethernet header of %d", len(in.Data), ethHLen)
	}
	if uint64(len(in.Data)) < uint64(meta)+ethHLen {
		return b.inputError("data", "%d bytes behind %d of metadata, shorter than an Ethernet header of %d", max(len(in.Data)-int(meta), 0), meta, ethHLen)
	}
	if err := b.place(in.Data, meta); err != nil {
		return err
	}
	b.PacketWritable = true
	if end := b.HardStart + xdpFrame - xdpSharedInfo; b.DataEnd <= end {
		b.HardEnd = end
	}
	if in.Fields != nil {
		if err := b.setFields(ctx, in.Fields); err != nil {
			return err
		}
	}
	if get32(ctx, xdpIngress) == 0 {
		put32(ctx, xdpIngress, 1)
	}
	put32(ctx, xdpData, b.Data)
	put32(ctx, xdpDataEnd, b.DataEnd)
	put32(ctx, xdpMeta, b.DataMeta)
	return nil
}

func syncXDP(b *Bctx) {
	if ctx := b.ctx(); len(ctx) == 24 {
		put32(ctx, xdpData, b.Data)
		put32(ctx, xdpDataEnd, b.DataEnd)
		put32(ctx, xdpMeta, b.DataMeta)
	}
}

func finishXDP(b *Bctx, out *Output) {
	out.Data = append(out.Data, b.bytes(b.DataMeta, b.DataEnd-b.DataMeta)...)
	out.Ctx = append(out.Ctx[:0], b.ctx()...)
	if len(out.Ctx) < 24 {
		return
	}
	put32(out.Ctx, xdpData, b.Data-b.DataMeta)
	put32(out.Ctx, xdpDataEnd, b.DataEnd-b.DataMeta)
	put32(out.Ctx, xdpMeta, 0)
	if b.user.given && b.user.ingress == 0 {
		put32(out.Ctx, xdpIngress, 0)
	}
}
