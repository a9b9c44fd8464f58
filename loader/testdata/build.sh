#!/bin/sh
# Rebuilds the objects of the loader's tests. Needs clang-19, llvm-19, bpftool and
# libbpf's headers (Debian: clang-19 llvm-19 bpftool libbpf-dev).
set -e
cd "$(dirname "$0")"
inc=/usr/include/$(gcc -dumpmachine 2>/dev/null || echo x86_64-linux-gnu)
build() { # target source object
	clang-19 -target "$1" -mcpu=v3 -O2 -g -Wall -Werror -fdebug-compilation-dir=. \
		-ffile-prefix-map=/usr/include=include -I"$inc" -c "$2" -o "$3"
	llvm-strip-19 -g "$3"
}
for src in *.c; do
	build bpfel "$src" "${src%.c}.o"
done
build bpfeb basic.c basic.bpfeb.o
bpftool gen object linked.o linked1.o linked2.o
rm linked1.o linked2.o
