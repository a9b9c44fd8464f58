package conformance

import (
	"context"
	"flag"
	"math"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gbpf/gbpf/internal/asm"
	"github.com/gbpf/gbpf/internal/interp"
	"github.com/gbpf/gbpf/internal/kernel"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/jit"
	"github.com/gbpf/gbpf/progtype"
	"github.com/gbpf/gbpf/verifier"
)

var nativeBench = flag.Bool("native.bench", false, "measure small programs as machine code against the live kernel on the same bytecode")

// benchPrograms are of type xdp and take 64 bytes of packet.
var benchPrograms = []struct{ name, text string }{
	{"empty", `r0 = 2; exit`},
	{"rotate", `
		r6 = 0x736f6d6570736575 ll; r7 = 0x646f72616e646f6d ll; r8 = 0; r9 = 5
	top:	r6 += r7
		r1 = r7; r1 <<= 13; r7 >>= 51; r7 |= r1
		r7 ^= r6
		r1 = r6; r1 <<= 32; r6 >>= 32; r6 |= r1
		r9 += r7
		r1 = r9; r1 <<= 17; r9 >>= 47; r9 |= r1
		r9 ^= r6
		r8 += 1
		if r8 < 100 goto top
		r0 = r9; r0 &= 0xff; exit`},
	{"checksum", `
		r2 = *(u32 *)(r1 +4); r1 = *(u32 *)(r1 +0); r3 = r1; r3 += 64; r0 = 0
		if r3 > r2 goto out
		r4 = 0
	top:	r5 = r1; r5 += r4; r6 = *(u8 *)(r5 +0); r0 += r6; r4 += 1
		if r4 < 64 goto top
		r0 &= 0xffff
	out:	exit`},
	{"fnv", `
		r2 = *(u32 *)(r1 +4); r1 = *(u32 *)(r1 +0); r3 = r1; r3 += 64; w0 = 0x811c9dc5
		if r3 > r2 goto out
		r4 = 0
	top:	r5 = r1; r5 += r4; r6 = *(u8 *)(r5 +0); w0 ^= w6; w0 *= 0x1000193; r4 += 1
		if r4 < 64 goto top
	out:	exit`},
	{"modulo", `
		r6 = 1000003; r7 = 1; r0 = 0
	top:	r1 = r6; r1 %= r7; r0 += r1; r1 = r6; r1 /= r7; r0 ^= r1; r7 += 1
		if r7 < 65 goto top
		exit`},
	{"calls", `
		r6 = 0; r7 = 1
	top:	r1 = r7; r2 = r6; call f; r7 = r0; r6 += 1
		if r6 < 50 goto top
		r0 = r7; exit
	f:	r0 = r1; r0 *= 31; r0 += r2; exit`},
	{"stack", `
		r1 = 0
	fill:	r2 = r10; r2 += -256; r3 = r1; r3 <<= 3; r2 += r3; r4 = r1; r4 *= 77; r4 &= 255; *(u64 *)(r2 +0) = r4; r1 += 1
		if r1 < 32 goto fill
		r0 = 0; r1 = 0
	sum:	r2 = r10; r2 += -256; r3 = r1; r3 <<= 3; r2 += r3; r4 = *(u64 *)(r2 +0); r0 += r4; r1 += 1
		if r1 < 32 goto sum
		exit`},
	{"parser", `
		r2 = *(u32 *)(r1 +4); r1 = *(u32 *)(r1 +0); r3 = r1; r3 += 54; r0 = 1
		if r3 > r2 goto out
		r4 = *(u16 *)(r1 +12); r4 = be16 r4
		if r4 != 0x0800 goto out
		r4 = *(u8 *)(r1 +14); r4 &= 15
		if r4 != 5 goto out
		r4 = *(u8 *)(r1 +23)
		if r4 != 6 goto out
		r4 = *(u16 *)(r1 +36); r4 = be16 r4
		if r4 == 80 goto yes
		if r4 != 443 goto out
	yes:	r0 = 2
	out:	exit`},
	{"collatz", `
		r6 = 97; r0 = 0
	top:	r1 = r6; r1 &= 1
		if r1 == 0 goto even
		r1 = r6; r1 *= 3; r1 += 1; r6 = r1
		goto next
	even:	r6 >>= 1
	next:	r0 += 1
		if r0 < 110 goto top
		exit`},
}

