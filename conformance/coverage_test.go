package conformance

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/gbpf/gbpf/loader"
)

// TestOwnProgramsCover checks that the objects of testdata/progs use, between them, what the first
// set of program types, helpers and maps holds.
func TestOwnProgramsCover(t *testing.T) {
	objects, err := filepath.Glob(filepath.Join(progDir, "*.o"))
	if err != nil {
		t.Fatal(err)
	}
	types := map[ebpf.ProgramType]int{}
	mapTypes := map[ebpf.MapType]int{}
	calls := map[asm.BuiltinFunc]int{}
	for _, path := range objects {
		spec, err := loader.LoadSpecFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range spec.Maps {
			mapTypes[m.Type]++
		}
		for _, p := range spec.Programs {
			types[p.Type]++
			for _, in := range p.Instructions {
				if in.IsBuiltinCall() {
					calls[asm.BuiltinFunc(in.Constant)]++
				}
			}
		}
	}
	for _, typ := range []ebpf.ProgramType{ebpf.XDP, ebpf.SchedCLS, ebpf.SocketFilter, ebpf.CGroupSKB, ebpf.RawTracepoint,
		ebpf.TracePoint, ebpf.Kprobe, ebpf.PerfEvent, ebpf.Syscall} {
		if types[typ] == 0 {
			t.Errorf("no program of type %v", typ)
		}
	}
	for _, typ := range []ebpf.MapType{ebpf.Array, ebpf.Hash, ebpf.PerCPUArray, ebpf.PerCPUHash, ebpf.LRUHash, ebpf.LRUCPUHash,
		ebpf.ProgramArray, ebpf.ArrayOfMaps, ebpf.HashOfMaps, ebpf.PerfEventArray, ebpf.RingBuf, ebpf.Queue, ebpf.Stack, ebpf.DevMap} {
		if mapTypes[typ] == 0 {
			t.Errorf("no map of type %v", typ)
		}
	}
	for _, fn := range []asm.BuiltinFunc{
		asm.FnMapLookupElem, asm.FnMapUpdateElem, asm.FnMapDeleteElem, asm.FnMapPushElem, asm.FnMapPopElem, asm.FnMapPeekElem,
		asm.FnKtimeGetNs, asm.FnKtimeGetBootNs, asm.FnGetPrandomU32, asm.FnGetSmpProcessorId, asm.FnTracePrintk, asm.FnTailCall,
		asm.FnPerfEventOutput, asm.FnRingbufOutput, asm.FnRingbufReserve, asm.FnRingbufSubmit, asm.FnRingbufDiscard, asm.FnRingbufQuery,
		asm.FnXdpAdjustHead, asm.FnXdpAdjustTail, asm.FnXdpAdjustMeta, asm.FnSkbLoadBytes, asm.FnSkbStoreBytes,
		asm.FnCsumDiff, asm.FnL3CsumReplace, asm.FnL4CsumReplace, asm.FnRedirect, asm.FnRedirectMap, asm.FnLoop, asm.FnForEachMapElem,
		asm.FnSnprintf, asm.FnStrncmp, asm.FnStrtol, asm.FnStrtoul,
		asm.FnGetCurrentPidTgid, asm.FnGetCurrentUidGid, asm.FnGetCurrentComm,
	} {
		if calls[fn] == 0 {
			t.Errorf("no call of %v", fn)
		}
	}
	var names []string
	for fn := range calls {
		names = append(names, fn.String())
	}
	slices.Sort(names)
	t.Logf("%d objects: %d program types, %d map types, %d helpers: %v", len(objects), len(types), len(mapTypes), len(calls), names)
}
