package proto_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/internal/kernel"
)

// prober asks the live kernel's verifier about prototypes: it loads programs that call a helper
// with arguments that are right but for one.
type prober struct {
	hash, ro *ebpf.Map
	asked    int
}

// The buffer for memory arguments: 64 bytes of stack, zeroed.
const stackBuf = -64

// variation is what a probe does differently from a right call.
type variation struct {
	arg     int // which argument, -1 for none
	with    asm.Instructions
	null    bool // a size behind it is 0
	license string
	after   asm.Instructions // behind the call
	before  asm.Instructions
}

// buildable says whether the prober can make a right argument of the kind.
func buildable(a proto.Arg) bool {
	switch a.Kind {
	case proto.ConstMapPtr, proto.PtrToMapKey, proto.PtrToMapValue, proto.PtrToMem, proto.ConstSize, proto.ConstSizeOrZero,
		proto.PtrToCtx, proto.Anything, proto.ConstAllocSizeOrZero, proto.PtrToConstStr, proto.PtrToStack:
		return true
	}
	return false
}

func (p *prober) arg(r asm.Register, a proto.Arg) asm.Instructions {
	switch a.Kind {
	case proto.ConstMapPtr:
		return asm.Instructions{asm.LoadMapPtr(r, p.hash.FD())}
	case proto.PtrToMapKey, proto.PtrToMapValue, proto.PtrToMem, proto.PtrToStack:
		return asm.Instructions{asm.Mov.Reg(r, asm.RFP), asm.Add.Imm(r, stackBuf)}
	case proto.ConstSize, proto.ConstSizeOrZero, proto.ConstAllocSizeOrZero:
		return asm.Instructions{asm.Mov.Imm(r, 8)}
	case proto.PtrToCtx:
		return asm.Instructions{asm.Mov.Reg(r, asm.R6)}
	case proto.PtrToConstStr:
		return asm.Instructions{asm.LoadMapValue(r, p.ro.FD(), 0)}
	}
	return asm.Instructions{asm.Mov.Imm(r, 0)}
}

// load builds and loads a program and returns the verifier's log, "" when it is accepted.
func (p *prober) load(f *flavour, h *proto.Proto, upTo int, v variation) (string, error) {
	is := asm.Instructions{asm.Mov.Reg(asm.R6, asm.R1), asm.Mov.Imm(asm.R0, 0)}
	for off := stackBuf; off < 0; off += 8 {
		is = append(is, asm.StoreMem(asm.RFP, int16(off), asm.R0, asm.DWord))
	}
	is = append(is, v.before...)
	for i := range h.Args[:upTo] {
		r := asm.R1 + asm.Register(i)
		if i == v.arg {
			is = append(is, v.with...)
		} else if v.null && i == v.arg+1 && h.Args[i].Kind == proto.ConstSizeOrZero {
			is = append(is, asm.Mov.Imm(r, 0))
		} else {
			is = append(is, p.arg(r, h.Args[i])...)
		}
	}
	is = append(is, asm.BuiltinFunc(h.ID).Call())
	is = append(is, v.after...)
	is = append(is, asm.Mov.Imm(asm.R0, 0).WithSymbol("out"), asm.Return())
	license := v.license
	if license == "" {
		license = "GPL"
	}
	spec := &ebpf.ProgramSpec{Type: f.typ, AttachType: f.attach, AttachTo: f.to, License: license, Instructions: is}
	if f.sleepable {
		spec.Flags = sleepableFlag
	}
	p.asked++
	prog, err := ebpf.NewProgram(spec)
	if err == nil {
		prog.Close()
		return "", nil
	}
	var ve *ebpf.VerifierError
	if !errors.As(err, &ve) || len(ve.Log) == 0 {
		return "", fmt.Errorf("%s#%d in %s: %w", h.Name, h.ID, f.name, err)
	}
	return strings.Join(ve.Log, "\n"), nil
}

