// Functions only: nothing that is a program.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

int add(int a, int b)
{
	return a + b;
}

char _license[] SEC("license") = "GPL";
