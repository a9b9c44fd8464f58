package verifier

import (
	"slices"

	"github.com/gbpf/gbpf/isa"
)

// topic narrows a code: what kind of mistake it is, by which cause and suggestion are
// looked up. Checks name one where the instruction and the registers do not tell.
type topic string

// The topics that follow from the instruction and what was known.
const (
	topicNone     topic = ""
	topicAccess   topic = "access"   // of memory by a load or store
	topicArgument topic = "argument" // of a helper or function
	topicALU      topic = "alu"      // arithmetic

	topicPacket     topic = "packet"      // an access of the packet
	topicPacketGone topic = "packet gone" // a packet pointer from before the packet moved
	topicReleased   topic = "released"    // a pointer into something that was given back
	topicMapValue   topic = "map value"
	topicStack      topic = "stack"
	topicMem        topic = "memory"
	topicKernel     topic = "kernel memory"
	topicNumber     topic = "number" // a number where an address is needed
	topicLost       topic = "lost"   // R1 to R5 after a call
	topicReadOnly   topic = "read-only"
	topicPointers   topic = "two pointers"
	topicPacketEnd  topic = "data_end"
	topicWidth      topic = "32-bit"
	topicUnbounded  topic = "unbounded"
	topicModified   topic = "modified context"
	topicSocket     topic = "socket"   // a field that not all sockets have
	topicKeyed      topic = "callback" // an argument of a callback that is used as another one
	topicPassed     topic = "passed memory"
)

// The topics that only the check knows.
const (
	topicSizeUnbounded topic = "size unbounded"
	topicSizeNegative  topic = "size negative"
	topicSizeZero      topic = "size zero"
	topicNotAllowed    topic = "not allowed" // a helper that the program type may not call
	topicGPL           topic = "gpl"
	topicMapType       topic = "map type"
	topicField         topic = "special field"
	topicRecursion     topic = "recursion"
	topicFallsOff      topic = "falls off"
	topicUnreachable   topic = "unreachable"
	topicDivide        topic = "division"
	topicShift         topic = "shift"
	topicFrames        topic = "frames"
	topicStackTotal    topic = "stack total"
	topicKernelTypes   topic = "kernel types"
	topicSteps         topic = "steps"
	topicDynptr        topic = "dynptr"
	topicIterator      topic = "iterator"
	topicCallbackRet   topic = "callback result"
	topicLockHeld      topic = "lock held"
	topicLockOther     topic = "other lock"
	topicOffset        topic = "offset"
	topicGlobal        topic = "global function"
	topicConstant      topic = "constant" // an argument that must be a known number
	topicKfunc         topic = "kfunc"    // a kernel function that is not known
)

// heading is a row of the catalogue.
type heading struct {
	code  Code
	topic topic
}

// advice writes the cause and the suggestion of a row; either may have nothing to say.
type advice struct{ cause, suggestion func(x *evidence) string }

// say is advice that is always the same.
func say(text string) func(*evidence) string { return func(*evidence) string { return text } }

