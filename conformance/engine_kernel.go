package conformance

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/gbpf/gbpf/internal/fuzzgen"
	"github.com/gbpf/gbpf/internal/guest"
	"github.com/gbpf/gbpf/internal/kernel"
	"github.com/gbpf/gbpf/isa"
	"github.com/gbpf/gbpf/maps"
	"github.com/gbpf/gbpf/progtype"
)

// engineKernel runs generated programs in the live kernel, from the same map contents as a rig.
type engineKernel struct {
	judge *kernelJudge
	inner map[*fuzzgen.Map][]*kernel.Map // the maps inside maps of maps
	rings map[*kernel.Map]*kernel.Ring
}

func newEngineKernel() (*engineKernel, error) {
	k, err := newKernelJudge()
	if err != nil {
		return nil, err
	}
	return &engineKernel{k, map[*fuzzgen.Map][]*kernel.Map{}, map[*kernel.Map]*kernel.Ring{}}, nil
}

func (k *engineKernel) close() {
	for _, r := range k.rings {
		_ = r.Close()
	}
	for _, list := range k.inner {
		for _, m := range list {
			_ = m.Close()
		}
	}
	k.judge.Close()
}

// kernelRunTypes are the program types that BPF_PROG_TEST_RUN runs on what plainInput makes.
var kernelRunTypes = []*progtype.Type{
	progtype.XDP, progtype.SchedCLS, progtype.SchedACT, progtype.SocketFilter, progtype.CgroupSkb,
	progtype.LwtIn, progtype.LwtOut, progtype.LwtXmit, progtype.RawTracepoint, progtype.Syscall,
}

// kernelRunHelpers lists the helpers of which the results depend on nothing but the program's own maps, packet
// and arguments.
var kernelRunHelpers = []int64{
	1, 2, 3, // map_lookup_elem, map_update_elem, map_delete_elem
	8,         // get_smp_processor_id: runs are pinned
	9, 10, 11, // skb_store_bytes, l3_csum_replace, l4_csum_replace
	12,         // tail_call
	18, 19, 26, // skb_vlan_push, skb_vlan_pop, skb_load_bytes
	25,             // perf_event_output, to nobody
	28, 31, 32, 38, // csum_diff, skb_change_proto, skb_change_type, skb_change_tail
	39, 40, 43, // skb_pull_data, csum_update, skb_change_head
	44, 54, 65, // xdp_adjust_head, xdp_adjust_meta, xdp_adjust_tail
	23, 51, // redirect, redirect_map
	50, 68, // skb_adjust_room, skb_load_bytes_relative
	87, 88, 89, // map_push_elem, map_pop_elem, map_peek_elem
	93, 94, // spin_lock, spin_unlock
	105, 106, // strtol, strtoul
	113,                     // probe_read_kernel
	130, 131, 132, 133, 134, // ringbuf_output to ringbuf_query
	164, 165, 181, 182, // for_each_map_elem, snprintf, loop, strncmp
	195, // map_lookup_percpu_elem
}

var kernelRunKfuncs = []string{
	"bpf_iter_num_new", "bpf_iter_num_next", "bpf_iter_num_destroy",
	"bpf_rcu_read_lock", "bpf_rcu_read_unlock", "bpf_preempt_disable", "bpf_preempt_enable",
}

