// SPDX-License-Identifier: Apache-2.0
// Dynptrs and iterators, objects on the stack that a helper makes and another ends. Of each
// program the twin with _fixed is right.
#include "../progs/common.h"

struct bpf_iter_num {
	u64 opaque;
};

extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __ksym;
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __ksym;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __ksym;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 12);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} state SEC(".maps");

u64 sum;

SEC("xdp")
int dynptr_slice(struct xdp_md *ctx)
{
	struct bpf_dynptr d;
	u32 *p;

	bpf_ringbuf_reserve_dynptr(&events, 16, 0, &d);
	p = bpf_dynptr_data(&d, 0, 4);
	*p = 7;
	bpf_ringbuf_submit_dynptr(&d, 0);
	return XDP_PASS;
}

SEC("xdp")
int dynptr_slice_fixed(struct xdp_md *ctx)
{
	struct bpf_dynptr d;
	u32 *p;

	bpf_ringbuf_reserve_dynptr(&events, 16, 0, &d);
	p = bpf_dynptr_data(&d, 0, 4);
	if (p)
		*p = 7;
	bpf_ringbuf_submit_dynptr(&d, 0);
	return XDP_PASS;
}

SEC("xdp")
int dynptr_used_after(struct xdp_md *ctx)
{
	struct bpf_dynptr d;
	u32 *p;

	bpf_ringbuf_reserve_dynptr(&events, 16, 0, &d);
	p = bpf_dynptr_data(&d, 0, 4);
	if (!p) {
		bpf_ringbuf_discard_dynptr(&d, 0);
		return XDP_PASS;
	}
	bpf_ringbuf_submit_dynptr(&d, 0);
	*p = 7;
	return XDP_PASS;
}

SEC("xdp")
int dynptr_used_after_fixed(struct xdp_md *ctx)
{
	struct bpf_dynptr d;
	u32 *p;

	bpf_ringbuf_reserve_dynptr(&events, 16, 0, &d);
	p = bpf_dynptr_data(&d, 0, 4);
	if (!p) {
		bpf_ringbuf_discard_dynptr(&d, 0);
		return XDP_PASS;
	}
	*p = 7;
	bpf_ringbuf_submit_dynptr(&d, 0);
	return XDP_PASS;
}

SEC("xdp")
int dynptr_uninit(struct xdp_md *ctx)
{
	struct bpf_dynptr d;
	u32 v;

	bpf_dynptr_read(&v, 4, &d, 0, 0);
	return v & 1;
}

SEC("xdp")
int dynptr_uninit_fixed(struct xdp_md *ctx)
{
	struct bpf_dynptr d;
	u32 v = 0, zero = 0;
	u64 *s = bpf_map_lookup_elem(&state, &zero);

	if (!s)
		return XDP_PASS;
	bpf_dynptr_from_mem(s, sizeof(*s), 0, &d);
	bpf_dynptr_read(&v, 4, &d, 0, 0);
	return v & 1;
}

SEC("xdp")
int dynptr_leaked(struct xdp_md *ctx)
{
	struct bpf_dynptr d;
	u32 v = 7;

	if (bpf_ringbuf_reserve_dynptr(&events, 16, 0, &d))
		return XDP_PASS;
	bpf_dynptr_write(&d, 0, &v, 4, 0);
	bpf_ringbuf_submit_dynptr(&d, 0);
	return XDP_PASS;
}

SEC("xdp")
int dynptr_leaked_fixed(struct xdp_md *ctx)
{
	struct bpf_dynptr d;
	u32 v = 7;

	/* even one that failed is to be discarded */
	if (bpf_ringbuf_reserve_dynptr(&events, 16, 0, &d)) {
		bpf_ringbuf_discard_dynptr(&d, 0);
		return XDP_PASS;
	}
	bpf_dynptr_write(&d, 0, &v, 4, 0);
	bpf_ringbuf_submit_dynptr(&d, 0);
	return XDP_PASS;
}

SEC("xdp")
int dynptr_overwritten(struct xdp_md *ctx)
{
	struct bpf_dynptr d;

	bpf_ringbuf_reserve_dynptr(&events, 16, 0, &d);
	*(volatile u64 *)&d = 0;
	bpf_ringbuf_submit_dynptr(&d, 0);
	return XDP_PASS;
}

SEC("xdp")
int dynptr_overwritten_fixed(struct xdp_md *ctx)
{
	struct bpf_dynptr d;
	u64 zero = 0;

	bpf_ringbuf_reserve_dynptr(&events, 16, 0, &d);
	bpf_dynptr_write(&d, 0, &zero, sizeof(zero), 0);
	bpf_ringbuf_submit_dynptr(&d, 0);
	return XDP_PASS;
}

SEC("xdp")
int iter_kept(struct xdp_md *ctx)
{
	struct bpf_iter_num it;
	int *i;

	bpf_iter_num_new(&it, 0, 10);
	while ((i = bpf_iter_num_next(&it)))
		sum += *i;
	return XDP_PASS;
}

SEC("xdp")
int iter_kept_fixed(struct xdp_md *ctx)
{
	struct bpf_iter_num it;
	int *i;

	bpf_iter_num_new(&it, 0, 10);
	while ((i = bpf_iter_num_next(&it)))
		sum += *i;
	bpf_iter_num_destroy(&it);
	return XDP_PASS;
}

SEC("xdp")
int iter_uninit(struct xdp_md *ctx)
{
	struct bpf_iter_num it;
	int *i;

	while ((i = bpf_iter_num_next(&it)))
		sum += *i;
	bpf_iter_num_destroy(&it);
	return XDP_PASS;
}

SEC("xdp")
int iter_uninit_fixed(struct xdp_md *ctx)
{
	struct bpf_iter_num it;
	int *i;

	bpf_iter_num_new(&it, 0, 10);
	while ((i = bpf_iter_num_next(&it)))
		sum += *i;
	bpf_iter_num_destroy(&it);
	return XDP_PASS;
}

SEC("xdp")
int iter_null(struct xdp_md *ctx)
{
	struct bpf_iter_num it;
	int *i;

	bpf_iter_num_new(&it, 0, 10);
	i = bpf_iter_num_next(&it);
	sum += *i;
	bpf_iter_num_destroy(&it);
	return XDP_PASS;
}

SEC("xdp")
int iter_null_fixed(struct xdp_md *ctx)
{
	struct bpf_iter_num it;
	int *i;

	bpf_iter_num_new(&it, 0, 10);
	i = bpf_iter_num_next(&it);
	if (i)
		sum += *i;
	bpf_iter_num_destroy(&it);
	return XDP_PASS;
}

GPL_OK;
