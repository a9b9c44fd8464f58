package proto

// tracepointNulls are the arguments of tracepoints that may be NULL, by number from 0: the
// tracing programs of Linux 6.18 must test them first. All other pointers that tracepoints
// give are valid.
var tracepointNulls = map[string][]int{
	"break_lease_block":                {1},
	"break_lease_noblock":              {1},
	"break_lease_unblock":              {1},
	"ext4_mballoc_discard":             {1},
	"ext4_mballoc_free":                {1},
	"fcntl_setlk":                      {1},
	"fib_table_lookup":                 {2},
	"flock_lock_inode":                 {1},
	"folio_wait_writeback":             {1},
	"generic_delete_lease":             {1},
	"hugetlbfs_alloc_inode":            {1},
	"kfree_skb":                        {3},
	"locks_remove_posix":               {1},
	"mm_collapse_huge_page_isolate":    {0},
	"mm_khugepaged_collapse_file":      {1},
	"mm_khugepaged_scan_file":          {1},
	"mm_khugepaged_scan_pmd":           {1},
	"mm_page_alloc":                    {0},
	"mm_page_alloc_zone_locked":        {0},
	"mm_page_pcpu_drain":               {0},
	"posix_lock_inode":                 {1},
	"qdisc_dequeue":                    {3},
	"sched_pi_setprio":                 {1},
	"sched_stick_numa":                 {2},
	"sched_swap_numa":                  {2},
	"tcp_send_reset":                   {0, 1},
	"tcp_sendmsg_locked":               {2},
	"time_out_leases":                  {1},
	"tmigr_update_events":              {0},
	"writeback_dirty_folio":            {1},
	"xfs_blockgc_flush_all":            {0},
	"xfs_blockgc_free_space":           {1},
	"xfs_blockgc_start":                {0},
	"xfs_blockgc_stop":                 {0},
	"xfs_blockgc_worker":               {0},
	"xfs_btree_overlapped_query_range": {2},
	"xfs_btree_updkeys":                {2},
	"xfs_defer_add_item":               {0},
	"xfs_defer_cancel_item":            {0},
	"xfs_defer_cancel_list":            {0},
	"xfs_defer_create_intent":          {0},
	"xfs_defer_finish_item":            {0},
	"xfs_defer_isolate_paused":         {0},
	"xfs_defer_item_pause":             {0},
	"xfs_defer_item_unpause":           {0},
	"xfs_defer_pending_abort":          {0},
	"xfs_defer_pending_finish":         {0},
	"xfs_defer_relog_intent":           {0},
	"xfs_fs_sync_fs":                   {0},
	"xfs_inodegc_flush":                {0},
	"xfs_inodegc_push":                 {0},
	"xfs_inodegc_queue":                {0},
	"xfs_inodegc_start":                {0},
	"xfs_inodegc_stop":                 {0},
	"xfs_inodegc_throttle":             {0},
	"xfs_ioc_free_eofblocks":           {1},
	"xfs_map_blocks_alloc":             {4},
	"xfs_map_blocks_found":             {4},
}

// TracepointNullable reports whether an argument of a tracepoint, by number from 0, may be NULL. The
// tracepoint's name is without the "btf_trace_" of its type.
func TracepointNullable(name string, arg int) bool {
	for _, n := range tracepointNulls[name] {
		if n == arg {
			return true
		}
	}
	return false
}

// IterKind is what a field of an iterator program's context holds.
type IterKind uint8

// Kinds of field.
const (
	IterScalar IterKind = iota // a number
	IterBTF                    // a pointer to a kernel structure
	IterBuf                    // a pointer to a buffer whose size is known when the program is attached
)

// IterField is one field of the context of an iterator program, which has one every 8 bytes.
type IterField struct {
	Name  string
	Kind  IterKind
	Flags Flag   // Trusted, MaybeNull, Rdonly
	BTF   string // the kernel structure pointed to
}

// IterFields returns the fields of the context (struct bpf_iter__NAME) of programs that the kernel
// runs for each element of an iterator such as "task" or "bpf_map_elem"; nil for an
// iterator that the table does not have. Pointers that are not Trusted are taken as plain ones of the
// old kind: loads through them are allowed, most kfuncs refuse them.
//
// Fields are loaded as arguments of tracepoints are: see [ArgAccess].
func IterFields(name string) []IterField { return iterators[name] }

