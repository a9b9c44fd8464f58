package proto

// The arguments that rows of the table are made of.
var (
	anything         = Arg{Kind: Anything}
	constMap         = Arg{Kind: ConstMapPtr}
	mapKey           = Arg{Kind: PtrToMapKey}
	mapValue         = Arg{Kind: PtrToMapValue}
	mapValueOrNull   = Arg{Kind: PtrToMapValue, Flags: MaybeNull}
	mapValueOut      = Arg{Kind: PtrToMapValue, Flags: Uninit | Write}
	mem              = Arg{Kind: PtrToMem, Flags: Rdonly}
	memOrNull        = Arg{Kind: PtrToMem, Flags: Rdonly | MaybeNull}
	writeMem         = Arg{Kind: PtrToMem, Flags: Write}
	writeMemOrNull   = Arg{Kind: PtrToMem, Flags: Write | MaybeNull}
	uninitMem        = Arg{Kind: PtrToMem, Flags: Uninit | Write}
	size             = Arg{Kind: ConstSize}
	sizeOrZero       = Arg{Kind: ConstSizeOrZero}
	allocSize        = Arg{Kind: ConstAllocSizeOrZero}
	longOut          = Arg{Kind: PtrToMem, Flags: FixedSize | Uninit | Write | Aligned, Size: 8}
	u32InOut         = Arg{Kind: PtrToMem, Flags: FixedSize | Write | Aligned, Size: 4}
	iphdr            = Arg{Kind: PtrToMem, Flags: FixedSize, Size: 20}
	ipv6hdr          = Arg{Kind: PtrToMem, Flags: FixedSize, Size: 40}
	tcphdr           = Arg{Kind: PtrToMem, Flags: FixedSize, Size: 20}
	bctx             = Arg{Kind: PtrToCtx}
	bctxOrNull       = Arg{Kind: PtrToCtx, Flags: MaybeNull}
	sock             = Arg{Kind: PtrToBTFIDSockCommon, BTF: "sock_common"}
	sockRelease      = Arg{Kind: PtrToBTFIDSockCommon, Flags: Release, BTF: "sock_common"}
	sockCommon       = Arg{Kind: PtrToSockCommon}
	spinLock         = Arg{Kind: PtrToSpinLock}
	timer            = Arg{Kind: PtrToTimer}
	record           = Arg{Kind: PtrToRingbufMem, Flags: Release}
	percpu           = Arg{Kind: PtrToPercpuBTFID}
	fn               = Arg{Kind: PtrToFunc}
	stackOrNull      = Arg{Kind: PtrToStack, Flags: MaybeNull}
	constStr         = Arg{Kind: PtrToConstStr}
	kptrDest         = Arg{Kind: KptrXchgDest}
	kptr             = Arg{Kind: PtrToBTFID, Flags: MaybeNull | Release}
	dynptr           = Arg{Kind: PtrToDynptr, Flags: Rdonly}
	dynptrLocalOut   = Arg{Kind: PtrToDynptr, Flags: DynptrLocal | Uninit | Write}
	dynptrRingbufOut = Arg{Kind: PtrToDynptr, Flags: DynptrRingbuf | Uninit | Write}
	dynptrRecord     = Arg{Kind: PtrToDynptr, Flags: DynptrRingbuf | Release}
)

func btfID(name string) Arg       { return Arg{Kind: PtrToBTFID, BTF: name} }
func btfIDOrNull(name string) Arg { return Arg{Kind: PtrToBTFID, Flags: MaybeNull, BTF: name} }