// cannotCompare returns why the results of a program in the kernel say nothing, "" if they do.
func cannotCompare(p *fuzzgen.Program) string {
	if !slices.Contains(kernelRunTypes, progtype.ByKernel(p.Type)) {
		return "the program type has no test run"
	}
	if p.Insns == nil {
		return "no instructions"
	}
	used := map[int64]bool{}
	for _, in := range p.Insns {
		switch {
		case in.Op == isa.OpCallHelper && !slices.Contains(kernelRunHelpers, in.Imm):
			return "a helper depends on the machine"
		case in.Op == isa.OpCallHelper:
			used[in.Imm] = true
		case in.Op == isa.OpCallKfunc:
			if in.Imm < 0 || int(in.Imm) >= len(p.Kfuncs) || !slices.Contains(kernelRunKfuncs, p.Kfuncs[in.Imm]) {
				return "a kernel function depends on the machine"
			}
		}
	}
	for _, m := range p.Maps {
		hash, size := false, uint64(m.MaxEntries)*uint64(m.ValueSize)
		for _, m := range []*fuzzgen.Map{m, m.Inner} {
			if m == nil {
				continue
			}
			switch maps.Type(m.Type) {
			case maps.LRUHash, maps.LRUPerCPUHash:
				if used[2] {
					return "what an LRU map forgets is its own"
				}
				hash = true
			case maps.Hash, maps.PerCPUHash, maps.LPMTrie:
				hash = true
			}
		}
		switch {
		case hash && used[164]:
			return "the order of a hash map is its own"
		case m.Timer:
			return "timers"
		case size > 1<<16 && maps.Type(m.Type) != maps.RingBuf:
			return "a map is large"
		}
	}
	return ""
}

// kernelRun is a program that the kernel has taken, with its maps by number.
type kernelRun struct {
	k    *engineKernel
	prog *kernel.Program
	p    *fuzzgen.Program
	maps []*kernel.Map // nil where no instruction names the map
}

// load loads a program. Both results are nil when the kernel refuses it.
func (k *engineKernel) load(p *fuzzgen.Program) (*kernelRun, error) {
	q, err := k.judge.program(p)
	if err != nil {
		return nil, err
	}
	q.NoLog = true
	prog, _, err := kernel.Load(q)
	if err != nil || prog == nil {
		return nil, err
	}
	r := &kernelRun{k: k, prog: prog, p: p, maps: make([]*kernel.Map, len(p.Maps))}
	for pc, m := range q.Maps {
		r.maps[p.Insns[pc].ImmLow()] = m
	}
	return r, nil
}

// close gives the program back, and takes it out of its prog arrays, which would keep it.
func (r *kernelRun) close() {
	for i, m := range r.p.Maps {
		if km := r.maps[i]; km != nil && maps.Type(m.Type) == maps.ProgArray {
			for e := range m.MaxEntries {
				_ = km.Delete(binary.LittleEndian.AppendUint32(nil, e))
			}
		}
	}
	_ = r.prog.Close()
}

// set gives the kernel's maps what the rig's hold.
func (r *kernelRun) set(s *engineSubject) error {
	for i, km := range r.maps {
		if km == nil {
			continue
		}
		if err := r.setMap(s, i, r.p.Maps[i], km, s.maps[i]); err != nil {
			return fmt.Errorf("map %s: %w", r.p.Maps[i].Name, err)
		}
	}
	return nil
}

func (r *kernelRun) setMap(s *engineSubject, i int, fm *fuzzgen.Map, km *kernel.Map, m *soundMap) error {
	if fm.Frozen {
		return nil
	}
	switch m.m.Type() {
	case maps.Array, maps.PerCPUArray:
		for e := range fm.MaxEntries {
			key := binary.LittleEndian.AppendUint32(nil, e)
			if err := km.Update(key, s.element(m, key), 0); err != nil {
				return err
			}
		}
	case maps.Hash, maps.LRUHash, maps.PerCPUHash, maps.LRUPerCPUHash, maps.LPMTrie:
		old, err := km.Dump()
		if err != nil {
			return err
		}
		for _, e := range old {
			if err := km.Delete(e.Key); err != nil {
				return err
			}
		}
		for _, key := range m.keys() {
			if err := km.Update(key, s.element(m, key), 0); err != nil {
				return err
			}
		}
	case maps.Queue, maps.Stack:
		for {
			v, err := km.Pop()
			if err != nil {
				return err
			}
			if v == nil {
				break
			}
		}
		for _, v := range s.queued[i] {
			if err := km.Update(nil, v, 0); err != nil {
				return err
			}
		}
	case maps.ProgArray:
		for e := range fm.MaxEntries {
			key := binary.LittleEndian.AppendUint32(nil, e)
			if m.m.Prog(e) == nil {
				_ = km.Delete(key)
			} else if err := km.Update(key, binary.LittleEndian.AppendUint32(nil, uint32(r.prog.FD())), 0); err != nil {
				return err
			}
		}
	case maps.RingBuf:
		ring := r.k.rings[km]
		if ring == nil {
			var err error
			if ring, err = kernel.OpenRing(km); err != nil {
				return err
			}
			r.k.rings[km] = ring
		}
		ring.Take()
	case maps.ArrayOfMaps, maps.HashOfMaps:
		inner := r.k.inner[fm]
		for e := range len(m.inner) {
			if e == len(inner) {
				in := fm.Inner
				made, err := kernel.NewMap(kernel.MapSpec{Name: in.Name, Type: in.Type, KeySize: in.KeySize, ValueSize: in.ValueSize, MaxEntries: in.MaxEntries, Flags: in.Flags})
				if err != nil {
					return err
				}
				inner = append(inner, made)
				r.k.inner[fm] = inner
			}
			if err := km.Update(outerKey(fm, e), binary.LittleEndian.AppendUint32(nil, uint32(inner[e].FD())), 0); err != nil {
				return err
			}
			if err := r.setMap(s, i, fm.Inner, inner[e], m.inner[e]); err != nil {
				return err
			}
		}
	}
	return nil
}

