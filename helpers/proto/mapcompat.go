package proto

import "slices"

// Map types, as the kernel numbers them (enum bpf_map_type), that rules below name.
const (
	mapHash = iota + 1
	mapArray
	mapProgArray
	mapPerfEventArray
	mapPercpuHash
	mapPercpuArray
	mapStackTrace
	mapCgroupArray
	mapLRUHash
	mapLRUPercpuHash
	mapLPMTrie
	mapArrayOfMaps
	mapHashOfMaps
	mapDevmap
	mapSockmap
	mapCPUMap
	mapXSKMap
	mapSockhash
	mapCgroupStorage
	mapReuseportSockarray
	mapPercpuCgroupStorage
	mapQueue
	mapStack
	mapSkStorage
	mapDevmapHash
	mapStructOps
	mapRingbuf
	mapInodeStorage
	mapTaskStorage
	mapBloomFilter
	mapUserRingbuf
	mapCgrpStorage
	mapArena

	// MaxMapType is the highest map type that the rules here know.
	MaxMapType = mapArena
)

// mapRule says that the helpers named take none but the map types named.
type mapRule struct {
	maps    []uint32
	helpers []string
}

// helperMaps are the helpers that take some map types only. Every other helper with a map argument
// takes whatever map type takes it.
var helperMaps = []mapRule{
	{[]uint32{mapProgArray}, []string{"tail_call"}},
	{[]uint32{mapPerfEventArray}, []string{"perf_event_read", "perf_event_output", "perf_event_read_value", "skb_output", "xdp_output"}},
	{[]uint32{mapRingbuf}, []string{"ringbuf_output", "ringbuf_reserve", "ringbuf_query", "ringbuf_reserve_dynptr"}},
	{[]uint32{mapUserRingbuf}, []string{"user_ringbuf_drain"}},
	{[]uint32{mapStackTrace}, []string{"get_stackid"}},
	{[]uint32{mapCgroupArray}, []string{"skb_under_cgroup", "current_task_under_cgroup"}},
	{[]uint32{mapDevmap, mapDevmapHash, mapCPUMap, mapXSKMap}, []string{"redirect_map"}},
	{[]uint32{mapSockmap}, []string{"sk_redirect_map", "msg_redirect_map", "sock_map_update"}},
	{[]uint32{mapSockhash}, []string{"sk_redirect_hash", "msg_redirect_hash", "sock_hash_update"}},
	{[]uint32{mapCgroupStorage, mapPercpuCgroupStorage}, []string{"get_local_storage"}},
	{[]uint32{mapReuseportSockarray, mapSockmap, mapSockhash}, []string{"sk_select_reuseport"}},
	{[]uint32{mapQueue, mapStack}, []string{"map_pop_elem"}},
	{[]uint32{mapQueue, mapStack, mapBloomFilter}, []string{"map_peek_elem", "map_push_elem"}},
	{[]uint32{mapPercpuHash, mapPercpuArray, mapLRUPercpuHash}, []string{"map_lookup_percpu_elem"}},
	{[]uint32{mapHash, mapArray, mapPercpuHash, mapPercpuArray, mapLRUHash, mapLRUPercpuHash}, []string{"for_each_map_elem"}},
	{[]uint32{mapSkStorage}, []string{"sk_storage_get", "sk_storage_delete"}},
	{[]uint32{mapInodeStorage}, []string{"inode_storage_get", "inode_storage_delete"}},
	{[]uint32{mapTaskStorage}, []string{"task_storage_get", "task_storage_delete"}},
	{[]uint32{mapCgrpStorage}, []string{"cgrp_storage_get", "cgrp_storage_delete"}},
}

// mapHelpers are the map types that take some helpers only. Every other type takes all helpers
// that take it.
var mapHelpers = []mapRule{
	{[]uint32{mapProgArray}, []string{"tail_call"}},
	{[]uint32{mapPerfEventArray}, []string{"perf_event_read", "perf_event_output", "perf_event_read_value", "skb_output", "xdp_output"}},
	{[]uint32{mapRingbuf}, []string{"ringbuf_output", "ringbuf_reserve", "ringbuf_query", "ringbuf_reserve_dynptr"}},
	{[]uint32{mapUserRingbuf}, []string{"user_ringbuf_drain"}},
	{[]uint32{mapStackTrace}, []string{"get_stackid"}},
	{[]uint32{mapCgroupArray}, []string{"skb_under_cgroup", "current_task_under_cgroup"}},
	{[]uint32{mapCgroupStorage, mapPercpuCgroupStorage}, []string{"get_local_storage"}},
	{[]uint32{mapDevmap, mapDevmapHash, mapXSKMap}, []string{"redirect_map", "map_lookup_elem"}},
	{[]uint32{mapCPUMap}, []string{"redirect_map"}},
	{[]uint32{mapArrayOfMaps, mapHashOfMaps}, []string{"map_lookup_elem"}},
	{[]uint32{mapSockmap}, []string{"sk_redirect_map", "msg_redirect_map", "sock_map_update", "map_delete_elem", "map_lookup_elem", "map_update_elem", "sk_select_reuseport"}},
	{[]uint32{mapSockhash}, []string{"sk_redirect_hash", "msg_redirect_hash", "sock_hash_update", "map_delete_elem", "map_lookup_elem", "map_update_elem", "sk_select_reuseport"}},
	{[]uint32{mapReuseportSockarray}, []string{"sk_select_reuseport"}},
	{[]uint32{mapQueue, mapStack}, []string{"map_peek_elem", "map_pop_elem", "map_push_elem"}},
	{[]uint32{mapBloomFilter}, []string{"map_peek_elem", "map_push_elem"}},
	{[]uint32{mapSkStorage}, []string{"sk_storage_get", "sk_storage_delete", "kptr_xchg"}},
	{[]uint32{mapInodeStorage}, []string{"inode_storage_get", "inode_storage_delete", "kptr_xchg"}},
	{[]uint32{mapTaskStorage}, []string{"task_storage_get", "task_storage_delete", "kptr_xchg"}},
	{[]uint32{mapCgrpStorage}, []string{"cgrp_storage_get", "cgrp_storage_delete", "kptr_xchg"}},
	{[]uint32{mapArena}, nil}, // has no keys: the kernel's reason is that one of 0 bytes is read
}