// catalogue is what is said about which mistake. A row without a topic is for those of its
// code that have none of their own.
var catalogue = map[heading]advice{
	{CodeNull, topicNone}:     {causeNull, suggestNull},
	{CodeNull, topicALU}:      {causeNull, suggestNullFirst},
	{CodeNull, topicArgument}: {causeNull, suggestNull},

	{CodeBounds, topicPacket}:   {causePacket, suggestPacket},
	{CodeBounds, topicMapValue}: {causeIndex, suggestIndex},
	{CodeBounds, topicMem}:      {causeIndex, suggestIndex},
	{CodeBounds, topicStack}:    {causeIndex, suggestIndex},
	{CodeBounds, topicKeyed}:    {causeCallback, suggestCallback},
	{CodeBounds, topicPassed}:   {causePassed, suggestPassed},
	{CodeBounds, topicNone}:     {causeIndex, suggestIndex},

	{CodeType, topicPacketGone}: {causePacketGone, suggestPacketGone},
	{CodeType, topicReleased}:   {causeReleased, suggestReleased},
	{CodeType, topicKernel}: {causeValue, say("the address is of kernel memory, which the program may not read directly: copy it with " +
		"bpf_probe_read_kernel, or bpf_probe_read_user for an address of user space")},
	{CodeType, topicNumber}:   {causeNumber, suggestNumber},
	{CodeType, topicModified}: {causeContextMoved, suggestContextMoved},
	{CodeType, topicReadOnly}: {causeReadOnly, suggestReadOnly},
	{CodeType, topicArgument}: {causeValue, suggestArgument},
	{CodeType, topicMapType}:  {causeNothing, suggestMapType},
	{CodeType, topicSocket}:   {causeValue, say("only the fields that all sockets have may be read here: bpf_sk_fullsock gives the whole structure, or NULL")},
	{CodeType, topicKeyed}:    {causeCallback, suggestCallback},
	{CodeType, topicNone}:     {causeValue, causeNothing},

	{CodeUninit, topicNone}:  {causeUninit, say("give the variable a value on every path, where it is declared if nothing better is known")},
	{CodeUninit, topicLost}:  {causeLost, say("keep what is needed after the call in a variable, or pass it to the call only")},
	{CodeUninit, topicStack}: {causeUninitStack, say("initialise the whole variable, its padding too: struct key k = {}; or __builtin_memset")},
	{CodeUninit, topicDynptr}: {causeNothing, say("make it first, with bpf_dynptr_from_mem, bpf_ringbuf_reserve_dynptr, bpf_dynptr_from_skb or " +
		"bpf_dynptr_from_xdp")},
	{CodeUninit, topicIterator}: {causeNothing, say("start it with its _new function before, and end it with its _destroy function on every path")},

	{CodeContext, topicNone}: {causeContext, suggestContext},

	{CodeArithmetic, topicPacketEnd}: {causeValue, say("data_end may be compared, but not computed with: move what is on the other side of the " +
		"comparison, data + n > data_end")},
	{CodeArithmetic, topicWidth}:     {causeWidth, say("an address takes 64 bits: keep it in a pointer or a 64-bit integer all the way")},
	{CodeArithmetic, topicPointers}:  {causePointers, say("the difference of two pointers is a number, their sum is nothing: add a number to one of them")},
	{CodeArithmetic, topicUnbounded}: {causeUnbounded, suggestUnbounded},
	{CodeArithmetic, topicNone}:      {causeValue, suggestArithmetic},

	{CodeHelper, topicNotAllowed}:    {causeNothing, suggestNotAllowed},
	{CodeHelper, topicGPL}:           {causeNothing, say(`if the program may be under it, declare a licence that is compatible with the GPL: char LICENSE[] SEC("license") = "GPL";`)},
	{CodeHelper, topicMapType}:       {causeNothing, suggestMapType},
	{CodeBounds, topicSizeUnbounded}: {causeSize, suggestSize},
	{CodeBounds, topicSizeNegative}:  {causeSize, suggestSizeSign},
	{CodeBounds, topicSizeZero}:      {causeSize, suggestSizeZero},
	{CodeType, topicConstant}:        {causeValue, say("pass a number that is known when the program is compiled")},
	{CodeHelper, topicNone}:          {causeValue, causeNothing},

	{CodeType, topicField}: {causeNothing, suggestField},

	{CodeReference, topicNone}:     {causeLeaked, suggestLeaked},
	{CodeReference, topicReleased}: {causeReleased, suggestReleased},
	{CodeReference, topicDynptr}: {causeNothing, say("give it back first, with bpf_ringbuf_submit_dynptr or bpf_ringbuf_discard_dynptr; what it points to is " +
		"written with bpf_dynptr_write")},

	{CodeLock, topicNone}: {causeLockTaken, say("release the lock on every path: bpf_spin_unlock before each return")},
	{CodeLock, topicLockHeld}: {causeLockTaken, say("do it before the lock is taken or after it is released; while a lock is held nothing may be called, " +
		"and only one lock may be held")},
	{CodeLock, topicLockOther}: {causeLockTaken, say("release the lock that was taken, through the same pointer")},

	{CodeReturn, topicNone}:        {causeReturn, suggestReturn},
	{CodeReturn, topicCallbackRet}: {causeReturn, say("return 0 to go on or 1 to stop")},

	{CodeLoop, topicNone}: {causeNothing, say("let the loop count to a constant, for (int i = 0; i < 100; i++), use bpf_loop, or bpf_for " +
		"with an open-coded iterator")},

	{CodeLimit, topicSteps}:      {causeSteps, suggestSteps},
	{CodeLimit, topicFrames}:     {causeNothing, say("call fewer functions inside one another, or let the compiler inline some: static __always_inline")},
	{CodeLimit, topicStackTotal}: {causeNothing, say(suggestStack)},
	{CodeLimit, topicStack}:      {causeNothing, say(suggestStack)},

	{CodeLeak, topicNone}: {causeLeak, say("addresses must stay in the program under this policy: store, return and compare numbers only")},

	{CodeUnsupported, topicKfunc}:       {causeNothing, suggestKfunc},
	{CodeUnsupported, topicKernelTypes}: {say("what the program attaches to has a type in the kernel, and the kernel's types are not known here"), say("give the kernel's types: gbpf verify --kernel-btf vmlinux, KernelBTF of the loader's options")},
	{CodeUnsupported, topicNone}: {say("there are no rules for this here yet, though the kernel may take the program"), say("do without it; or, where the sandbox is " +
		"enough, run the program under the policy sandboxed")},

	{CodeAlignment, topicNone}: {causeValue, say("align the variable, __attribute__((aligned(8))), or copy it with __builtin_memcpy")},

	{CodeStructure, topicRecursion}: {causeNothing, say("use a loop with a bound, or bpf_loop")},
	{CodeStructure, topicFallsOff}: {causeNothing, say("end every path with a return; the compiler leaves it out where it finds that the code cannot be " +
		"right, such as after the use of a NULL pointer")},
	{CodeStructure, topicUnreachable}: {causeNothing, say("remove the code that no path leads to")},
	{CodeStructure, topicDivide}:      {causeNothing, say("divide by another number")},
	{CodeStructure, topicShift}:       {causeNothing, say("shift by less than the width of the value")},
}

