package progtype

// PacketArgs says which memory arguments of helpers may point into the packet.
type PacketArgs uint8

// The rules for packet pointers as arguments.
const (
	PacketArgsNone   PacketArgs = iota // none
	PacketArgsHelper                   // those of helpers whose prototype has PktAccess
	PacketArgsAll                      // all
)

// Capabilities are what the kernel's verifier allows all programs of a type, beside its context and
// helpers.
type Capabilities struct {
	// PacketWrite: stores through packet pointers. Loads are allowed wherever the context
	// has packet pointers.
	PacketWrite bool
	PacketArgs  PacketArgs
	// LoadAbs: the packet loads of classic BPF, LD_ABS and LD_IND.
	LoadAbs bool
	// Sleepable are the expected attach types of programs that may be sleepable
	// (BPF_F_SLEEPABLE).
	Sleepable AttachSet
	// OnlySleepable: there are no others.
	OnlySleepable bool
}

func setCapabilities() {
	for _, t := range []*Type{SchedCLS, SchedACT, XDP, LwtXmit, SkSkb, SkMsg} {
		t.PacketWrite, t.PacketArgs = true, PacketArgsHelper
	}
	for _, t := range []*Type{LwtIn, LwtOut, LwtSeg6Local, SkReuseport, FlowDissector, CgroupSkb} {
		t.PacketArgs = PacketArgsHelper
	}
	// The value of a socket option is not a packet but has its pointers.
	CgroupSockopt.PacketWrite, CgroupSockopt.PacketArgs = true, PacketArgsAll
	Raw.PacketWrite, Raw.PacketArgs = true, PacketArgsAll
	for _, t := range []*Type{SocketFilter, SchedCLS, SchedACT} {
		t.LoadAbs = true
	}
	const all = ^AttachSet(0)
	Tracing.Sleepable = attachSet(AttachTraceFentry, AttachTraceFexit, AttachModifyReturn, AttachTraceIter)
	LSM.Sleepable = all &^ attachSet(AttachLSMCgroup)
	Kprobe.Sleepable, KprobeARM64.Sleepable, StructOps.Sleepable, Syscall.Sleepable = all, all, all, all
	Syscall.OnlySleepable = true
}
