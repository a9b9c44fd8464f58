#!/bin/sh
# Compiles the faulty programs and their corrected twins, in the manner of ../progs/build.sh.
set -eu
cd "$(dirname "$0")"
clang=${CLANG:-clang-19}
strip=${LLVM_STRIP:-llvm-strip-19}
include=/usr/include/$(uname -m)-linux-gnu
for src in *.c; do
	# The mistakes are meant: clang need not tell of them.
	"$clang" -O2 -g -target bpf -mcpu=v3 -w \
		-ffile-prefix-map="$PWD"=. -fdebug-compilation-dir=. -I"$include" -c "$src" -o "${src%.c}.o"
	"$strip" -g "${src%.c}.o"
done
