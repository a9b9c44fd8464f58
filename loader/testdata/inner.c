// Maps of maps whose inner type is a typedef, and a prog array filled from the start.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

typedef struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
} inner_t;

typedef const inner_t inner_alias;

inner_t one SEC(".maps");
inner_t two SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 4);
	__type(key, __u32);
	__array(values, inner_t);
} outer SEC(".maps") = { .values = { [1] = &one, [3] = &two } };

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 4);
	__type(key, __u32);
	__array(values, inner_alias);
} outer_hash SEC(".maps");

typedef int prog_t(void *ctx);

int tail(struct __sk_buff *skb);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__uint(key_size, sizeof(__u32));
	__array(values, prog_t);
} jumps SEC(".maps") = { .values = { [1] = (void *)&tail } };

SEC("socket")
int tail(struct __sk_buff *skb)
{
	__u32 outer_key = 3, key = 1, *v;
	void *m = bpf_map_lookup_elem(&outer, &outer_key);

	if (!m)
		return 1;
	v = bpf_map_lookup_elem(m, &key);
	return v ? 100 + *v : 2;
}

SEC("socket")
int entry(struct __sk_buff *skb)
{
	bpf_tail_call(skb, &jumps, 1);
	return 3;
}

char _license[] SEC("license") = "GPL";