// reasons put the first line better than the check could, which did not know what the register held
// before. An empty one leaves it as it is.
var reasons = map[topic]func(x *evidence) string{
	topicPacketGone: reasonPacketGone,
	topicReleased:   reasonReleased,
}

// suggestStack is for programs that need more stack than there is.
const suggestStack = "keep large variables in a map, such as a per-CPU array of one element, instead of on the stack"

func causeNothing(*evidence) string { return "" }

// explain fills in the cause and the suggestion of the error.
func (x *evidence) explain() {
	t := x.find.topic
	if t == topicNone {
		t = x.topic()
	}
	a, ok := catalogue[heading{x.err.Code, t}]
	if !ok {
		a, ok = catalogue[heading{x.err.Code, topicNone}]
	}
	if !ok {
		return
	}
	if f := reasons[t]; f != nil {
		if r := f(x); r != "" {
			x.err.Reason = r
		}
	}
	if x.err.Cause == "" {
		x.err.Cause = a.cause(x)
	}
	if x.err.Suggestion == "" {
		x.err.Suggestion = a.suggestion(x)
	}
}

// topic tells from the instruction and the registers what kind of mistake it is.
func (x *evidence) topic() topic {
	in := x.insn()
	if in == nil {
		return topicNone
	}
	r, ok := x.reg()
	var reg Reg
	if ok {
		reg = x.regs[r]
	}
	isALU := in.Info().Kind == isa.KindALU
	switch x.err.Code {
	case CodeNull:
		switch {
		case in.IsCall():
			return topicArgument
		case isALU:
			return topicALU
		}
	case CodeBounds:
		if in.IsCall() && reg.Kind != PtrToPacket {
			return topicPassed
		}
		if o := x.origin().object(); reg.Kind == PtrToMapKey && o != nil && o.arg > 0 {
			return topicKeyed
		}
		switch reg.Kind {
		case PtrToPacket, PtrToPacketMeta:
			return topicPacket
		case PtrToMapValue, PtrToMapKey:
			return topicMapValue
		case PtrToStack:
			return topicStack
		}
		return topicMem
	case CodeType:
		return x.typeTopic(in, reg)
	case CodeUninit:
		if o := x.origin(); o != nil && o.lost {
			return topicLost
		}
		if reg.Kind == PtrToStack || reg.Kind != NotInit && ok {
			return topicStack
		}
	case CodeArithmetic:
		switch {
		case isALU && !in.Info().UsesImm && x.regs[in.Dst].isPtr() && x.regs[in.Src].isPtr():
			return topicPointers
		case reg.Kind == PtrToPacketEnd:
			return topicPacketEnd
		case isALU && in.Info().Width == 32:
			return topicWidth
		case isALU && !in.Info().UsesImm && reg.isPtr():
			n, _ := x.addedReg()
			if _, known := x.regs[n].constant(); !known && movable(reg.Kind) && (in.Info().AluOp == isa.AluAdd || in.Info().AluOp == isa.AluSub) {
				return topicUnbounded
			}
		}
	case CodeReference:
		if reg.Kind == Scalar && x.rec.madeWorthless(x.origin()) >= 0 {
			return topicReleased
		}
	}
	return topicNone
}

