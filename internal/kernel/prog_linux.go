//go:build linux && (amd64 || arm64)

package kernel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Program is a program that the kernel accepted.
type Program struct{ fd int }

// Load gives a program to the verifier. A refused program is not an error: the
// Program is nil and the Verdict says why. The error tells that the kernel could not be asked.
func Load(p *Prog) (*Program, *Verdict, error) {
	if err := Available(); err != nil {
		return nil, nil, err
	}
	return load(p)
}

func load(p *Prog) (*Program, *Verdict, error) {
	n := len(p.Insns) / 8
	if len(p.Insns)%8 != 0 {
		return nil, nil, fmt.Errorf("bpf: load %q: %d bytes of instructions: not a multiple of 8", p.Name, len(p.Insns))
	}
	if n > MaxInsns && !p.Large {
		return nil, nil, fmt.Errorf("bpf: load %q: %d instructions: %w (limit %d)", p.Name, n, ErrTooLarge, MaxInsns)
	}
	insns := append([]byte(nil), p.Insns...)
	for i, m := range p.Maps {
		if i < 0 || i >= n || insns[8*i] != 0x18 {
			return nil, nil, fmt.Errorf("bpf: load %q: insn %d: not a map load", p.Name, i)
		}
		if insns[8*i+1]>>4 == 0 {
			insns[8*i+1] |= 1 << 4 // BPF_PSEUDO_MAP_FD
		}
		binary.LittleEndian.PutUint32(insns[8*i+4:], uint32(m.fd))
	}
	for i, name := range p.Kfuncs {
		if i < 0 || i >= n || insns[8*i] != 0x85 || insns[8*i+1]>>4 != 2 {
			return nil, nil, fmt.Errorf("bpf: load %q: insn %d: not a call of a kfunc", p.Name, i)
		}
		id, err := FuncID(name)
		if err != nil {
			return nil, nil, fmt.Errorf("bpf: load %q: insn %d: %w", p.Name, i, err)
		}
		binary.LittleEndian.PutUint32(insns[8*i+4:], id)
	}
	license := p.License
	if license == "" {
		license = "GPL"
	}
	lic := append([]byte(license), 0)
	level := p.LogLevel
	if level == 0 {
		level = 4
	}
	for size := 1 << 16; ; size <<= 4 {
		if p.NoLog {
			size = 1
		}
		log := make([]byte, size)
		a := &attrProgLoad{
			progType: p.Type, insnCnt: uint32(n), insns: pointer(insns), license: pointer(lic),
			logLevel: level, logSize: uint32(len(log)), logBuf: pointer(log),
			flags: p.Flags, name: objName(p.Name), attachType: p.AttachType, attachBTFID: p.AttachBTFID,
		}
		if p.NoLog {
			a.logLevel, a.logSize, a.logBuf = 0, 0, nil
		}
		if p.BTF != nil {
			a.btfFD = uint32(p.BTF.fd)
			a.funcInfoRec, a.funcInfo, a.funcInfoCnt = 8, pointer(p.FuncInfo), uint32(len(p.FuncInfo)/8)
			a.lineInfoRec, a.lineInfo, a.lineInfoCnt = 16, pointer(p.LineInfo), uint32(len(p.LineInfo)/16)
		}
		fd, took, err := timedCall(cmdProgLoad, a, p.Limit)
		runtime.KeepAlive(p.Maps)
		if errors.Is(err, unix.ENOSPC) && size < 1<<28 && !p.NoLog {
			continue
		}
		v := verdictOf(unix.ByteSliceToString(log))
		v.Wall, v.CPU = took.wall, took.cpu
		if err == nil {
			v.Accepted = true
			return &Program{fd}, v, nil
		}
		errno, err := errnoOf(err)
		if err != nil {
			return nil, nil, fmt.Errorf("bpf: load %q: %w", p.Name, err)
		}
		v.Errno, v.ErrnoName = int(errno), errnoName(errno)
		return nil, v, nil
	}
}

// FD is the program's file descriptor, for use until Close.
func (p *Program) FD() int { return p.fd }