// outerKey is the key of inner map e, as [soundRig.makeMap] has them.
func outerKey(m *fuzzgen.Map, e int) []byte {
	key := make([]byte, m.KeySize)
	key[0] = byte(e)
	return key
}

// keys are the keys of a hash map or trie.
func (m *soundMap) keys() (all [][]byte) {
	var key []byte
	for err := m.m.NextKey(nil, &key); err == nil; err = m.m.NextKey(bytes.Clone(key), &key) {
		all = append(all, bytes.Clone(key))
	}
	return all
}

// element is the value of a key as user space of the kernel has it: of a per-CPU map that of each CPU, padded. It is
// nil when there is none.
func (s *engineSubject) element(m *soundMap, key []byte) []byte {
	var all []byte
	size := m.m.ValueSize()
	cpus := 1
	if m.m.Type().PerCPU() {
		cpus, size = kernel.PossibleCPUs(), (size+7)&^7
	}
	for cpu := range cpus {
		addr := s.peek(m, min(cpu, soundCPUs-1), key)
		if addr == 0 {
			return nil
		}
		v, _ := s.rig.mem.Slice(addr, uint64(m.m.ValueSize()))
		all = append(all, v...)
		all = append(all, make([]byte, int(size)-len(v))...)
	}
	return all
}

// peek looks an element up without a trace: LRU maps remember who asks.
func (s *engineSubject) peek(m *soundMap, cpu int, key []byte) (addr uint64) {
	switch m.m.Type() {
	case maps.Array, maps.PerCPUArray, maps.LPMTrie:
		return m.m.LookupElem(cpu, key)
	}
	m.m.ForEach(cpu, func(k []byte, a uint64) bool {
		if bytes.Equal(k, key) {
			addr = a
		}
		return addr == 0
	})
	return addr
}

// run is a test run. That the kernel refuses the input is a result.
func (r *kernelRun) run(in *progtype.Input) (out *kernel.Output, err error) {
	k := kernel.Input{Data: in.Data, Ctx: in.Ctx, CtxOut: in.Data != nil && in.Ctx != nil}
	k.DataOut = -1
	if in.Data != nil {
		k.DataOut = len(in.Data) + 8192 // as far as a packet can grow
	}
	err = kernel.OnCPU(func(int) error {
		out, err = r.prog.Run(k)
		return err
	})
	return out, err
}

