package helpers

import (
	"github.com/gbpf/gbpf/internal/errno"
	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/internal/trap"
	"github.com/gbpf/gbpf/maps"
)

func init() {
	define(map[string]Func{
		"ringbuf_output":    ringbufOutput,
		"ringbuf_reserve":   ringbufReserve,
		"ringbuf_submit":    func(c *Call) uint64 { return ringbufCommit(c, (*maps.Ringbuf).Submit) },
		"ringbuf_discard":   func(c *Call) uint64 { return ringbufCommit(c, (*maps.Ringbuf).Discard) },
		"ringbuf_query":     ringbufQuery,
		"perf_event_output": perfEventOutput,
	})
}

// ringbuf returns the ring buffer that R1 refers to; without one a trap is raised.
func (c *Call) ringbuf() *maps.Ringbuf {
	m := c.Map(c.Args[0])
	if m == nil {
		return nil
	}
	b := m.Ringbuf()
	if b == nil {
		c.Trap(trap.BadHandle, "argument is not a ring buffer")
	}
	return b
}

func ringbufOutput(c *Call) uint64 {
	b := c.ringbuf()
	if b == nil {
		return 0
	}
	data, ok := c.span(c.Args[1], c.Args[2])
	if !ok {
		return 0
	}
	return uint64(b.Output(data, c.Args[3]))
}

func ringbufReserve(c *Call) uint64 {
	b := c.ringbuf()
	if b == nil {
		return 0
	}
	return b.Reserve(c.Args[1], c.Args[2])
}

// ringbufCommit finds the ring buffer by the record's address: the program does not name it.
func ringbufCommit(c *Call, commit func(*maps.Ringbuf, uint64, uint64) bool) uint64 {
	if r := c.Mem.Find(guest.Addr(c.Args[0])); c.Args[0]>>32 == 0 && r != nil {
		if m, ok := r.Owner.(*maps.Map); ok {
			if b := m.Ringbuf(); b != nil && commit(b, c.Args[0], c.Args[1]) {
				return 0
			}
		}
	}
	return c.Trap(trap.HelperFault, "argument is not a reserved ring buffer record")
}

func ringbufQuery(c *Call) uint64 {
	b := c.ringbuf()
	if b == nil {
		return 0
	}
	return b.Query(c.Args[1])
}

const (
	indexMask  = 1<<32 - 1     // BPF_F_INDEX_MASK
	ctxLenMask = 0xfffff << 32 // BPF_F_CTXLEN_MASK
	ctxLenOff  = 32
)

// perfEventOutput sends R4's bytes and, for packet programs that set BPF_F_CTXLEN_MASK, that
// many bytes of the packet behind them.
func perfEventOutput(c *Call) uint64 {
	m := c.Map(c.Args[1])
	if m == nil {
		return 0
	}
	flags := c.Args[2]
	data, ok := c.span(c.Args[3], c.Args[4])
	if !ok {
		return 0
	}
	b := c.Bctx
	if b == nil || b.Type == nil || !b.Type.Packet {
		if flags&^indexMask != 0 {
			return errno.EINVAL.R0()
		}
		return uint64(m.PerfOutput(c.CPU, flags, data))
	}
	if flags&^(indexMask|ctxLenMask) != 0 {
		return errno.EINVAL.R0()
	}
	n := flags & ctxLenMask >> ctxLenOff
	if n > uint64(b.DataEnd-b.Data) {
		return errno.EFAULT.R0()
	}
	packet, ok := c.span(uint64(b.Data), n)
	if !ok {
		return 0
	}
	return uint64(m.PerfOutput(c.CPU, flags&indexMask, data, packet))
}