// movable reports whether numbers may be added to pointers of the kind.
func movable(k Kind) bool {
	return !slices.Contains([]Kind{ConstPtrToMap, PtrToPacketEnd, PtrToSocket, PtrToSockCommon, PtrToTCPSock, PtrToXDPSock, PtrToFlowKeys}, k)
}

func (x *evidence) typeTopic(in *isa.Insn, reg Reg) topic {
	o := x.origin()
	if reg.Kind == Scalar || reg.Kind == NotInit {
		if x.rec.madeWorthless(o) >= 0 {
			switch o.was.Kind {
			case PtrToPacket, PtrToPacketMeta, PtrToPacketEnd:
				return topicPacketGone
			}
			return topicReleased
		}
		if in.IsCall() {
			return topicArgument
		}
		if x.fromTracing(o) {
			return topicKernel
		}
		return topicNumber
	}
	switch {
	case reg.Kind == PtrToSockCommon && in.Info().Kind == isa.KindLoad:
		return topicSocket
	case reg.Kind == PtrToCtx && (reg.Off != 0 || !reg.fixed()):
		return topicModified
	case in.IsCall():
		return topicArgument
	case in.Info().Kind == isa.KindStore || in.Info().Kind == isa.KindStoreImm || in.Info().Kind == isa.KindAtomic:
		return topicReadOnly
	}
	return topicNone
}

// tracingTypes are the program types, by the kernel's number, whose context holds addresses
// of kernel memory as numbers.
var tracingTypes = []uint32{2, 5, 7, 17, 24} // kprobe, tracepoint, perf_event, raw_tracepoint, raw_tracepoint_writable

// fromTracing reports whether a number was found in the context of a tracing program: an
// address, most likely.
func (x *evidence) fromTracing(o *origin) bool {
	o = o.root()
	return o != nil && o.from != nil && o.from.was.Kind == PtrToCtx && x.spec.Type != nil && slices.Contains(tracingTypes, x.spec.Type.Kernel)
}
