#!/bin/sh
# Rebuilds the objects of an example, called from its directory.
# Needs Debian's clang-19, llvm-19 and libbpf-dev.
set -e
cd bpf
for src in *.c; do
	clang-19 -O2 -g -Wall -Werror -target bpf -mcpu=v3 -I"/usr/include/$(uname -m)-linux-gnu" \
		-fdebug-compilation-dir=. -ffile-prefix-map=/usr/include=include -c "$src" -o "${src%.c}.o"
	llvm-strip-19 -g "${src%.c}.o"
done