// expected is what the kernel's log says it wants in place of a scalar.
func expected(a proto.Arg) string {
	switch a.Kind {
	case proto.ConstMapPtr:
		return "expected=map_ptr"
	case proto.PtrToMapKey, proto.PtrToMapValue, proto.PtrToMem:
		return "expected=fp, pkt, pkt_meta, map_key, map_value"
	case proto.PtrToCtx:
		return "expected=ctx"
	case proto.PtrToSpinLock:
		return "expected=map_value, ptr_"
	case proto.PtrToTimer:
		return "expected=map_value"
	case proto.PtrToSockCommon:
		return "expected=sock_common, sock, tcp_sock, xdp_sock"
	case proto.PtrToSocket:
		return "expected=sock"
	case proto.PtrToBTFIDSockCommon:
		return "expected=sock_common, sock, tcp_sock, xdp_sock, ptr_"
	case proto.PtrToBTFID:
		return "expected=ptr_"
	case proto.PtrToPercpuBTFID:
		return "expected=percpu_ptr_"
	case proto.PtrToRingbufMem:
		return "expected=ringbuf_mem"
	case proto.PtrToFunc:
		return "expected=func"
	case proto.PtrToStack:
		return "expected=fp"
	case proto.PtrToConstStr:
		return "expected=map_value"
	case proto.PtrToDynptr:
		return "expected=fp, dynptr_ptr"
	case proto.KptrXchgDest:
		return "expected=map_value, ptr_"
	}
	return ""
}

// argErrors are what the log says about the type of an argument, as opposed to its value.
func wrongType(log string, arg int) bool {
	return strings.Contains(log, fmt.Sprintf("R%d type=", arg+1)) && strings.Contains(log, "expected=")
}

// TestProtosKernel checks the rows of the table with the live kernel, in each program type
// that sees a helper.
func TestProtosKernel(t *testing.T) {
	if err := kernel.Available(); err != nil {
		t.Skip(err)
	}
	p := &prober{}
	var err error
	if p.hash, err = ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Hash, KeySize: 4, ValueSize: 8, MaxEntries: 1}); err != nil {
		t.Fatal(err)
	}
	defer p.hash.Close()
	if p.ro, err = ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 64, MaxEntries: 1, Flags: 1 << 7}); err != nil {
		t.Fatal(err)
	}
	defer p.ro.Close()
	if err := p.ro.Put(uint32(0), make([]byte, 64)); err != nil {
		t.Fatal(err)
	}
	if err := p.ro.Freeze(); err != nil {
		t.Fatal(err)
	}
	rows, unseen := 0, []string{}
	for id := int32(1); id <= proto.MaxID; id++ {
		seen := false
		done := map[*proto.Proto]bool{}
		for _, name := range []string{"xdp", "sched_cls", "kprobe", "syscall", "tp_btf", "sk_msg", "sock_ops", "lwt_xmit", "lwt_seg6local", "cgroup/sockopt", "cgroup/getsockopt", "cgroup/sysctl", "cgroup/bind4",
			"cgroup/connect4", "sk_lookup", "sk_skb/stream_verdict", "sk_reuseport", "perf_event", "iter/task", "raw_tp", "cgroup/sock_create", "cgroup_skb/egress"} {
			for i := range flavours {
				f := &flavours[i]
				h := proto.For(uint32(f.typ), id)
				if f.name != name || done[h] || !proto.AllowedAttach(uint32(f.typ), uint32(f.attach), f.sleepable, id) {
					continue
				}
				seen = true
				if h.MightSleep && !f.sleepable {
					continue // nothing but that can be seen of it
				}
				done[h] = true
				rows++
				p.check(t, f, h)
			}
		}
		if !seen {
			unseen = append(unseen, proto.Name(id))
		}
	}
	p.firstArgs(t)
	t.Logf("%d prototypes checked with %d programs; none here may call %s", rows, p.asked, strings.Join(unseen, ", "))
}

