// SPDX-License-Identifier: Apache-2.0
// Global functions, which are verified apart from who calls them. Of each program the twin with _fixed is right.
#include "../progs/common.h"

struct pair {
	u32 a, b;
};

struct triple {
	u32 a, b, c;
};

noinline int first_of(struct pair *p)
{
	return p->a;
}

noinline int second_of(struct pair *p)
{
	if (!p)
		return 0;
	return p->b;
}

noinline int beyond_of(struct pair *p)
{
	if (!p)
		return 0;
	return ((struct triple *)p)->c;
}

noinline int third_of(struct triple *t)
{
	if (!t)
		return 0;
	return t->c;
}

noinline int length_of(struct xdp_md *ctx)
{
	return ctx->data_end - ctx->data;
}

SEC("xdp")
int func_unchecked(struct xdp_md *ctx)
{
	struct pair p = {.a = ctx->rx_queue_index};

	return first_of(&p);
}

SEC("xdp")
int func_unchecked_fixed(struct xdp_md *ctx)
{
	struct pair p = {.a = ctx->rx_queue_index};

	return second_of(&p);
}

SEC("xdp")
int func_beyond(struct xdp_md *ctx)
{
	struct pair p = {.a = ctx->rx_queue_index};

	return beyond_of(&p);
}

SEC("xdp")
int func_beyond_fixed(struct xdp_md *ctx)
{
	struct triple t = {.a = ctx->rx_queue_index};

	return third_of(&t);
}

SEC("xdp")
int func_smaller(struct xdp_md *ctx)
{
	struct pair p = {.a = ctx->rx_queue_index};

	return third_of((void *)&p);
}

SEC("xdp")
int func_smaller_fixed(struct xdp_md *ctx)
{
	struct triple t = {.a = ctx->rx_queue_index};

	return third_of(&t);
}

SEC("xdp")
int func_context(struct xdp_md *ctx)
{
	struct pair p = {.a = ctx->rx_queue_index};

	return length_of((void *)&p);
}

SEC("xdp")
int func_context_fixed(struct xdp_md *ctx)
{
	return length_of(ctx);
}

SEC("xdp")
int func_number(struct xdp_md *ctx)
{
	return second_of((void *)(long)ctx->rx_queue_index);
}

SEC("xdp")
int func_number_fixed(struct xdp_md *ctx)
{
	struct pair p = {.b = ctx->rx_queue_index};

	return second_of(&p);
}

NOT_GPL;
