#!/bin/sh
# Compiles the test programs. The objects are committed and the same on every machine with
# the same compiler: paths are kept out, and only BTF of the debug information stays.
# Needs clang 19 and the headers of libbpf (Debian: clang-19 llvm-19 libbpf-dev linux-libc-dev).
set -eu
cd "$(dirname "$0")"
clang=${CLANG:-clang-19}
strip=${LLVM_STRIP:-llvm-strip-19}
include=/usr/include/$(uname -m)-linux-gnu
for src in *.c; do
	case $src in
	*_v4.c) cpu=v4 ;;
	*) cpu=v3 ;;
	esac
	"$clang" -O2 -g -target bpf -mcpu=$cpu -Wall -Wno-unused-function -Wno-pass-failed \
		-ffile-prefix-map="$PWD"=. -fdebug-compilation-dir=. -I"$include" -c "$src" -o "${src%.c}.o"
	"$strip" -g "${src%.c}.o"
done