// firstArgs checks that every program type sees the first argument that [proto.For] says, so that no
// variant is missing.
func (p *prober) firstArgs(t *testing.T) {
	t.Helper()
	for i := range flavours {
		f := &flavours[i]
		for id := int32(1); id <= proto.MaxID; id++ {
			h := proto.For(uint32(f.typ), id)
			if !proto.AllowedAttach(uint32(f.typ), uint32(f.attach), f.sleepable, id) {
				continue
			}
			if (int(id)+i)%8 != 0 && !*update {
				continue // an eighth of them, to save time
			}
			log, err := p.load(f, h, h.NumArgs(), variation{arg: 0, with: asm.Instructions{asm.Mov.Imm(asm.R1, 1)}})
			if err != nil {
				break // the kernel loads none of the type here
			}
			if h.MightSleep && !f.sleepable || strings.Contains(log, "cannot use helper") || strings.Contains(log, "not allowed in probe") {
				continue
			}
			want := expected(h.Args[0])
			if wrongType(log, 0) != (want != "") || !strings.Contains(log, want) {
				t.Errorf("%s#%d in %s: argument 1 is %s, the kernel says %s", h.Name, h.ID, f.name, h.Args[0].Kind, last(log))
			}
		}
	}
}

// check compares one prototype.
func (p *prober) check(t *testing.T, f *flavour, h *proto.Proto) {
	t.Helper()
	try := func(upTo int, v variation) string {
		t.Helper()
		log, err := p.load(f, h, upTo, v)
		if err != nil {
			t.Error(err)
		}
		return log
	}
	bad := func(format string, args ...any) {
		t.Helper()
		t.Errorf("%s#%d in %s: %s", h.Name, h.ID, f.name, fmt.Sprintf(format, args...))
	}
	if log := try(0, variation{arg: -1, license: "Proprietary"}); strings.Contains(log, "GPL-restricted") != h.GPLOnly {
		bad("GPLOnly is %v, the kernel says %s", h.GPLOnly, last(log))
	}
	if log := try(0, variation{arg: -1}); !f.sleepable && strings.Contains(log, "might sleep") != h.MightSleep {
		bad("MightSleep is %v, the kernel says %s", h.MightSleep, last(log))
	}
	n := h.NumArgs()
	if log := try(0, variation{arg: -1}); h.MightSleep && !f.sleepable || strings.Contains(log, "cannot use helper") || strings.Contains(log, "not allowed in probe") {
		return
	}
	for i := range h.Args[:n] {
		a := h.Args[i]
		r := asm.R1 + asm.Register(i)
		log := try(n, variation{arg: i, with: asm.Instructions{asm.Mov.Imm(r, 1)}})
		if want := expected(a); want != "" {
			if !wrongType(log, i) || !strings.Contains(log, want) {
				bad("argument %d is %s, which wants %q; the kernel says %s", i+1, a.Kind, want, last(log))
				return
			}
			log = try(n, variation{arg: i, null: true, with: asm.Instructions{asm.Mov.Imm(r, 0)}})
			if got := !wrongType(log, i); got != (a.Flags&proto.MaybeNull != 0) {
				bad("argument %d: MaybeNull is %v, the kernel says %s", i+1, !got, last(log))
			}
		} else if wrongType(log, i) {
			bad("argument %d is %s, the kernel says %s", i+1, a.Kind, last(log))
			return
		}
		if !buildable(a) {
			return // the rest cannot be reached
		}
		p.memory(t, f, h, i)
	}
	// A further argument would be unreadable: a call clears no register on the way in.
	if n < 5 {
		if log := try(n, variation{arg: -1}); strings.Contains(log, fmt.Sprintf("R%d !read_ok", n+1)) {
			bad("takes more than %d arguments: %s", n, last(log))
			return
		}
	}
	if log := try(n, variation{arg: -1}); log != "" && !known(log) {
		bad("a right call is refused: %s", last(log))
	} else if log == "" {
		p.result(t, f, h)
	}
}

