package helpers

import (
	"math/rand/v2"
	"time"

	"github.com/gbpf/gbpf/internal/hostclock"
)

// Env is what programs learn about the machine around them. The zero value is
// sensible: real clocks, real random numbers, a task with process id 1. Set the
// fields before programs run; functions are called from any number of runs at once.
type Env struct {
	// Clock is CLOCK_MONOTONIC in ns: ktime_get_ns. The default counts from the
	// start of the process.
	Clock func() uint64
	// BootClock is CLOCK_BOOTTIME in ns: ktime_get_boot_ns. The default is Clock.
	BootClock func() uint64
	// CoarseClock is CLOCK_MONOTONIC_COARSE in ns: ktime_get_coarse_ns. The
	// default is Clock, rounded down to whole ticks.
	CoarseClock func() uint64
	// TAIClock is CLOCK_TAI in ns: ktime_get_tai_ns. The default is the wall
	// clock and the 37 s by which TAI has been ahead of it since 2017.
	TAIClock func() uint64
	// Jiffies is jiffies64. The default derives it from Clock.
	Jiffies func() uint64

	// Rand is get_prandom_u32 and the source of hashes. The default is a ChaCha8
	// generator that is seeded by the host.
	Rand func() uint32
	// Trace is given each line of trace_printk and trace_vprintk, without a newline
	// of its own. The default drops it.
	Trace func(text string)
	// Signal is told of send_signal and send_signal_thread. The default drops it.
	Signal func(sig uint32, thread bool)
	// CloneRedirect is given the packet that clone_redirect copies to a device and
	// returns 0 or a negative errno. The default drops the copy and returns 0.
	CloneRedirect func(c *Call, ifindex uint32, flags uint64, packet []byte) int64
	// CurrentTask returns the guest address that get_current_task yields, of an
	// object that the host made. The default is zeroed memory of the run's own.
	CurrentTask func(c *Call) uint64

	// Task is the task that programs run in.
	Task Task

	NUMANode     uint32 // get_numa_node_id
	SocketCookie uint64 // get_socket_cookie
	NetnsCookie  uint64 // get_netns_cookie; 0 means 1, that of the initial namespace
	CgroupClass  uint32 // get_cgroup_classid
	RouteRealm   uint32 // get_route_realm
	FuncIP       uint64 // get_func_ip
	AttachCookie uint64 // get_attach_cookie
}

// Task is a task as programs see it.
type Task struct {
	PID  uint32 // of the thread, 0 means 1
	TGID uint32 // of the process, 0 means PID
	UID  uint32
	GID  uint32
	Comm string // at most 15 bytes count; "" means "gbpf"
	// CgroupID is get_current_cgroup_id; 0 means 1.
	CgroupID uint64
	// CgroupAncestors are the ids of the cgroup's ancestors from the root, for
	// get_current_ancestor_cgroup_id. The cgroup itself follows the last.
	CgroupAncestors []uint64
}

// NewEnv returns an Env with the defaults.
func NewEnv() *Env { return &Env{} }

const (
	tickNs         = 4_000_000 // CONFIG_HZ=250
	initialJiffies = 1<<32 - 300*250
	taiOffset      = 37 * uint64(time.Second)
)

// env is the call's environment, never nil.
func (c *Call) env() *Env {
	if c.Env == nil {
		return &defaultEnv
	}
	return c.Env
}

var defaultEnv Env

// TickNs is the step of the default CoarseClock, in ns.
const TickNs = tickNs

// OwnClock reports whether the host has given a clock of its own.
func (e *Env) OwnClock() bool { return e.Clock != nil || e.BootClock != nil || e.CoarseClock != nil }

func (e *Env) clock() uint64 {
	if e.Clock != nil {
		return e.Clock()
	}
	return hostclock.Now()
}

func (e *Env) boot() uint64 {
	if e.BootClock != nil {
		return e.BootClock()
	}
	return e.clock()
}

func (e *Env) coarse() uint64 {
	if e.CoarseClock != nil {
		return e.CoarseClock()
	}
	return e.clock() / tickNs * tickNs
}

func (e *Env) tai() uint64 {
	if e.TAIClock != nil {
		return e.TAIClock()
	}
	return uint64(time.Now().UnixNano()) + taiOffset
}

func (e *Env) jiffies() uint64 {
	if e.Jiffies != nil {
		return e.Jiffies()
	}
	return initialJiffies + e.clock()/tickNs
}

func (e *Env) random() uint32 {
	if e.Rand != nil {
		return e.Rand()
	}
	return rand.Uint32()
}

func (e *Env) trace(text []byte) {
	if e.Trace != nil {
		e.Trace(string(text))
	}
}

func (t *Task) pid() uint32 {
	if t.PID == 0 {
		return 1
	}
	return t.PID
}

func (t *Task) tgid() uint32 {
	if t.TGID == 0 {
		return t.pid()
	}
	return t.TGID
}

func (t *Task) comm() string {
	s := t.Comm
	if s == "" {
		s = "gbpf"
	}
	return s[:min(len(s), 15)]
}

// PidTgid is what get_current_pid_tgid returns.
func (t *Task) PidTgid() uint64 { return uint64(t.tgid())<<32 | uint64(t.pid()) }

// UidGid is what get_current_uid_gid returns.
func (t *Task) UidGid() uint64 { return uint64(t.GID)<<32 | uint64(t.UID) }

// Cgroup is what get_current_cgroup_id returns.
func (t *Task) Cgroup() uint64 {
	if t.CgroupID == 0 {
		return 1
	}
	return t.CgroupID
}