// ArgAccess reports whether a program may load size bytes at off, in bytes, from a context that is
// made of 64-bit arguments, as those of tracepoints, functions and iterators are: pointers are loaded
// whole, numbers whole or their first 1, 2 or 4 bytes. No program stores there.
func ArgAccess(pointer bool, off, size uint32) bool {
	switch size {
	case 8:
		return off%8 == 0
	case 1, 2, 4:
		return off%8 == 0 && !pointer
	}
	return false
}

var iterMeta = IterField{Name: "meta", Kind: IterBTF, Flags: Trusted, BTF: "bpf_iter_meta"}

var iterators = map[string][]IterField{
	"bpf_link":           {iterMeta, {Name: "link", Kind: IterBTF, Flags: MaybeNull, BTF: "bpf_link"}},
	"bpf_map":            {iterMeta, {Name: "map", Kind: IterBTF, Flags: Trusted | MaybeNull, BTF: "bpf_map"}},
	"bpf_map_elem":       {iterMeta, {Name: "map", Kind: IterBTF, Flags: Trusted, BTF: "bpf_map"}, {Name: "key", Kind: IterBuf, Flags: Rdonly | MaybeNull}, {Name: "value", Kind: IterBuf, Flags: MaybeNull}},
	"bpf_prog":           {iterMeta, {Name: "prog", Kind: IterBTF, Flags: MaybeNull, BTF: "bpf_prog"}},
	"bpf_sk_storage_map": {iterMeta, {Name: "map", Kind: IterBTF, Flags: Trusted, BTF: "bpf_map"}, {Name: "sk", Kind: IterBTF, Flags: MaybeNull, BTF: "sock"}, {Name: "value", Kind: IterBuf, Flags: MaybeNull}},
	"cgroup":             {iterMeta, {Name: "cgroup", Kind: IterBTF, Flags: Trusted | MaybeNull, BTF: "cgroup"}},
	"dmabuf":             {iterMeta, {Name: "dmabuf", Kind: IterBTF, Flags: MaybeNull, BTF: "dma_buf"}},
	"ipv6_route":         {iterMeta, {Name: "rt", Kind: IterBTF, Flags: MaybeNull, BTF: "fib6_info"}},
	"kmem_cache":         {iterMeta, {Name: "s", Kind: IterBTF, Flags: Trusted | MaybeNull, BTF: "kmem_cache"}},
	"ksym":               {iterMeta, {Name: "ksym", Kind: IterBTF, Flags: MaybeNull, BTF: "kallsym_iter"}},
	"netlink":            {iterMeta, {Name: "sk", Kind: IterBTF, Flags: MaybeNull, BTF: "netlink_sock"}},
	"sockmap":            {iterMeta, {Name: "map", Kind: IterBTF, Flags: Trusted, BTF: "bpf_map"}, {Name: "key", Kind: IterBuf, Flags: Rdonly | MaybeNull}, {Name: "sk", Kind: IterBTF, Flags: MaybeNull, BTF: "sock"}},
	"task":               {iterMeta, {Name: "task", Kind: IterBTF, Flags: Trusted | MaybeNull, BTF: "task_struct"}},
	"task_file":          {iterMeta, {Name: "task", Kind: IterBTF, Flags: MaybeNull, BTF: "task_struct"}, {Name: "fd"}, {Name: "file", Kind: IterBTF, Flags: MaybeNull, BTF: "file"}},
	"task_vma":           {iterMeta, {Name: "task", Kind: IterBTF, Flags: MaybeNull, BTF: "task_struct"}, {Name: "vma", Kind: IterBTF, Flags: MaybeNull, BTF: "vm_area_struct"}},
	"tcp":                {iterMeta, {Name: "sk_common", Kind: IterBTF, Flags: Trusted | MaybeNull, BTF: "sock_common"}, {Name: "uid"}},
	"udp":                {iterMeta, {Name: "udp_sk", Kind: IterBTF, Flags: Trusted | MaybeNull, BTF: "udp_sock"}, {Name: "uid"}, {Name: "bucket"}},
	"unix":               {iterMeta, {Name: "unix_sk", Kind: IterBTF, Flags: MaybeNull, BTF: "unix_sock"}, {Name: "uid"}},
}
