package helpers

import (
	"github.com/gbpf/gbpf/internal/errno"
	"github.com/gbpf/gbpf/internal/guest"
)

func init() {
	define(map[string]Func{
		"get_current_pid_tgid":           func(c *Call) uint64 { return c.env().Task.PidTgid() },
		"get_current_uid_gid":            func(c *Call) uint64 { return c.env().Task.UidGid() },
		"get_current_comm":               getCurrentComm,
		"get_current_cgroup_id":          func(c *Call) uint64 { return c.env().Task.Cgroup() },
		"get_current_ancestor_cgroup_id": getCurrentAncestorCgroupID,
		"get_current_task":               getCurrentTask,
		"send_signal":                    func(c *Call) uint64 { return sendSignal(c, false) },
		"send_signal_thread":             func(c *Call) uint64 { return sendSignal(c, true) },
		"get_func_ip":                    func(c *Call) uint64 { return c.env().FuncIP },
		"get_attach_cookie":              func(c *Call) uint64 { return c.env().AttachCookie },
		"get_retval":                     func(c *Call) uint64 { return uint64(int64(c.Bctx.Retval)) },
		"set_retval":                     setRetval,
	})
}

func getCurrentComm(c *Call) uint64 {
	b, ok := c.span(c.Args[0], uint64(uint32(c.Args[1])))
	if !ok {
		return 0
	}
	clear(b)
	if len(b) > 0 {
		copy(b[:len(b)-1], c.env().Task.comm())
	}
	return 0
}

func getCurrentAncestorCgroupID(c *Call) uint64 {
	t := &c.env().Task
	switch level := int32(c.Args[0]); {
	case level < 0 || int(level) > len(t.CgroupAncestors):
		return 0
	case int(level) == len(t.CgroupAncestors):
		return t.Cgroup()
	default:
		return t.CgroupAncestors[level]
	}
}

// getCurrentTask returns the host's task object, or else zeroed memory at the end of the run
// slot's scratch area: what a program reads of it with probe_read is then 0.
func getCurrentTask(c *Call) uint64 {
	if f := c.env().CurrentTask; f != nil {
		return f(c)
	}
	if c.Bctx == nil || c.Bctx.Slot == nil {
		return 0
	}
	at := uint64(c.Bctx.Slot.Scratch) + guest.ScratchSize - scratchTask
	if b, ok := c.Bytes(at, scratchTask); ok {
		clear(b)
	}
	return at
}

func sendSignal(c *Call, thread bool) uint64 {
	sig := uint32(c.Args[0])
	if sig > 64 {
		return errno.EINVAL.R0()
	}
	if f := c.env().Signal; f != nil {
		f(sig, thread)
	}
	return 0
}

func setRetval(c *Call) uint64 {
	c.Bctx.Retval = int32(c.Args[0])
	return 0
}
