package isa

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

// kernelLoad hands instruction bytes to the running kernel as a socket filter
// and returns the verifier's log at level 2 (empty without withLog).
// The first result reports whether the kernel accepted the program.
func kernelLoad(code []byte, withLog bool) (ok bool, log string, err error) {
	license := []byte("GPL\x00")
	var pin runtime.Pinner // the kernel gets their addresses as numbers
	defer pin.Unpin()
	pin.Pin(&code[0])
	pin.Pin(&license[0])
	attr := struct { // union bpf_attr for BPF_PROG_LOAD, linux/bpf.h
		progType, insnCnt   uint32
		insns, license      uint64
		logLevel, logSize   uint32
		logBuf              uint64
		kernVersion, flags  uint32
		name                [16]byte
		ifindex, attachType uint32
	}{
		progType: 1, // BPF_PROG_TYPE_SOCKET_FILTER
		insnCnt:  uint32(len(code) / slotSize),
		insns:    uint64(uintptr(unsafe.Pointer(&code[0]))),
		license:  uint64(uintptr(unsafe.Pointer(&license[0]))),
	}
	var buf []byte
	if withLog {
		buf = make([]byte, 64<<10)
		pin.Pin(&buf[0])
		attr.logLevel, attr.logSize = 2, uint32(len(buf))
		attr.logBuf = uint64(uintptr(unsafe.Pointer(&buf[0])))
	}
	const progLoad = 5
	fd, _, errno := unix.Syscall(unix.SYS_BPF, progLoad, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	if errno == 0 {
		unix.Close(int(fd))
	}
	if i := bytes.IndexByte(buf, 0); i > 0 {
		log = string(buf[:i])
	}
	switch {
	case errno == 0:
		return true, log, nil
	case errors.Is(errno, unix.EPERM), errors.Is(errno, unix.ENOSYS):
		return false, log, errno
	}
	return false, log, nil
}

// needKernel skips unless the process may load programs, with a log.
func needKernel(t *testing.T) {
	t.Helper()
	code, err := Encode([]Insn{New(OpMov64Imm, 0, 0, 0, 0), New(OpExit, 0, 0, 0, 0)})
	if err != nil {
		t.Fatal(err)
	}
	ok, log, err := kernelLoad(code, true)
	if err != nil || !ok || log == "" {
		t.Skipf("the kernel takes no programs from this process (%v); the recorded log text is compared in TestKernelNotation", err)
	}
}

// logText finds what the verifier printed for instruction pc.
func logText(log string, pc int, opcode uint8) string {
	prefix := fmt.Sprintf("%d: (%02x) ", pc, opcode)
	for line := range strings.Lines(log) {
		if s, ok := strings.CutPrefix(line, prefix); ok {
			s, _, _ = strings.Cut(s, ";") // the register state
			return strings.TrimSpace(s)
		}
	}
	return ""
}

// kernelNotation loads a program around i and returns the kernel's text for
// it, "" if the kernel never came to print it.
func kernelNotation(t *testing.T, i []Insn) string {
	t.Helper()
	prog, pc := around(i)
	code, err := Encode(prog)
	if err != nil {
		t.Fatal(err)
	}
	_, log, err := kernelLoad(code, true)
	if err != nil {
		t.Fatal(err)
	}
	return logText(log, pc, i[0].Opcode)
}

// kfuncID returns the running kernel's BTF ID of bpf_rcu_read_lock.
func kfuncID(t *testing.T) int64 {
	t.Helper()
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		t.Fatal(err)
	}
	var fn *btf.Func
	if err := spec.TypeByName("bpf_rcu_read_lock", &fn); err != nil {
		t.Fatal(err)
	}
	id, err := spec.TypeID(fn)
	if err != nil {
		t.Fatal(err)
	}
	return int64(id)
}

