#!/bin/sh
# Rebuilds the demo's object. Needs Debian's clang-19, llvm-19 and libbpf-dev.
set -e
cd "$(dirname "$0")"
clang-19 -O2 -g -target bpf -mcpu=v3 -I"/usr/include/$(uname -m)-linux-gnu" -fdebug-compilation-dir=. -c demo.c -o demo.o
llvm-strip-19 -g demo.o