func threadCPU() time.Duration {
	var ts unix.Timespec
	unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts)
	return time.Duration(ts.Nano())
}

// TestNativeSpeed compares CPU time a run, each at several placements of the code.
func TestNativeSpeed(t *testing.T) {
	if !*nativeBench {
		t.Skip("measurement: run with -native.bench")
	}
	if err := kernel.Available(); err != nil {
		t.Skip(err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	rig, err := newSoundRig()
	if err != nil {
		t.Fatal(err)
	}
	defer rig.close()
	packet := make([]byte, 64)
	copy(packet[12:], []byte{8, 0, 0x45})
	packet[23], packet[36], packet[37] = 6, 1, 0xbb
	sum, sumBare, n := 0.0, 0.0, 0
	for _, b := range benchPrograms {
		insns := asm.Must(b.text)
		raw, err := isa.Encode(insns)
		if err != nil {
			t.Fatal(err)
		}
		proof, err := verifier.Verify(&verifier.Spec{Name: b.name, Type: progtype.XDP, GPL: true, Insns: insns}, verifier.Options{})
		if err != nil {
			t.Fatalf("%s: %v", b.name, err)
		}
		kprog, v, err := kernel.Load(&kernel.Prog{Type: 6, Insns: raw, NoLog: true})
		if err != nil || kprog == nil {
			t.Fatalf("%s: %v %+v", b.name, err, v)
		}
		const reps = 100_000
		inKernel := math.Inf(1)
		var ret uint32
		for range 5 {
			c := threadCPU()
			out, err := kprog.Run(kernel.Input{Data: packet, Repeat: reps})
			if err != nil {
				t.Fatal(err)
			}
			inKernel = min(inKernel, float64(threadCPU()-c)/reps)
			ret = out.Retval
		}
		kprog.Close()
		st := rig.states[0]
		times := [3]float64{math.Inf(1), math.Inf(1), math.Inf(1)}
		sizes := 0
		var keep []*interp.Program // so that each lies at another address
		for k, cfg := range []jit.Config{{}, {Confine: jit.ConfineUnproved}, {Disable: jit.AllPasses}} {
			cfg.Mask, cfg.Base = rig.mem.Mask(), uint64(uintptr(rig.mem.Base()))
			for range 3 {
				code, err := interp.New(interp.Source{
					Name: b.name, Type: progtype.XDP, GPL: true, Proof: proof, Maps: rig.table,
					Const: func(pc int) (uint64, error) { return uint64(insns[pc].Imm), nil },
				})
				if err != nil {
					t.Fatal(err)
				}
				if err := code.Compile(cfg); err != nil {
					t.Fatal(err)
				}
				keep = append(keep, code)
				bctx := &st.Bctx
				bctx.Reset(progtype.XDP)
				if err := progtype.XDP.Setup(bctx, &progtype.Input{Data: packet}); err != nil {
					t.Fatal(err)
				}
				r1, r2 := bctx.Entry()
				c := threadCPU()
				for range reps {
					res, tr := st.Run(context.Background(), code, interp.Mode{Native: true}, 1<<30, r1, r2)
					if tr != nil || uint32(res.R0) != ret {
						t.Fatalf("%s: %v, r0 %#x, the kernel returns %#x", b.name, tr, res.R0, ret)
					}
				}
				times[k] = min(times[k], float64(threadCPU()-c)/reps)
				if k == 0 {
					sizes = code.Native().Size()
				}
			}
		}
		runtime.KeepAlive(keep)
		t.Logf("%-10s kernel %8.1f ns, gbpf %8.1f (%.2f), unconfined %8.1f (%.2f), no passes %8.1f; %d bytes", b.name, inKernel,
			times[0], times[0]/inKernel, times[1], times[1]/inKernel, times[2], sizes)
		if b.name != "empty" {
			sum, sumBare, n = sum+math.Log(times[0]/inKernel), sumBare+math.Log(times[1]/inKernel), n+1
		}
	}
	t.Logf("geomean over %d programs of gbpf / kernel: %.2f confined, %.2f unconfined", n, math.Exp(sum/float64(n)), math.Exp(sumBare/float64(n)))
}
