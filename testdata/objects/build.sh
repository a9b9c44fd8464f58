#!/bin/sh
# Compiles programs that own objects, in the manner of ../progs/build.sh. Those called ok_ are right, those called
# bad_ wrong.
set -eu
cd "$(dirname "$0")"
clang=${CLANG:-clang-19}
strip=${LLVM_STRIP:-llvm-strip-19}
include=/usr/include/$(uname -m)-linux-gnu
for src in *.c; do
	"$clang" -O2 -g -target bpf -mcpu=v3 -w \
		-ffile-prefix-map="$PWD"=. -fdebug-compilation-dir=. -I"$include" -c "$src" -o "${src%.c}.o"
	"$strip" -g "${src%.c}.o"
done
