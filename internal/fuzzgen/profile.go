package fuzzgen

// profile is what the generator knows of a program type.
type profile struct {
	typ, attach, flags uint32
	weight             int

	// data, end and meta are where the context has the packet's pointers, -1 for none.
	data, end, meta int16
	pktWrite        bool
	fields          []field
	ctxSize         int16
	retLo, retHi    int64
	retAny          bool
	family          family
}

// field is a scalar of the context.
type field struct {
	off   int16
	size  uint8
	write bool
}

// family is a set of helper groups that a program type has.
type family uint16

const (
	famSkb    family = 1 << iota // helpers on socket buffers
	famXDP                       // helpers on XDP frames
	famTrace                     // helpers that read kernel memory and tasks
	famCls                       // helpers that change packets
	famLdAbs                     // legacy packet loads
	famSock                      // socket lookups and references
	famNoLock                    // no spin locks
	famPerf                      // bpf_perf_event_output
	famPull                      // skb_pull_data
	famCsum                      // csum_diff
)

// Program types (enum bpf_prog_type).
const (
	progSocketFilter   = 1
	progKprobe         = 2
	progSchedCLS       = 3
	progTracepoint     = 5
	progXDP            = 6
	progPerfEvent      = 7
	progCgroupSkb      = 8
	progCgroupSock     = 9
	progLwtIn          = 10
	progLwtXmit        = 12
	progSockOps        = 13
	progSkSkb          = 14
	progCgroupDevice   = 15
	progSkMsg          = 16
	progRawTracepoint  = 17
	progCgroupSockAddr = 18
	progSkReuseport    = 21
	progCgroupSysctl   = 23
	progCgroupSockopt  = 25
	progSkLookup       = 30
	progSyscall        = 31
)

// words lists 4-byte fields at the offsets.
func words(write bool, offs ...int16) (f []field) {
	for _, o := range offs {
		f = append(f, field{o, 4, write})
	}
	return f
}

func dwords(write bool, offs ...int16) (f []field) {
	for _, o := range offs {
		f = append(f, field{o, 8, write})
	}
	return f
}

func fields(lists ...[]field) (all []field) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// Fields of struct __sk_buff that most program types may read: len to vlan_proto, priority,
// the interfaces, cb, hash, and what some types may write.
var (
	skbRead = words(false, 0, 4, 12, 16, 20, 24, 28, 36, 40, 68)
	skbCB   = words(true, 48, 52, 56, 60, 64)
	skbMark = words(true, 8, 32)
)