// The results that rows of the table are made of.
var (
	retVoid             = Ret{Kind: RetVoid}
	retMapValue         = Ret{Kind: RetPtrToMapValue}
	retMapValueOrNull   = Ret{Kind: RetPtrToMapValue, Flags: MaybeNull}
	retSocketOrNull     = Ret{Kind: RetPtrToSocket, Flags: MaybeNull}
	retTCPSockOrNull    = Ret{Kind: RetPtrToTCPSock, Flags: MaybeNull}
	retSockCommonOrNull = Ret{Kind: RetPtrToSockCommon, Flags: MaybeNull}
	retRecordOrNull     = Ret{Kind: RetPtrToMem, Flags: MaybeNull | Ringbuf}
	retMemOrNull        = Ret{Kind: RetPtrToMem, Flags: MaybeNull}
	retMemOrBTF         = Ret{Kind: RetPtrToMemOrBTFID, Flags: Rdonly}
	retMemOrBTFOrNull   = Ret{Kind: RetPtrToMemOrBTFID, Flags: Rdonly | MaybeNull}
)

func retBTFOrNull(name string) Ret { return Ret{Kind: RetPtrToBTFID, Flags: MaybeNull, BTF: name} }
func retBTFTrusted(name string) Ret {
	return Ret{Kind: RetPtrToBTFID, Flags: Trusted, BTF: name}
}

// Program types, as the kernel numbers them, that rules name.
const (
	typeSocketFilter          = 1
	typeKprobe                = 2
	typeSchedCLS              = 3
	typeSchedACT              = 4
	typeTracepoint            = 5
	typeXDP                   = 6
	typePerfEvent             = 7
	typeCgroupSkb             = 8
	typeCgroupSock            = 9
	typeLwtIn                 = 10
	typeLwtOut                = 11
	typeLwtXmit               = 12
	typeSockOps               = 13
	typeSkSkb                 = 14
	typeCgroupDevice          = 15
	typeSkMsg                 = 16
	typeRawTracepoint         = 17
	typeCgroupSockAddr        = 18
	typeLwtSeg6Local          = 19
	typeSkReuseport           = 21
	typeFlowDissector         = 22
	typeCgroupSysctl          = 23
	typeRawTracepointWritable = 24
	typeCgSockopt             = 25
	typeTracing               = 26
	typeStructOps             = 27
	typeLSM                   = 29
	typeSkLookup              = 30
	typeSyscall               = 31
	typeNetfilter             = 32
)

// variants are the prototypes that differ from the table's for some program types.
var variants = []variant{
	// Elsewhere it is the class of the current task, and takes nothing.
	{types: []uint32{typeSchedCLS, typeSchedACT, typeLwtIn, typeLwtOut, typeLwtXmit, typeLwtSeg6Local},
		proto: Proto{ID: 17, Name: "get_cgroup_classid", Args: [5]Arg{bctx}}},
	{types: []uint32{typeSkReuseport, typeTracing, typeLSM, typeSyscall},
		proto: Proto{ID: 46, Name: "get_socket_cookie", Args: [5]Arg{{Kind: PtrToBTFIDSockCommon, Flags: MaybeNull, BTF: "sock_common"}}}},
	{types: []uint32{typeCgSockopt, typeLSM, typeTracing, typeStructOps},
		proto: Proto{ID: 49, Name: "setsockopt", Args: [5]Arg{sock, anything, anything, mem, size}}},
	{types: []uint32{typeCgSockopt, typeLSM, typeTracing, typeStructOps},
		proto: Proto{ID: 57, Name: "getsockopt", Args: [5]Arg{sock, anything, anything, uninitMem, size}}},
	{types: []uint32{typeSkLookup},
		proto: Proto{ID: 124, Name: "sk_assign", Args: [5]Arg{bctx, {Kind: PtrToSocket, Flags: MaybeNull}, anything}}},
	{types: []uint32{typeTracing},
		proto: Proto{ID: 107, Name: "sk_storage_get", Args: [5]Arg{constMap, btfIDOrNull("sock_common"), mapValueOrNull, anything}, Ret: retMapValueOrNull}},
	{types: []uint32{typeTracing},
		proto: Proto{ID: 108, Name: "sk_storage_delete", Args: [5]Arg{constMap, btfIDOrNull("sock_common")}}},
	{types: []uint32{typeTracing, typeLSM, typeSyscall},
		proto: Proto{ID: 188, Name: "xdp_get_buff_len", Args: [5]Arg{btfID("xdp_buff")}}},
}
