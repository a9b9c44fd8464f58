package helpers

import (
	"github.com/gbpf/gbpf/internal/errno"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
)

func init() {
	define(map[string]Func{
		"redirect":       redirect,
		"redirect_peer":  redirectPeer,
		"redirect_neigh": redirectNeigh,
		"redirect_map":   redirectMap,
		"clone_redirect": cloneRedirect,
	})
}

// Return codes and flags of the redirect helpers.
const (
	tcActShot     = 2
	tcActRedirect = 7
	redirIngress  = 1 << 0 // BPF_F_INGRESS

	redirActionMask = 3
	redirBroadcast  = 1 << 3 // BPF_F_BROADCAST
	redirExclude    = 1 << 4 // BPF_F_EXCLUDE_INGRESS

	redirNeighSize = 20 // sizeof(struct bpf_redir_neigh)
)

func redirect(c *Call) uint64 {
	ifindex, flags := uint32(c.Args[0]), c.Args[1]
	if c.Bctx.Type == progtype.XDP {
		if flags != 0 {
			return progtype.XDPAborted
		}
		c.Bctx.Redirect = progtype.Redirect{Set: true, Ifindex: ifindex}
		return progtype.XDPRedirect
	}
	if flags&^redirIngress != 0 {
		return tcActShot
	}
	c.Bctx.Redirect = progtype.Redirect{Set: true, Ifindex: ifindex, Flags: flags}
	return tcActRedirect
}

func redirectPeer(c *Call) uint64 {
	if c.Args[1] != 0 {
		return tcActShot
	}
	c.Bctx.Redirect = progtype.Redirect{Set: true, Ifindex: uint32(c.Args[0]), Peer: true}
	return tcActRedirect
}

func redirectNeigh(c *Call) uint64 {
	if n := int32(c.Args[2]); n != 0 && n < redirNeighSize || c.Args[3] != 0 {
		return tcActShot
	}
	c.Bctx.Redirect = progtype.Redirect{Set: true, Ifindex: uint32(c.Args[0])}
	return tcActRedirect
}

// redirectMap sends the frame to what the map has for key R2. Without an entry it returns the
// action in the lower bits of flags.
func redirectMap(c *Call) uint64 {
	m := c.Map(c.Args[0])
	if m == nil {
		return 0
	}
	key, flags := uint32(c.Args[1]), c.Args[2]
	known := uint64(redirActionMask)
	if t := m.Type(); t == maps.DevMap || t == maps.DevMapHash {
		known |= redirBroadcast | redirExclude
	}
	if flags&^known != 0 {
		return progtype.XDPAborted
	}
	if flags&redirBroadcast == 0 && !m.Has([]byte{byte(key), byte(key >> 8), byte(key >> 16), byte(key >> 24)}) {
		c.Bctx.Redirect = progtype.Redirect{}
		return flags & redirActionMask
	}
	c.Bctx.Redirect = progtype.Redirect{Set: true, Map: uint32(m.Handle()), Key: uint64(key), Flags: flags}
	return progtype.XDPRedirect
}

// cloneRedirect hands a copy of the packet to the host.
func cloneRedirect(c *Call) uint64 {
	ifindex, flags := uint32(c.Args[1]), c.Args[2]
	if flags&^redirIngress != 0 || ifindex == 0 {
		return errno.EINVAL.R0()
	}
	f := c.env().CloneRedirect
	if f == nil {
		return 0
	}
	b := c.packet(0, c.skbLen())
	if b == nil {
		return 0
	}
	return uint64(f(c, ifindex, flags, append([]byte(nil), b...)))
}