// profiles lists the program types that are generated. Offsets are those of the UAPI
// structures in linux/bpf.h.
var profiles = []profile{
	{typ: progXDP, weight: 24, data: 0, end: 4, meta: 8, pktWrite: true, ctxSize: 24, retAny: true,
		fields: words(false, 12, 16), family: famXDP | famSock | famPerf | famCsum},
	{typ: progSchedCLS, weight: 22, data: 76, end: 80, meta: 140, pktWrite: true, ctxSize: 192, retAny: true,
		fields: fields(skbRead, skbCB, skbMark, words(true, 44, 72), dwords(true, 152), words(false, 160, 164, 176)),
		family: famSkb | famCls | famLdAbs | famSock | famPerf | famPull | famCsum},
	{typ: progSocketFilter, weight: 12, data: -1, end: -1, meta: -1, ctxSize: 192, retAny: true,
		fields: fields(skbRead, skbCB, words(false, 8, 32)), family: famSkb | famLdAbs | famNoLock | famPerf},
	{typ: progCgroupSkb, attach: 0, weight: 8, data: 76, end: 80, meta: -1, ctxSize: 192, retLo: 0, retHi: 1,
		fields: fields(skbRead, skbCB, skbMark, words(false, 88, 92, 96, 132, 136)), family: famSkb | famLdAbs | famPerf},
	{typ: progCgroupSkb, attach: 1, weight: 4, data: 76, end: 80, meta: -1, ctxSize: 192, retLo: 0, retHi: 3,
		fields: fields(skbRead, skbCB, skbMark), family: famSkb | famLdAbs | famPerf},
	{typ: progKprobe, weight: 8, data: -1, end: -1, meta: -1, ctxSize: 168, retAny: true,
		fields: dwords(false, 0, 8, 16, 40, 80, 96, 104, 112, 128, 152), family: famTrace | famNoLock | famPerf},
	{typ: progTracepoint, weight: 6, data: -1, end: -1, meta: -1, ctxSize: 64, retAny: true,
		fields: fields(dwords(false, 8, 16, 24, 32), words(false, 40, 44, 48)), family: famTrace | famNoLock | famPerf},
	{typ: progRawTracepoint, weight: 6, data: -1, end: -1, meta: -1, ctxSize: 64, retAny: true,
		fields: dwords(false, 0, 8, 16, 24, 32), family: famTrace | famNoLock | famPerf},
	{typ: progPerfEvent, weight: 2, data: -1, end: -1, meta: -1, ctxSize: 184, retAny: true,
		fields: dwords(false, 0, 8, 40, 168, 176), family: famTrace | famNoLock | famPerf},
	{typ: progCgroupSock, attach: 2, weight: 2, data: -1, end: -1, meta: -1, ctxSize: 80, retLo: 0, retHi: 1,
		fields: fields(words(true, 0, 16, 20), words(false, 4, 8, 12))},
	{typ: progCgroupSockAddr, attach: 10, weight: 3, data: -1, end: -1, meta: -1, ctxSize: 72, retLo: 0, retHi: 1,
		fields: fields(words(false, 0, 28, 32, 36), words(true, 4, 24))},
	{typ: progSkLookup, attach: 36, weight: 2, data: -1, end: -1, meta: -1, ctxSize: 72, retLo: 0, retHi: 1,
		fields: words(false, 8, 12, 16, 36, 44, 64), family: famPerf},
	{typ: progSyscall, flags: Sleepable, weight: 3, data: -1, end: -1, meta: -1, ctxSize: 64, retAny: true,
		fields: fields(dwords(true, 0, 8, 16, 24), words(true, 32, 36, 40)), family: famTrace | famNoLock},
	{typ: progSkSkb, weight: 2, data: 76, end: 80, meta: -1, pktWrite: true, ctxSize: 192, retAny: true,
		fields: fields(words(false, 0, 12, 16), words(true, 32)), family: famSkb | famSock | famPerf | famPull},
	{typ: progLwtXmit, weight: 2, data: 76, end: 80, meta: -1, pktWrite: true, ctxSize: 192, retAny: true,
		fields: fields(skbRead, skbCB, skbMark), family: famSkb | famCls | famPerf | famPull | famCsum},
	{typ: progLwtIn, weight: 1, data: 76, end: 80, meta: -1, ctxSize: 192, retAny: true,
		fields: fields(skbRead, skbCB, skbMark), family: famSkb | famPerf | famPull | famCsum},
	{typ: progSockOps, weight: 2, data: -1, end: -1, meta: -1, ctxSize: 224, retLo: 0, retHi: 1,
		fields: fields(words(false, 0, 20, 24, 28, 64), words(true, 4)), family: famPerf},
	{typ: progCgroupDevice, attach: 6, weight: 1, data: -1, end: -1, meta: -1, ctxSize: 12, retLo: 0, retHi: 1,
		fields: words(false, 0, 4, 8)},
	{typ: progCgroupSysctl, attach: 18, weight: 1, data: -1, end: -1, meta: -1, ctxSize: 8, retLo: 0, retHi: 1,
		fields: fields(words(false, 0), words(true, 4))},
	{typ: progSkMsg, weight: 1, data: -1, end: -1, meta: -1, ctxSize: 80, retLo: 0, retHi: 1,
		fields: words(false, 16, 20, 24, 60, 64, 68), family: famPerf},
	{typ: progSkReuseport, attach: 39, weight: 1, data: -1, end: -1, meta: -1, ctxSize: 56, retLo: 0, retHi: 1,
		fields: words(false, 16, 20, 24, 28, 32)},
}

var profileWeight = func() (sum int) {
	for i := range profiles {
		sum += profiles[i].weight
	}
	return sum
}()