// mapAllow has a row a map type, with a bit a helper number.
var mapAllow [MaxMapType + 1][4]uint64

func deriveMapAllow() {
	for typ := range mapAllow {
		if typ == 0 {
			continue
		}
		for id := int32(1); id <= MaxID; id++ {
			mapAllow[typ][id/64] |= 1 << (id % 64)
		}
	}
	// Both directions must permit the pair.
	for _, r := range helperMaps {
		for _, name := range r.helpers {
			id := ByName(name).ID
			for typ := range mapAllow {
				if !slices.Contains(r.maps, uint32(typ)) {
					mapAllow[typ][id/64] &^= 1 << (id % 64)
				}
			}
		}
	}
	for _, r := range mapHelpers {
		var set [4]uint64
		for _, name := range r.helpers {
			id := ByName(name).ID
			set[id/64] |= 1 << (id % 64)
		}
		for _, typ := range r.maps {
			for i := range set {
				mapAllow[typ][i] &= set[i]
			}
		}
	}
}

// MapAllowed reports whether the kernel lets a helper be called on a map of a type
// (BPF_MAP_TYPE_*), from at least one program type. Where maps of sockets are updated or
// deleted from, the program type counts too: ask [MapAllowedFor]. It is false for helpers
// and map types that the table does not have.
func MapAllowed(id int32, mapType uint32) bool {
	return id > 0 && id <= MaxID && mapType <= MaxMapType && mapAllow[mapType][id/64]>>(id%64)&1 != 0
}

// sockUpdaters are the program types that may update maps of sockets, and delete from
// them, with the helpers for all maps.
var sockUpdaters = []uint32{typeSocketFilter, typeSchedCLS, typeSchedACT, typeXDP, typeSkReuseport, typeFlowDissector, typeSkLookup}

// MapAllowedFor is [MapAllowed] for programs of one type (BPF_PROG_TYPE_*) and expected attach
// type.
func MapAllowedFor(progType, attachType uint32, id int32, mapType uint32) bool {
	if !MapAllowed(id, mapType) {
		return false
	}
	if mapType != mapSockmap && mapType != mapSockhash {
		return true
	}
	switch Name(id) {
	case "map_update_elem":
		return slices.Contains(sockUpdaters, progType) || progType == typeTracing && attachType == attachTraceIter
	case "map_delete_elem":
		return slices.Contains(sockUpdaters, progType) || progType == typeSockOps || progType == typeTracing && attachType == attachTraceIter
	}
	return true
}

// OnMap is a helper's argument as the type of its map argument decides: what is put into a map of
// sockets is a socket, and what bloom filters are asked for is given, not returned.
func (a Arg) OnMap(id int32, mapType uint32) Arg {
	if a.Kind != PtrToMapValue {
		return a
	}
	switch mapType {
	case mapSockmap, mapSockhash:
		return sock
	case mapBloomFilter:
		if Name(id) == "map_peek_elem" {
			return mapValue
		}
	}
	return a
}

// LookupKind is what map_lookup_elem gives for a map type.
type LookupKind uint8

// Results of map_lookup_elem, all of which may be NULL.
const (
	LookupValue   LookupKind = iota // a value of the map
	LookupMap                       // a map like the map's inner map
	LookupSocket                    // struct bpf_sock, with a reference that must be released
	LookupXDPSock                   // struct bpf_xdp_sock
)

// LookupOn is what map_lookup_elem gives for a map type (BPF_MAP_TYPE_*).
func LookupOn(mapType uint32) LookupKind {
	switch mapType {
	case mapArrayOfMaps, mapHashOfMaps:
		return LookupMap
	case mapSockmap, mapSockhash:
		return LookupSocket
	case mapXSKMap:
		return LookupXDPSock
	}
	return LookupValue
}