// memory checks the flags of a memory argument and the kind of size behind it.
func (p *prober) memory(t *testing.T, f *flavour, h *proto.Proto, i int) {
	t.Helper()
	a, n := h.Args[i], h.NumArgs()
	r := asm.R1 + asm.Register(i)
	try := func(v variation) string {
		t.Helper()
		log, err := p.load(f, h, n, v)
		if err != nil {
			t.Error(err)
		}
		return log
	}
	switch a.Kind {
	case proto.PtrToMem, proto.PtrToMapValue:
		if i+1 < n && a.Kind == proto.PtrToMem && !buildable(h.Args[i+1]) {
			return
		}
		log := try(variation{arg: i, with: asm.Instructions{asm.LoadMapValue(r, p.ro.FD(), 0)}})
		if got := strings.Contains(log, "write into map forbidden"); got != (a.Flags&proto.Write != 0) {
			t.Errorf("%s#%d in %s: argument %d: Write is %v, the kernel says %s", h.Name, h.ID, f.name, i+1, a.Flags&proto.Write != 0, last(log))
		}
		if f.name != "xdp" && f.name != "sched_cls" {
			return
		}
		log = try(variation{arg: i, with: asm.Instructions{asm.Mov.Reg(r, asm.R7)}, before: packetPointer(f)})
		if got := !strings.Contains(log, "helper access to the packet is not allowed"); got != h.PktAccess {
			t.Errorf("%s#%d in %s: PktAccess is %v, the kernel says %s", h.Name, h.ID, f.name, h.PktAccess, last(log))
		}
		if a.Flags&proto.FixedSize == 0 {
			return
		}
		// One byte less than the size behind the pointer is too little.
		short := -int32(a.Size) + 1
		log = try(variation{arg: i, with: asm.Instructions{asm.Mov.Reg(r, asm.RFP), asm.Add.Imm(r, short)}})
		exact := try(variation{arg: i, with: asm.Instructions{asm.Mov.Reg(r, asm.RFP), asm.Add.Imm(r, -int32(a.Size))}})
		if !strings.Contains(log, "stack") || strings.Contains(exact, "invalid") {
			t.Errorf("%s#%d in %s: argument %d: Size is %d, the kernel says %s and %s", h.Name, h.ID, f.name, i+1, a.Size, last(log), last(exact))
		}
		if a.Size == 8 || a.Size == 4 {
			log = try(variation{arg: i, with: asm.Instructions{asm.Mov.Reg(r, asm.RFP), asm.Add.Imm(r, -2*int32(a.Size)+1)}})
			if got := strings.Contains(log, "misaligned"); got != (a.Flags&proto.Aligned != 0) {
				t.Errorf("%s#%d in %s: argument %d: Aligned is %v, the kernel says %s", h.Name, h.ID, f.name, i+1, !got, last(log))
			}
		}
	case proto.ConstSize, proto.ConstSizeOrZero:
		log := try(variation{arg: i, with: asm.Instructions{asm.Mov.Imm(r, 0)}})
		if got := strings.Contains(log, "invalid zero-sized read") || strings.Contains(log, "R"+fmt.Sprint(i+1)+" invalid zero"); got != (a.Kind == proto.ConstSize) {
			t.Errorf("%s#%d in %s: argument %d is %s, for a size of 0 the kernel says %s", h.Name, h.ID, f.name, i+1, a.Kind, last(log))
		}
	}
}

// packetPointer puts a pointer to 64 readable bytes of the packet into R7.
func packetPointer(f *flavour) asm.Instructions {
	data, end := int16(0), int16(4)
	if f.name == "sched_cls" {
		data, end = 76, 80
	}
	return asm.Instructions{
		asm.LoadMem(asm.R7, asm.R6, data, asm.Word), asm.LoadMem(asm.R8, asm.R6, end, asm.Word),
		asm.Mov.Reg(asm.R9, asm.R7), asm.Add.Imm(asm.R9, 64), asm.JGT.Reg(asm.R9, asm.R8, "out"),
	}
}

