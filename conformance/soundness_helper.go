package conformance

import (
	"encoding/binary"

	"github.com/gbpf/gbpf/helpers"
	"github.com/gbpf/gbpf/helpers/proto"
	"github.com/gbpf/gbpf/internal/errno"
	"github.com/gbpf/gbpf/progtype"
)

// addHelpers gives bodies to functions that gbpf has none for, so that programs that call them
// can be run: socket lookups, iterators over numbers, and sections.
func (r *soundRig) addHelpers() error {
	// The iterator's bytes are written from the program's view, too.
	iter := proto.Arg{Kind: proto.PtrToMem, Flags: proto.FixedSize | proto.Uninit | proto.Write, Size: 8}
	nothing := func(*helpers.Call) uint64 { return 0 }
	list := []helpers.Helper{
		{Proto: &proto.Proto{Name: "sk_lookup_tcp"}, Func: r.lookupSock},
		{Proto: &proto.Proto{Name: "sk_lookup_udp"}, Func: r.lookupSock},
		{Proto: &proto.Proto{Name: "skc_lookup_tcp"}, Func: r.lookupSock},
		{Proto: &proto.Proto{Name: "sk_release"}, Func: func(*helpers.Call) uint64 { r.socks--; return 0 }},
		{Proto: &proto.Proto{Name: "sk_fullsock"}, Func: func(c *helpers.Call) uint64 { return c.Args[0] * uint64(r.random.IntN(2)) }},
		{Kfunc: true, Proto: &proto.Proto{Name: "bpf_iter_num_new", Args: [5]proto.Arg{iter}}, Func: iterNumNew},
		{Kfunc: true, Proto: &proto.Proto{Name: "bpf_iter_num_next"}, Func: iterNumNext},
		{Kfunc: true, Proto: &proto.Proto{Name: "bpf_iter_num_destroy"}, Func: nothing},
	}
	for _, name := range []string{"bpf_rcu_read_lock", "bpf_rcu_read_unlock", "bpf_preempt_disable", "bpf_preempt_enable"} {
		list = append(list, helpers.Helper{Kfunc: true, Proto: &proto.Proto{Name: name}, Func: nothing})
	}
	for _, h := range list {
		if err := r.set.Add(h); err != nil {
			return err
		}
	}
	return nil
}

// lookupSock finds a socket or none.
func (r *soundRig) lookupSock(c *helpers.Call) uint64 {
	if r.random.IntN(3) == 0 {
		return 0
	}
	b := c.Bctx
	if b.Sock == 0 {
		b.Sock = b.Slot.Ctx + sockOff
		if sk, ok := b.Mem.Slice(uint64(b.Sock), progtype.SockSize); ok {
			randomBytes(sk, r.random)
		}
	}
	r.socks++
	return uint64(b.Sock)
}

// maxIter is the largest number of elements of an iterator over numbers (BPF_MAX_LOOPS).
const maxIter = 8 << 20

// The iterator at R1 is two numbers of 32 bits: the last one yielded, and the end.

func iterNumNew(c *helpers.Call) uint64 {
	it, ok := c.Bytes(c.Args[0], 8)
	if !ok {
		return 0
	}
	clear(it)
	start, end := int32(c.Args[1]), int32(c.Args[2])
	switch {
	case start > end:
		return errno.EINVAL.R0()
	case int64(end)-int64(start) > maxIter:
		return errno.E2BIG.R0()
	}
	binary.LittleEndian.PutUint32(it, uint32(start-1))
	binary.LittleEndian.PutUint32(it[4:], uint32(end))
	return 0
}

func iterNumNext(c *helpers.Call) uint64 {
	it, ok := c.Bytes(c.Args[0], 8)
	if !ok {
		return 0
	}
	cur, end := int32(binary.LittleEndian.Uint32(it)), int32(binary.LittleEndian.Uint32(it[4:]))
	if int64(cur)+1 >= int64(end) {
		clear(it)
		return 0
	}
	binary.LittleEndian.PutUint32(it, uint32(cur+1))
	return c.Args[0]
}
