package conformance

import "github.com/gbpf/gbpf/verifier"

// A mistakeReport is what the report of a mistake must name: the kind of rule, the line of C,
// and words of the cause and the suggestion.
type mistakeReport struct {
	code verifier.Code
	line string
	says []string
}

func says(words ...string) []string { return words }

var mistakeReports = map[string]mistakeReport{
	"arith_align":        {verifier.CodeArithmetic, "ctx->data & ~7ull", says("packet", "64 bits")},
	"arith_divide":       {verifier.CodeStructure, `"%0 /= 0"`, says("zero")},
	"arith_far":          {verifier.CodeArithmetic, "v->n[i]", says("bpf_ktime_get_ns", "i below 8")},
	"arith_map_pointer":  {verifier.CodeArithmetic, "second += 8", says("map values", "bpf_map_lookup_elem")},
	"arith_negative":     {verifier.CodeBounds, "- 8)", says("map values", "64 bytes")},
	"arith_scalar":       {verifier.CodeType, "*(u8 *)addr", says("ctx->ingress_ifindex")},
	"arith_shift":        {verifier.CodeStructure, `"%0 <<= 64"`, says("64")},
	"arith_two_pointers": {verifier.CodeArithmetic, "(data + end) / 2", says("ctx->data", "ctx->data_end")},
	"arith_width":        {verifier.CodeArithmetic, "addr + 8", says("bpf_map_lookup_elem", "64 bits")},

	"context_as_skb":     {verifier.CodeContext, "skb->priority", says("xdp_md", "24 bytes")},
	"context_beyond":     {verifier.CodeContext, "[6]", says("xdp_md", "24 bytes")},
	"context_egress":     {verifier.CodeContext, "ctx->egress_ifindex", says("attach type")},
	"context_moved":      {verifier.CodeType, "(void *)skb + 4", says("context")},
	"context_narrow":     {verifier.CodeContext, "u16 low", says("data", "4 bytes")},
	"context_other_type": {verifier.CodeContext, "skb->data", says("data", "bpf_skb_load_bytes")},
	"context_variable":   {verifier.CodeType, "skb->cb[i]", says("context", "queue_mapping")},
	"context_write":      {verifier.CodeContext, "skb->hash = 7", says("hash", "mark")},

	"func_beyond":    {verifier.CodeBounds, "((struct triple *)p)->c", says("8 bytes")},
	"func_context":   {verifier.CodeType, "length_of((void *)&p)", says("context")},
	"func_number":    {verifier.CodeType, "second_of((void *)(long)", says("ctx->rx_queue_index")},
	"func_smaller":   {verifier.CodeBounds, "third_of((void *)&p)", says("12 bytes")},
	"func_unchecked": {verifier.CodeNull, "return p->a", says("NULL")},

	"helper_context_other":  {verifier.CodeType, "bpf_tail_call(&v", says("context")},
	"helper_key_value":      {verifier.CodeType, "(void *)(long)key", says("ctx->ingress_ifindex", "&key")},
	"helper_map_by_value":   {verifier.CodeType, "bpf_map_delete_elem(v, &key)", says("bpf_map_lookup_elem", "map")},
	"helper_map_type":       {verifier.CodeHelper, "bpf_tail_call(ctx, &seen, 0)", says("seen", "PROG_ARRAY")},
	"helper_not_allowed":    {verifier.CodeHelper, "bpf_skb_pull_data", says("xdp", "sched_cls")},
	"helper_queue_lookup":   {verifier.CodeHelper, "bpf_map_lookup_elem(&queue", says("queue", "bpf_map_peek_elem")},
	"helper_rodata_format":  {verifier.CodeType, "bpf_snprintf", says("static const char")},
	"helper_size_beyond":    {verifier.CodeBounds, "bpf_skb_load_bytes(skb, 0, head, 34)", says("34 bytes")},
	"helper_size_negative":  {verifier.CodeBounds, "copy, n, 0", says("negative", "below 0")},
	"helper_size_unbounded": {verifier.CodeBounds, "skb->len", says("skb->len", "no test")},
	"helper_size_zero":      {verifier.CodeBounds, "copy, n)", says("0 bytes")},

	"index_inclusive": {verifier.CodeBounds, "t->slots[i]++", says("64 bytes", "below 16", "i")},
	"index_limit":     {verifier.CodeBounds, "weights[i]", says("test i against", ".rodata")},
	"index_mask":      {verifier.CodeBounds, "counters[", says("rx_queue_index")},
	"index_rodata":    {verifier.CodeType, "*p = ctx->rx_queue_index", says("const")},
	"index_signed":    {verifier.CodeArithmetic, "t->slots[i]++", says("from above only", "unsigned")},
	"index_stack":     {verifier.CodeBounds, "ring[i] = 1", says("rx_queue_index", "i")},
	"index_unbounded": {verifier.CodeBounds, "t->slots[ctx->rx_queue_index]++", says("ctx->rx_queue_index", "64 bytes", "below 16")},
	"index_width":     {verifier.CodeBounds, "t->slots[i]++", says("lower 32 bits")},

	"kernel_dereference": {verifier.CodeType, "f->name", says("bpf_probe_read_kernel")},
	"kernel_function":    {verifier.CodeHelper, "bpf_dynptr_from_skb", says("xdp may not call bpf_dynptr_from_skb", "another kernel function")},
	"kptr_leaked":        {verifier.CodeReference, "", says("old, what bpf_kptr_xchg", "release")},
	"kptr_stored":        {verifier.CodeType, "h->task = 1", says("kptr", "bpf_kptr_xchg", "helpers")},
	"kptr_type":          {verifier.CodeType, "bpf_kptr_xchg(&h->n", says("no kptr", "field itself")},

	"leak_compared": {verifier.CodeLeak, "addr > 0x1000", says("context")},
	"leak_key":      {verifier.CodeLeak, "bpf_map_lookup_elem(&values, &key)", says("context")},
	"leak_map":      {verifier.CodeLeak, "*v = (u64)skb", says("context")},
	"leak_return":   {verifier.CodeLeak, "return (long)skb", says("context")},

	"licence_gpl": {verifier.CodeHelper, "bpf_probe_read_kernel", says("GPL", "LICENSE")},

	"lock_helper":       {verifier.CodeLock, "bpf_ktime_get_ns", says("bpf_spin_lock(&a->lock)")},
	"lock_kept":         {verifier.CodeLock, "", says("bpf_spin_lock(&a->lock)")},
	"lock_other":        {verifier.CodeLock, "bpf_spin_unlock(&to->lock)", says("bpf_spin_lock(&from->lock)")},
	"lock_twice":        {verifier.CodeLock, "bpf_spin_lock(&to->lock)", says("bpf_spin_lock(&from->lock)")},
	"lock_written":      {verifier.CodeType, "__builtin_memset(a, 0, 8)", says("bpf_spin_lock")},
	"timer_other_field": {verifier.CodeType, "bpf_timer_start", says("bpf_timer")},
	"timer_other_map":   {verifier.CodeType, "bpf_timer_init", says("spares", "alarms")},
	"timer_without":     {verifier.CodeType, "bpf_timer_start", says("accounts", "bpf_timer")},

	"loop_callback":           {verifier.CodeNull, "sum += *v", says("bpf_map_lookup_elem", "!v")},
	"loop_callback_return":    {verifier.CodeReturn, "return i", says("0", "1")},
	"loop_callback_signature": {verifier.CodeBounds, "x[1] += i", says("key")},
	"loop_callback_value":     {verifier.CodeBounds, "value[1]", says("sums", "8 bytes")},
	"loop_deep":               {verifier.CodeLimit, "", says("8")},
	"loop_endless":            {verifier.CodeLoop, "while (n != 7)", says("loop")},
	"loop_long":               {verifier.CodeLimit, "i < 500000", says("loop.c", "bpf_loop")},
	"loop_recursion":          {verifier.CodeStructure, "countdown(n - 1)", says("countdown")},
	"loop_unbounded":          {verifier.CodeLimit, "i < n", says("loop.c", "bpf_loop")},

	"null_argument":  {verifier.CodeNull, "bpf_map_update_elem(&totals, &key, s, BPF_ANY)", says("s (r3)", "bpf_map_lookup_elem", "!s")},
	"null_offset":    {verifier.CodeNull, "by_queue[ctx->rx_queue_index & 3]", says("bpf_map_lookup_elem", "first")},
	"null_unchecked": {verifier.CodeNull, "s->packets++", says("s (r0)", "bpf_map_lookup_elem", "ports", "!s")},
	"null_wrong":     {verifier.CodeNull, "total->packets++", says("total (r0)", "totals", "another pointer", "!total")},

	"dynptr_leaked":      {verifier.CodeReference, "", says("bpf_ringbuf_reserve_dynptr", "bpf_ringbuf_discard_dynptr")},
	"dynptr_overwritten": {verifier.CodeReference, "= 0;", says("dynptr")},
	"dynptr_slice":       {verifier.CodeNull, "*p = 7", says("bpf_dynptr_data", "!p")},
	"dynptr_uninit":      {verifier.CodeUninit, "bpf_dynptr_read", says("dynptr", "bpf_dynptr_from_mem")},
	"dynptr_used_after":  {verifier.CodeType, "*p = 7", says("bpf_dynptr_data", "bpf_ringbuf_submit_dynptr")},
	"iter_kept":          {verifier.CodeReference, "", says("bpf_iter_num_new", "bpf_iter_num_destroy")},
	"iter_null":          {verifier.CodeNull, "sum += *i", says("i (r0)", "bpf_iter_num_next", "NULL at the end")},
	"iter_uninit":        {verifier.CodeUninit, "bpf_iter_num_next", says("iter")},

	"packet_end_moved":     {verifier.CodeArithmetic, "end - 4", says("data_end")},
	"packet_header_length": {verifier.CodeBounds, "l4->dport", says("the comparison at", "has not been compared")},
	"packet_moved":         {verifier.CodeType, "eth->type = ETH_IP4", says("bpf_xdp_adjust_head", "again")},
	"packet_off_by_one":    {verifier.CodeBounds, "data[23]", says("23 bytes", "byte 23", "data + 24 > data_end")},
	"packet_other_header":  {verifier.CodeBounds, "ip->dst", says("14 bytes", "bytes 30 to 33", "data + 34 > data_end")},
	"packet_read_only":     {verifier.CodeType, "ip->tos = 0", says("cgroup_skb")},
	"packet_reversed":      {verifier.CodeBounds, "eth->type", says("the comparison at")},
	"packet_stored":        {verifier.CodeType, "ip->proto", says("bpf_skb_store_bytes", "again")},
	"packet_unbounded":     {verifier.CodeArithmetic, "data + *off", says("a number from map offset")},
	"packet_unchecked":     {verifier.CodeBounds, "eth->type", says("ctx->data", "data_end")},

	"record_beyond":     {verifier.CodeBounds, "e[2] =", says("8 bytes")},
	"record_leaked":     {verifier.CodeReference, "", says("bpf_ringbuf_reserve", "bpf_ringbuf_discard")},
	"record_null":       {verifier.CodeNull, "e->kind = 1", says("bpf_ringbuf_reserve", "!e")},
	"record_part":       {verifier.CodeType, "bpf_ringbuf_submit(&e->kind, 0)", says("4")},
	"record_size":       {verifier.CodeType, "bpf_ringbuf_reserve(&events, len, 0)", says("known")},
	"record_twice":      {verifier.CodeType, "bpf_ringbuf_submit", says("bpf_ringbuf_discard")},
	"record_used_after": {verifier.CodeType, "e->kind ?", says("e (r6)", "bpf_ringbuf_submit")},

	"returns_any":     {verifier.CodeReturn, "return sk->mark", says("mark", "0 to 1")},
	"returns_lookup":  {verifier.CodeReturn, "", says("5", "0 to 1")},
	"returns_nothing": {verifier.CodeStructure, "", says("exit")},
	"returns_pointer": {verifier.CodeReturn, "return (long)skb", says("context")},
	"returns_unset":   {verifier.CodeUninit, "", says("r0")},
	"returns_verdict": {verifier.CodeReturn, "", says("2", "0 to 1")},

	"socket_leaked":     {verifier.CodeReference, "", says("bpf_sk_lookup_tcp", "bpf_sk_release")},
	"socket_not_full":   {verifier.CodeType, "sk->priority", says("bpf_sk_fullsock")},
	"socket_null":       {verifier.CodeNull, "bpf_sk_release(sk)", says("bpf_sk_lookup_tcp", "!sk")},
	"socket_used_after": {verifier.CodeType, "sk->mark", says("sk (r6)", "bpf_sk_release")},
	"socket_written":    {verifier.CodeType, "sk->mark = 7", says("bpf_sk_fullsock")},

	"stack_argument":   {verifier.CodeUninit, `"%0 = r3"`, says("bpf_map_lookup_elem", "r1 to r5")},
	"stack_beyond":     {verifier.CodeBounds, "&key[2]", says("stack")},
	"stack_field":      {verifier.CodeUninit, "bpf_map_lookup_elem(&flows", says("stack", "written")},
	"stack_frames":     {verifier.CodeLimit, "", says("512", "checksum")},
	"stack_key":        {verifier.CodeUninit, "bpf_map_lookup_elem(&seen", says("stack", "written")},
	"stack_large":      {verifier.CodeBounds, "r10 - 520", says("512")},
	"stack_misaligned": {verifier.CodeAlignment, "*(u32 *)p", says("align")},
	"stack_variable":   {verifier.CodeUninit, "", says("r0")},
}
