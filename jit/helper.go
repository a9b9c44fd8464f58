package jit

import "github.com/gbpf/gbpf/jit/internal/ir"

// HelperKind is what machine code does in place of a call of a helper.
type HelperKind uint8

// What is done in machine code. All but HelperNone are for programs with a proof of more than their structure: they leave
// other values in R1 to R5 than the interpreter does.
const (
	HelperNone     HelperKind = iota
	HelperLoop                // bpf_loop: [Helper.Func] is called back
	HelperEach                // for_each_map_elem on an array: likewise, for the elements of [Helper.Array]
	HelperRandom              // get_prandom_u32 from State.Seed, where that is not 0
	HelperEnv                 // word [Helper.Word] of State.Env
	HelperClock               // ktime_get_ns or ktime_get_boot_ns, by State.Clock
	HelperCoarse              // ktime_get_coarse_ns, in steps of [Helper.Size] ns
	HelperReserve             // ringbuf_reserve in [Helper.Ring]
	HelperSubmit              // ringbuf_submit
	HelperDiscard             // ringbuf_discard
	HelperOutput              // ringbuf_output of [Helper.Size] bytes
	HelperLoadSkb             // skb_load_bytes of [Helper.Size] bytes
	HelperLoadXDP             // xdp_load_bytes
	HelperStoreXDP            // xdp_store_bytes
)

// CopyMax is the most that machine code copies for a helper, in bytes.
const CopyMax = ir.CopyMax

// Ring is a ring buffer as machine code knows it, see maps.Ringbuf.Layout.
type Ring struct {
	Head uint64
	Base uint32
	Mask uint32
}

// The words of State.Env.
const (
	EnvPidTgid  = ir.EnvPidTgid  // get_current_pid_tgid
	EnvUidGid   = ir.EnvUidGid   // get_current_uid_gid
	EnvNUMANode = ir.EnvNUMANode // get_numa_node_id
	EnvCgroupID = ir.EnvCgroupID // get_current_cgroup_id
)

// Helper is a call of a helper that machine code can do.
type Helper struct {
	Kind HelperKind
	// Func is the first instruction of the function that is called back. It is a guess that machine code holds R2 against.
	Func   int
	Array  Array  // that HelperEach walks
	Handle uint32 // of that array
	Word   int    // that HelperEnv gives
	Ring   Ring   // of the ring buffer helpers; a guess for those that end a record
	Size   int    // how many bytes it is about: a guess, of 1 to CopyMax but not 3; ns of a tick for HelperCoarse
}

func (c *Config) helper(pc int) Helper {
	if c.Helper == nil || !c.on(PassInline) {
		return Helper{}
	}
	return c.Helper(pc)
}
