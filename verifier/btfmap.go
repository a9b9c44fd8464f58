package verifier

import "github.com/gbpf/gbpf/maps"

// Map types, as the kernel numbers them, of which nothing else here knows.
const (
	mapStackTrace   maps.Type = 7
	mapReuseport    maps.Type = 20
	mapSkStorage    maps.Type = 24
	mapStructOps    maps.Type = 26
	mapInodeStorage maps.Type = 28
	mapTaskStorage  maps.Type = 29
	mapBloomFilter  maps.Type = 30
	mapCgrpStorage  maps.Type = 32
)

// mapStructs are the kernel's structures that maps are made of, by the map's type.
var mapStructs = map[maps.Type]string{
	maps.Hash: "bpf_htab", maps.PerCPUHash: "bpf_htab", maps.LRUHash: "bpf_htab", maps.LRUPerCPUHash: "bpf_htab", maps.HashOfMaps: "bpf_htab",
	maps.Array: "bpf_array", maps.PerCPUArray: "bpf_array", maps.ProgArray: "bpf_array", maps.PerfEventArray: "bpf_array",
	maps.CGroupArray: "bpf_array", maps.ArrayOfMaps: "bpf_array",
	mapStackTrace: "bpf_stack_map", maps.LPMTrie: "lpm_trie", mapBloomFilter: "bpf_bloom_filter",
	maps.Queue: "bpf_queue_stack", maps.Stack: "bpf_queue_stack",
	maps.DevMap: "bpf_dtab", maps.DevMapHash: "bpf_dtab", maps.CPUMap: "bpf_cpu_map", maps.XSKMap: "xsk_map",
	mapSockMap: "bpf_stab", mapSockHash: "bpf_shtab", mapReuseport: "reuseport_array",
	maps.RingBuf: "bpf_ringbuf_map", mapUserRingBuf: "bpf_ringbuf_map", mapArena: "bpf_arena", mapStructOps: "bpf_struct_ops_map",
	mapCgroupStorage: "bpf_cgroup_storage_map", mapPerCPUCgStorage: "bpf_cgroup_storage_map",
	mapSkStorage: "bpf_local_storage_map", mapInodeStorage: "bpf_local_storage_map", mapTaskStorage: "bpf_local_storage_map",
	mapCgrpStorage: "bpf_local_storage_map",
}

// mapStructAccess is a load from the kernel's own description of a map.
func (w *walker) mapStructAccess(a *access, r *Reg, off int) *Error {
	if a.write {
		return w.fail(CodeType, "store through %s, which is %s: what a map is made of cannot be written", a.reg, w.describe(r))
	}
	if off < 0 || !r.fixed() {
		return w.fail(CodeType, "load through %s, which is %s, at offset %s", a.reg, w.describe(r), w.offset(r, off))
	}
	m := w.maps[r.Obj]
	s := w.structNamed(mapStructs[m.Type])
	if s == nil {
		return w.fail(CodeUnsupported, "a load from the kernel's struct bpf_map")
	}
	p := w.spotAt(s, off, a.size)
	if p.kind == spotNothing {
		return w.fail(CodeBounds, "load of %d bytes at offset %d of struct %s, which map %s is made of: %s", a.size, off, s.Name, m.Name, p.reason)
	}
	w.fact(r, off, a.size, false)
	if a.value < 0 {
		return nil
	}
	flags := p.flags
	if p.stale {
		flags |= Untrusted
	}
	w.setLoaded(a, &p, flags)
	return nil
}