// result checks what a right call returns and whether packet pointers outlive it.
func (p *prober) result(t *testing.T, f *flavour, h *proto.Proto) {
	t.Helper()
	n := h.NumArgs()
	log, err := p.load(f, h, n, variation{arg: -1, after: asm.Instructions{asm.Mov.Reg(asm.R1, asm.R0)}})
	if err != nil {
		t.Error(err)
	}
	if got := strings.Contains(log, "R0 !read_ok"); got != (h.Ret.Kind == proto.RetVoid) {
		t.Errorf("%s#%d in %s: result is %s, the kernel says %s", h.Name, h.ID, f.name, h.Ret.Kind, last(log))
	}
	if h.Ret.Kind != proto.RetVoid {
		// Only a scalar may be multiplied.
		log, err = p.load(f, h, n, variation{arg: -1, after: asm.Instructions{asm.Mul.Imm(asm.R0, 2)}})
		if err != nil {
			t.Error(err)
		}
		if got := log == ""; got != (h.Ret.Kind == proto.RetInteger) {
			t.Errorf("%s#%d in %s: result is %s, the kernel says %s", h.Name, h.ID, f.name, h.Ret.Kind, last(log))
		}
	}
	if f.name != "xdp" && f.name != "sched_cls" {
		return
	}
	log, err = p.load(f, h, n, variation{arg: -1, before: packetPointer(f), after: asm.Instructions{asm.LoadMem(asm.R0, asm.R7, 0, asm.Byte)}})
	if err != nil {
		t.Error(err)
	}
	if got := log != ""; got != h.ChangesPacket {
		t.Errorf("%s#%d in %s: ChangesPacket is %v, the kernel says %s", h.Name, h.ID, f.name, h.ChangesPacket, last(log))
	}
}

// known are refusals that say nothing about the prototype: the map is of the wrong type, the value
// of an argument does not suit, or a reference is left.
func known(log string) bool {
	for _, s := range []string{
		"cannot pass map_type", "Unreleased reference", "tail_call", "invalid map", "doesn't support", "must have", "must be", "Invalid format", "might sleep", "misaligned",
	} {
		if strings.Contains(log, s) {
			return true
		}
	}
	return false
}

// last is the line of a log that says why, for people.
func last(log string) string {
	if log == "" {
		return `"accepted"`
	}
	lines := strings.Split(log, "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		if s := strings.TrimSpace(lines[i]); s != "" && !strings.HasPrefix(s, "processed ") {
			return fmt.Sprintf("%q", s)
		}
	}
	return `""`
}

// TestBTFArgsKernel compares which structure helpers want behind a BTF pointer with what the live kernel says of a
// task in its place.
func TestBTFArgsKernel(t *testing.T) {
	if err := kernel.Available(); err != nil {
		t.Skip(err)
	}
	p := &prober{hash: everyMap(t)[uint32(ebpf.Hash)]}
	compared, left := 0, []string{}
	for id := int32(1); id <= proto.MaxID; id++ {
		for i := range proto.ByID(id).Args {
			name := proto.Name(id)
			asked := false
			for _, f := range []string{"tp_btf", "iter/task", "syscall"} {
				f := flavourNamed(f)
				h := proto.For(uint32(f.typ), id)
				a := h.Args[i]
				if a.Kind != proto.PtrToBTFID || a.BTF == "" && name == "kptr_xchg" {
					asked = true
					break
				}
				if asked || !proto.AllowedAttach(uint32(f.typ), uint32(f.attach), f.sleepable, id) || h.MightSleep && !f.sleepable {
					continue
				}
				asked = true
				r := asm.R1 + asm.Register(i)
				before := append(currentTask(), asm.Mov.Imm(asm.R0, 0))
				log, err := p.load(f, h, h.NumArgs(), variation{arg: i, before: before, with: reg(r, asm.R7)})
				if err != nil {
					t.Fatal(err)
				}
				if strings.Contains(log, "not allowed in probe") {
					left = append(left, name)
					continue
				}
				wrong := fmt.Sprintf("R%d is of type task_struct but %s is expected", i+1, a.BTF)
				compared++
				if strings.Contains(log, wrong) == (a.BTF == "task_struct") || strings.Contains(log, "is of type") && !strings.Contains(log, wrong) {
					t.Errorf("argument %d of %s points to %s, the kernel says %s", i+1, name, a.BTF, last(log))
				}
			}
			if !asked {
				left = append(left, name)
			}
		}
	}
	t.Logf("%d arguments compared with the live kernel; none here may call %s", compared, strings.Join(left, ", "))
}
