// A queue and a tree of flows: objects that are shared by a list, a tree and a map.
#include "objects.h"

struct flow {
	__u64 key;
	struct bpf_rb_node rb;
	struct bpf_list_node list;
	struct bpf_refcount refs;
	struct { __u32 packets; __u64 bytes; } stats[2];
	__u16 proto, flags;
};

// One lock, so that it guards both.
struct bpf_spin_lock lock private(a);
struct bpf_list_head queue contains(flow, list) private(a);
struct bpf_rb_root tree contains(flow, rb) private(a);

struct slot {
	struct flow kptr *flow;
	__u64 hits;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, struct slot);
} slots SEC(".maps");

static bool less(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	return container_of(a, struct flow, rb)->key < container_of(b, struct flow, rb)->key;
}

SEC("tc")
int ok_enqueue(struct __sk_buff *skb)
{
	struct flow *f = new(struct flow), *g;

	if (!f)
		return 0;
	f->key = skb->hash;
	f->proto = skb->protocol;
	f->stats[0].packets = 1;
	f->stats[1].bytes = skb->len;
	g = bpf_refcount_acquire_impl(f, 0);
	bpf_spin_lock(&lock);
	bpf_list_push_back_impl(&queue, &f->list, 0, 0);
	bpf_rbtree_add_impl(&tree, &g->rb, less, 0, 0);
	bpf_spin_unlock(&lock);
	return 1;
}

SEC("tc")
int ok_dequeue(struct __sk_buff *skb)
{
	struct bpf_list_node *n;
	struct flow *f;
	__u64 bytes;

	bpf_spin_lock(&lock);
	n = bpf_list_pop_front(&queue);
	bpf_spin_unlock(&lock);
	if (!n)
		return 0;
	f = container_of(n, struct flow, list);
	bytes = f->stats[1].bytes;
	drop(f);
	return bytes > 100;
}

SEC("tc")
int ok_oldest(struct __sk_buff *skb)
{
	struct bpf_rb_node *n;
	struct flow *f = 0;
	__u64 key = 0;

	bpf_spin_lock(&lock);
	n = bpf_rbtree_first(&tree);
	if (n) {
		key = container_of(n, struct flow, rb)->key;
		n = bpf_rbtree_remove(&tree, n);
		if (n)
			f = container_of(n, struct flow, rb);
	}
	bpf_spin_unlock(&lock);
	if (f)
		drop(f);
	return key & 1;
}

SEC("tc")
int ok_keep(struct __sk_buff *skb)
{
	__u32 key = skb->hash;
	struct slot *s = bpf_map_lookup_elem(&slots, &key);
	struct flow *f, *old;

	if (!s)
		return 0;
	f = new(struct flow);
	if (!f)
		return 0;
	f->key = key;
	old = bpf_kptr_xchg(&s->flow, f);
	if (old)
		drop(old);
	s->hits++;
	return 0;
}

SEC("tc")
int ok_peek(struct __sk_buff *skb)
{
	__u32 key = skb->hash;
	struct slot *s = bpf_map_lookup_elem(&slots, &key);
	struct flow *f, *mine;

	if (!s)
		return 0;
	f = s->flow;
	if (!f)
		return 0;
	mine = bpf_refcount_acquire_impl(f, 0);
	if (!mine)
		return 0;
	key = mine->key;
	drop(mine);
	return key & 1;
}

SEC("tc")
int ok_drain(struct __sk_buff *skb)
{
	struct bpf_iter_num it;
	int n = 0;

	bpf_iter_num_new(&it, 0, 10);
	while (bpf_iter_num_next(&it)) {
		struct bpf_list_node *node;

		bpf_spin_lock(&lock);
		node = bpf_list_pop_back(&queue);
		bpf_spin_unlock(&lock);
		if (!node)
			break;
		n++;
		drop(container_of(node, struct flow, list));
	}
	bpf_iter_num_destroy(&it);
	return n & 1;
}

SEC("tc")
int bad_leak(struct __sk_buff *skb)
{
	struct flow *f = new(struct flow);

	if (!f)
		return 0;
	f->key = skb->hash;
	return 0;
}

SEC("tc")
int bad_unlocked(struct __sk_buff *skb)
{
	struct flow *f = new(struct flow);

	if (f)
		bpf_list_push_back_impl(&queue, &f->list, 0, 0);
	return 0;
}

SEC("tc")
int bad_after_unlock(struct __sk_buff *skb)
{
	struct flow *f = new(struct flow);

	if (!f)
		return 0;
	bpf_spin_lock(&lock);
	bpf_rbtree_add_impl(&tree, &f->rb, less, 0, 0);
	bpf_spin_unlock(&lock);
	return f->key & 1;
}

SEC("tc")
int bad_unchecked(struct __sk_buff *skb)
{
	struct flow *f = new(struct flow);

	f->key = 1;
	drop(f);
	return 0;
}

SEC("tc")
int bad_node(struct __sk_buff *skb)
{
	struct flow *f = new(struct flow);
	__u64 v;

	if (!f)
		return 0;
	v = f->list.opaque[0];
	drop(f);
	return v & 1;
}

SEC("tc")
int bad_peek(struct __sk_buff *skb)
{
	__u32 key = skb->hash;
	struct slot *s = bpf_map_lookup_elem(&slots, &key);

	if (!s || !s->flow)
		return 0;
	drop(s->flow);
	return 0;
}

SEC("tc")
int bad_lost(struct __sk_buff *skb)
{
	__u32 key = skb->hash;
	struct slot *s = bpf_map_lookup_elem(&slots, &key);
	struct flow *f = new(struct flow);

	if (!f)
		return 0;
	if (!s) {
		drop(f);
		return 0;
	}
	bpf_kptr_xchg(&s->flow, f);
	return 0;
}