// Close gives the program back to the kernel.
func (p *Program) Close() error { return unix.Close(p.fd) }

// Run test-runs the program. That the kernel refuses the run is a result, see
// [Output.Errno]; the error tells that it could not be asked or took too long.
func (p *Program) Run(in Input) (*Output, error) { return testRun(p.fd, in) }

// TestRun test-runs the program with the given file descriptor, which stays the caller's.
func TestRun(fd int, in Input) (*Output, error) {
	if err := Available(); err != nil {
		return nil, err
	}
	return testRun(fd, in)
}

func testRun(fd int, in Input) (*Output, error) {
	// A program of type syscall leaves its context where it was given.
	inCtx := bytes.Clone(in.Ctx)
	a := &attrTestRun{
		fd: uint32(fd), dataIn: pointer(in.Data), sizeIn: uint32(len(in.Data)), repeat: in.Repeat,
		ctxIn: pointer(inCtx), ctxSizeIn: uint32(len(inCtx)), flags: in.Flags, cpu: in.CPU,
	}
	room := in.DataOut
	if room == 0 && in.Data != nil {
		room = len(in.Data) + 512
	}
	var data, ctx []byte
	if room > 0 {
		data = make([]byte, room)
		a.dataOut, a.sizeOut = pointer(data), uint32(room)
	}
	if in.CtxOut {
		ctx = make([]byte, len(in.Ctx))
		a.ctxOut, a.ctxSizeOut = pointer(ctx), uint32(len(ctx))
	}
	out := &Output{}
	if _, err := call(cmdProgTestRun, a, in.Limit); err != nil {
		errno, err := errnoOf(err)
		if err != nil {
			return nil, err
		}
		out.Errno, out.ErrnoName = int(errno), errnoName(errno)
		return out, nil
	}
	out.Retval, out.Duration = a.retval, time.Duration(a.duration)
	if data != nil {
		out.Data = data[:min(int(a.sizeOut), len(data))]
	}
	out.Ctx = inCtx
	if ctx != nil {
		out.Ctx = ctx[:min(int(a.ctxSizeOut), len(ctx))]
	}
	return out, nil
}

// BTF is type information that the kernel holds.
type BTF struct{ fd int }

// LoadBTF loads type information from its two sections: encoded types and strings.
func LoadBTF(types, strs []byte) (*BTF, error) {
	b := binary.LittleEndian.AppendUint16(nil, 0xeb9f)
	b = append(b, 1, 0)
	for _, v := range []int{24, 0, len(types), len(types), len(strs)} {
		b = binary.LittleEndian.AppendUint32(b, uint32(v))
	}
	return LoadRawBTF(append(append(b, types...), strs...))
}

// LoadRawBTF loads type information with its header.
func LoadRawBTF(b []byte) (*BTF, error) {
	if err := Available(); err != nil {
		return nil, err
	}
	a := &attrBTFLoad{btf: pointer(b), size: uint32(len(b))}
	fd, err := call(cmdBTFLoad, a, 0)
	if err != nil {
		// Once more for the reason: a log that does not fit would be an error of its own.
		log := make([]byte, 1<<20)
		a.logBuf, a.logSize, a.logLevel = pointer(log), uint32(len(log)), 1
		if fd, err := call(cmdBTFLoad, a, 0); err == nil {
			return &BTF{fd}, nil
		}
		return nil, fmt.Errorf("bpf: load BTF: %w: %s", err, verdictOf(unix.ByteSliceToString(log)).LastLine)
	}
	return &BTF{fd}, nil
}

// Close gives the type information back to the kernel.
func (b *BTF) Close() error { return unix.Close(b.fd) }

// The kernel reads these structures by offset: a size that changed would be a field gone astray.
var (
	_ [80]byte  = [unsafe.Sizeof(attrMapCreate{})]byte{}
	_ [80]byte  = [unsafe.Sizeof(attrTestRun{})]byte{}
	_ [168]byte = [unsafe.Sizeof(attrProgLoad{})]byte{}
)