// TestKernelNotationLive compares String with what the running kernel prints
// while it verifies, and with -update records it.
func TestKernelNotationLive(t *testing.T) {
	needKernel(t)
	var lines []string
	rows := map[Op]bool{}
	for op := range Ops() {
		for _, i := range notationSamples(op) {
			switch op {
			case OpLddwFunc: // the verifier prints the raw number, Format bpftool's notation
				continue
			case OpCallKfunc:
				i[0].Imm, i[0].Off = kfuncID(t), 0
			}
			want := kernelNotation(t, i)
			if want == "" {
				continue // refused before the walk; TestDisasmGolden has it
			}
			rows[op] = true
			lines = append(lines, fmt.Sprintf("%x %s", mustEncode(t, i), want))
			if got := Format(i, 0, kernelNames); got != want {
				t.Errorf("%v: %q, the kernel prints %q", op, got, want)
			}
		}
	}
	var missing []string
	for op := range Ops() {
		if !rows[op] {
			missing = append(missing, op.String())
		}
	}
	t.Logf("compared %d instructions of %d rows with the kernel; not printed by it: %s",
		len(lines), len(rows), strings.Join(missing, " "))
	if *update {
		writeNotation(t, lines)
	}
}

// encodingError matches the verifier's complaints about a single encoding, as
// opposed to what the instruction does.
var encodingError = regexp.MustCompile(`(?m)^.*(reserved field|unknown opcode|invalid bpf_ld_imm64|unrecognized bpf_ld_imm64|not supported opcode|BPF_.* uses|invalid insn|invalid atomic op).*$`)

// TestKernelAccepts samples encodings: what the kernel accepts, Decode must,
// and what Decode accepts the kernel must not call a bad encoding. Calls
// through a register are the exception, Linux has none.
func TestKernelAccepts(t *testing.T) {
	needKernel(t)
	step := 23
	if *exhaustive {
		step = 1
	}
	prologue := []Insn{
		New(OpMov64Reg, R2, R10, 0, 0), New(OpAdd64Imm, R2, 0, 0, -8), New(OpStDW, R2, 0, 0, 1),
		New(OpMov64Imm, R0, 0, 0, 1), New(OpMov64Imm, R3, 0, 0, 1), New(OpMov64Reg, R6, R1, 0, 0),
	}
	epilogue := []Insn{New(OpMov64Imm, R0, 0, 0, 0), New(OpExit, 0, 0, 0, 0)}
	head, tail := mustEncode(t, prologue), mustEncode(t, epilogue)
	bad := append(bytes.Clone(head), append(rawSlot(0x07, 0, 0, 5, 0), tail...)...)
	if ok, log, _ := kernelLoad(bad, true); ok || !encodingError.MatchString(log) {
		t.Fatalf("a reserved off is not reported as expected: %q", log)
	}
	var n, tried, accepted int
	for opcode := range 256 {
		for _, rr := range []uint8{0x00, 0x02, 0x03, 0x10, 0x12, 0x20, 0x23, 0x30, 0x32, 0x40, 0xb3} {
			for _, off := range []int16{0, 1, 8, 16, 32, -1} {
				for _, imm := range []int32{0, 1, 7, 14, 16, 32, 64, 0x40, 0x41, 0x51, 0xa1, 0xe1, 0xf1, 0x100, 0x110} {
					if n++; n%step != 0 {
						continue
					}
					code := append(bytes.Clone(head), rawSlot(uint8(opcode), rr&15, rr>>4, off, imm)...)
					if opcode == 0x18 {
						code = append(code, rawSlot(0, 0, 0, 0, 0)...)
					}
					code = append(code, tail...)
					insn := code[len(head) : len(code)-len(tail)]
					prog, decodeErr := Decode(code)
					ok, log, err := kernelLoad(code, decodeErr == nil)
					if err != nil {
						t.Fatal(err)
					}
					tried++
					switch {
					case ok && decodeErr != nil:
						t.Errorf("the kernel accepts % x, Decode: %v", insn, decodeErr)
					case ok:
						accepted++
					case decodeErr == nil && prog[len(prologue)].Op != OpCallReg:
						if m := encodingError.FindString(log); m != "" {
							t.Errorf("Decode accepts % x, the kernel: %s", insn, m)
						}
					}
				}
			}
		}
	}
	t.Logf("%d encodings, %d accepted by the kernel", tried, accepted)
}
