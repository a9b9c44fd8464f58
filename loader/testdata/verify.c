// What the loader tells the verifier: special fields of map values, types of global functions,
// constants, sleepable programs, kernel variables with a type.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define arg(tag) __attribute__((btf_decl_tag("arg:" tag)))
#define contains(type, node) __attribute__((btf_decl_tag("contains:" #type ":" #node)))
#define hidden __attribute__((visibility("hidden")))
#define kptr __attribute__((btf_type_tag("kptr")))
#define untrusted __attribute__((btf_type_tag("kptr_untrusted")))
#define percpu __attribute__((btf_type_tag("percpu_kptr")))

struct bpf_list_head { __u64 opaque[2]; } __attribute__((aligned(8)));
struct bpf_list_node { __u64 opaque[3]; } __attribute__((aligned(8)));
struct bpf_rb_root { __u64 opaque[2]; } __attribute__((aligned(8)));
struct bpf_refcount { __u32 opaque; } __attribute__((aligned(4)));
struct bpf_wq { __u64 opaque[2]; } __attribute__((aligned(8)));

struct task_struct;
struct cpumask { unsigned long bits; };

struct elem {
	__u64 key;
	struct bpf_list_node node;
	struct bpf_refcount refs;
};

struct inner {
	__u32 plain;
	struct task_struct kptr *task;
};

struct value {
	struct bpf_spin_lock lock;
	__u32 count;
	struct bpf_timer timer;
	struct bpf_wq work;
	struct bpf_list_head list contains(elem, node);
	struct bpf_rb_root tree contains(elem, node);
	struct inner two[2];
	struct cpumask untrusted *mask;
	struct cpumask percpu *masks;
	void *plain;
	__u8 data[1000];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, struct value);
} values SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct value);
} storage SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct {
		__uint(type, BPF_MAP_TYPE_ARRAY);
		__uint(max_entries, 4);
		__type(key, __u32);
		__type(value, struct inner);
	});
} outer SEC(".maps");

const volatile __u32 limit = 7;
const volatile __u64 mask;
struct bpf_spin_lock private_lock SEC(".data.lock");
__u32 seen;

extern const struct cpumask runqueues __ksym;
extern const void bpf_nothing __ksym __weak;

__attribute__((noinline)) int sized(const struct elem *e, int n)
{
	return e ? e->key + n : 0;
}

__attribute__((noinline)) long tagged(void *ctx arg("ctx"), struct elem *e arg("nonnull"),
				      struct task_struct *t arg("trusted") arg("nullable"), char *buf)
{
	return ctx ? e->key + (buf ? *buf : 0) + (t != 0) : 0;
}

__attribute__((noinline)) __u32 whole(struct xdp_md *ctx, void *unsized)
{
	return ctx->data + (unsized != 0);
}

hidden __attribute__((noinline)) int not_seen(struct elem *e)
{
	return e->key;
}

static __attribute__((noinline)) int local(__u64 n)
{
	return n * seen;
}

SEC("xdp")
int calls(struct xdp_md *ctx)
{
	struct elem e = {.key = limit};
	__u32 key = 0;
	struct value *v = bpf_map_lookup_elem(&values, &key);
	void *inner = bpf_map_lookup_elem(&outer, &key);

	if (v)
		seen += v->count;
	return sized(&e, 3) + tagged(ctx, &e, 0, 0) + whole(ctx, inner) + not_seen(&e) + local(mask);
}

SEC("fentry.s/do_nanosleep")
int sleeps(__u64 *ctx)
{
	bpf_task_storage_get(&storage, 0, 0, 0);
	return ctx[0] != 0;
}

SEC("syscall")
int call(__u64 *ctx)
{
	return *(const volatile __u32 *)&runqueues + (&bpf_nothing != 0);
}

SEC("tp_btf/sched_switch")
int switches(__u64 *ctx)
{
	return ctx[0];
}

SEC("iter/task")
int tasks(__u64 *ctx)
{
	return ctx[1] != 0;
}

SEC("lsm/file_open")
int opens(__u64 *ctx)
{
	return ctx[0] != 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
