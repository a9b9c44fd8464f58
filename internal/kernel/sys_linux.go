//go:build linux && (amd64 || arm64)

package kernel

//lint:file-ignore U1000 The attribute structures have every field that the kernel reads, used or not.

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Commands of bpf(2), from the kernel's public header linux/bpf.h.
const (
	cmdMapCreate   = 0
	cmdMapLookup   = 1
	cmdMapUpdate   = 2
	cmdMapDelete   = 3
	cmdMapNextKey  = 4
	cmdProgLoad    = 5
	cmdProgTestRun = 10
	cmdBTFLoad     = 18
	cmdMapPop      = 21 // BPF_MAP_LOOKUP_AND_DELETE_ELEM
	cmdMapFreeze   = 22
	cmdMapBatch    = 24 // BPF_MAP_LOOKUP_BATCH
)

// The parts of union bpf_attr that the commands above read. Pointers are 64 bits wide on
// every architecture that this file is built for.
type (
	attrMapCreate struct {
		mapType, keySize, valueSize, maxEntries, flags, innerFD, numaNode uint32
		name                                                              [16]byte
		ifindex, btfFD, btfKeyType, btfValueType, btfVmlinuxValueType     uint32
		extra                                                             uint64
		valueTypeBTFFD, tokenFD                                           int32
	}
	attrElem struct {
		fd, _      uint32
		key, value unsafe.Pointer // value is next_key for cmdMapNextKey
		flags      uint64
	}
	attrBatch struct {
		in, out, keys, values unsafe.Pointer
		count, fd             uint32
		elemFlags, flags      uint64
	}
	attrProgLoad struct {
		progType, insnCnt         uint32
		insns, license            unsafe.Pointer
		logLevel, logSize         uint32
		logBuf                    unsafe.Pointer
		kernVersion, flags        uint32
		name                      [16]byte
		ifindex, attachType       uint32
		btfFD, funcInfoRec        uint32
		funcInfo                  unsafe.Pointer
		funcInfoCnt, lineInfoRec  uint32
		lineInfo                  unsafe.Pointer
		lineInfoCnt, attachBTFID  uint32
		attachProgFD, coreRelos   uint32
		fdArray, coreReloPtr      unsafe.Pointer
		coreReloSize, logTrueSize uint32
		tokenFD                   int32
		fdArrayCnt                uint32
		signature                 unsafe.Pointer
		signatureSize, keyringID  uint32
	}
	attrTestRun struct {
		fd, retval, sizeIn, sizeOut uint32
		dataIn, dataOut             unsafe.Pointer
		repeat, duration            uint32
		ctxSizeIn, ctxSizeOut       uint32
		ctxIn, ctxOut               unsafe.Pointer
		flags, cpu, batch, _        uint32
	}
	attrBTFLoad struct {
		btf, logBuf                                         unsafe.Pointer
		size, logSize, logLevel, logTrueSize, flags, tokeFD uint32
	}
)

// call makes one system call and interrupts it when it outlasts limit: the verifier and
// repeated test runs look for signals, and SIGURG is one that the Go runtime ignores.
func call[T any](cmd uintptr, attr *T, limit time.Duration) (int, error) {
	r, _, err := timedCall(cmd, attr, limit)
	return r, err
}

// timing is what one system call took.
type timing struct{ wall, cpu time.Duration }

// timedCall is call, and measures: interrupted attempts do not count.
func timedCall[T any](cmd uintptr, attr *T, limit time.Duration) (int, timing, error) {
	if limit <= 0 {
		limit = DefaultLimit
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	pid, tid := unix.Getpid(), unix.Gettid()
	var late atomic.Bool
	var mu sync.Mutex
	done := false
	t := time.AfterFunc(limit, func() {
		late.Store(true)
		for {
			mu.Lock()
			if done {
				mu.Unlock()
				return
			}
			_ = unix.Tgkill(pid, tid, unix.SIGURG)
			mu.Unlock()
			time.Sleep(20 * time.Millisecond)
		}
	})
	defer func() {
		t.Stop()
		mu.Lock()
		done = true
		mu.Unlock()
	}()
	for {
		var took timing
		start, cpu := time.Now(), threadTime()
		r, _, errno := unix.Syscall(unix.SYS_BPF, cmd, uintptr(unsafe.Pointer(attr)), unsafe.Sizeof(*attr))
		took.cpu, took.wall = threadTime()-cpu, time.Since(start)
		switch {
		case errno == 0:
			return int(r), took, nil
		case late.Load():
			return 0, took, fmt.Errorf("bpf: command %d: %w after %v", cmd, ErrTimeout, limit)
		case errno == unix.EAGAIN || errno == unix.EINTR:
			// A stray signal, such as a profiler's.
		default:
			return 0, took, errno
		}
	}
}

// threadTime is the CPU time that the calling thread has used, in user space and in the kernel.
func threadTime() time.Duration { return clock(unix.CLOCK_THREAD_CPUTIME_ID) }

// ProcessTime is the CPU time that all threads of the process have used.
func ProcessTime() time.Duration { return clock(unix.CLOCK_PROCESS_CPUTIME_ID) }

func clock(id int32) time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(id, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

func pointer(b []byte) unsafe.Pointer {
	if len(b) == 0 {
		return nil
	}
	return unsafe.Pointer(unsafe.SliceData(b))
}

func objName(s string) (n [16]byte) {
	copy(n[:15], s)
	return n
}

// errnoOf splits an error of call into an errno the caller reports as a result, and anything else.
func errnoOf(err error) (unix.Errno, error) {
	var e unix.Errno
	if errors.As(err, &e) {
		return e, nil
	}
	return 0, err
}

func errnoName(e unix.Errno) string {
	if e == 524 {
		return "ENOTSUPP" // kernel-internal, yet test runs return it
	}
	return unix.ErrnoName(e)
}

var available = sync.OnceValue(func() error {
	// r0 = 0; exit
	insns := []byte{0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0}
	license := []byte("GPL\x00")
	fd, err := call(cmdProgLoad, &attrProgLoad{
		progType: 6, insnCnt: 2, insns: pointer(insns), license: pointer(license),
	}, DefaultLimit)
	if err != nil {
		return fmt.Errorf("bpf: load of a test program: %w: %w", ErrUnavailable, err)
	}
	defer unix.Close(fd)
	out, err := testRun(fd, Input{Data: make([]byte, 64)})
	if err != nil {
		return fmt.Errorf("bpf: test run: %w: %w", ErrUnavailable, err)
	}
	if out.Errno != 0 {
		return fmt.Errorf("bpf: test run: %w: %s", ErrUnavailable, out.ErrnoName)
	}
	return nil
})

// Available is nil when bpf(2) loads and test-runs an XDP program here, and else an error
// that wraps [ErrUnavailable] and says why not. It probes once a process.
func Available() error { return available() }

// Release is the running kernel's release, such as "6.18.0".
func Release() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}

// OnCPU runs f with its goroutine bound to one CPU, and passes that CPU's number: 0 where
// it is allowed, else the first that is. Test runs inside f see that CPU number.
func OnCPU(f func(cpu int) error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var old, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &old); err != nil {
		return fmt.Errorf("bpf: cpu affinity: %w", err)
	}
	cpu := 0
	for !old.IsSet(cpu) && cpu < 1023 {
		cpu++
	}
	one.Set(cpu)
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		return fmt.Errorf("bpf: cpu affinity: %w", err)
	}
	defer func() { _ = unix.SchedSetaffinity(0, &old) }()
	return f(cpu)
}
