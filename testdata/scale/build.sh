#!/bin/sh
# Compiles the large test programs, as ../progs/build.sh does the others.
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
		-ffile-prefix-map="$PWD"=. -fdebug-compilation-dir=. -I"$include" -I../progs -c "$src" -o "${src%.c}.o"
	"$strip" -g "${src%.c}.o"
done