// like returns how what the kernel's run left differs from what the rig's did.
func (r *kernelRun) like(s *engineSubject, out *kernel.Output) string {
	switch {
	case out.Errno != 0:
		return "refused: kernel " + out.ErrnoName
	case out.Retval != uint32(s.res.R0):
		return fmt.Sprintf("r0: %s %#x, kernel %#x", s.engine, uint32(s.res.R0), out.Retval)
	case s.in.Data != nil && !bytes.Equal(out.Data, s.out.Data):
		return fmt.Sprintf("packet: %s %x, kernel %x", s.engine, s.out.Data, out.Data)
	case s.in.Ctx != nil && s.spec.Type != progtype.RawTracepoint && !bytes.Equal(out.Ctx, s.out.Ctx):
		return fmt.Sprintf("context: %s %x, kernel %x", s.engine, s.out.Ctx, out.Ctx)
	}
	for i, km := range r.maps {
		if km == nil {
			continue
		}
		if why := r.likeMap(s, i, r.p.Maps[i], km, s.maps[i]); why != "" {
			return fmt.Sprintf("map %s: %s", r.p.Maps[i].Name, why)
		}
	}
	return ""
}

func (r *kernelRun) likeMap(s *engineSubject, i int, fm *fuzzgen.Map, km *kernel.Map, m *soundMap) string {
	switch m.m.Type() {
	case maps.Array, maps.PerCPUArray:
		for e := range fm.MaxEntries {
			if why := r.likeElement(s, km, m, binary.LittleEndian.AppendUint32(nil, e)); why != "" {
				return why
			}
		}
	case maps.Hash, maps.LRUHash, maps.PerCPUHash, maps.LRUPerCPUHash, maps.LPMTrie:
		keys := m.keys()
		all, err := km.Dump()
		if err != nil {
			return err.Error()
		}
		for _, e := range all {
			if !slices.ContainsFunc(keys, func(k []byte) bool { return bytes.Equal(k, e.Key) }) {
				return fmt.Sprintf("element %x: only in the kernel", e.Key)
			}
		}
		for _, key := range keys {
			if why := r.likeElement(s, km, m, key); why != "" {
				return why
			}
		}
	case maps.Queue, maps.Stack:
		for n := 0; ; n++ {
			v, err := km.Pop()
			if err != nil {
				return err.Error()
			}
			var w []byte
			if n < len(s.left[i]) {
				w = s.left[i][n]
			}
			if !bytes.Equal(v, w) {
				return fmt.Sprintf("value %d: %s %x, kernel %x", n, s.engine, w, v)
			}
			if v == nil {
				break
			}
		}
	case maps.RingBuf:
		theirs := r.k.rings[km].Take()
		if !slices.EqualFunc(s.left[i], theirs, bytes.Equal) {
			return fmt.Sprintf("records: %s %x, kernel %x", s.engine, s.left[i], theirs)
		}
	case maps.ArrayOfMaps, maps.HashOfMaps:
		for e := range m.inner {
			if why := r.likeMap(s, i, fm.Inner, r.k.inner[fm][e], m.inner[e]); why != "" {
				return fmt.Sprintf("map %d inside: %s", e, why)
			}
		}
	}
	return ""
}

// likeElement compares the values that the program's CPU sees.
func (r *kernelRun) likeElement(s *engineSubject, km *kernel.Map, m *soundMap, key []byte) string {
	theirs, err := km.Lookup(key)
	ours := s.element(m, key)
	if err != nil {
		return fmt.Sprintf("element %x: %s %x, kernel %v", key, s.engine, ours, err)
	}
	if len(theirs) != len(ours) {
		return fmt.Sprintf("element %x: %s %x, kernel %x", key, s.engine, ours, theirs)
	}
	n := m.m.ValueSize()
	for off := guest.Addr(0); int(off) < len(ours); off += (n + 7) &^ 7 {
		a, b := ours[off:off+n], theirs[off:off+n]
		for _, f := range m.spec.Fields {
			clear(a[f.Off : f.Off+f.Size])
			clear(b[f.Off : f.Off+f.Size])
		}
		if !bytes.Equal(a, b) {
			return fmt.Sprintf("element %x: %s %x, kernel %x", key, s.engine, a, b)
		}
		if !m.m.Type().PerCPU() || off > 0 {
			break // further CPUs than a rig has hold what the rig's last one did
		}
	}
	return ""
}
