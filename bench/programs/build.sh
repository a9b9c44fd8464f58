#!/bin/sh
# Compiles the benchmark programs for BPF and WebAssembly, and notes what they were made of: a test
# holds the sources against it. Objects are committed and the same on every machine with the same compiler.
# Needs clang 19 with its WebAssembly linker and the headers of libbpf (Debian: clang-19 llvm-19
# lld-19 libbpf-dev linux-libc-dev).
set -eu
cd "$(dirname "$0")"
clang=${CLANG:-clang-19}
strip=${LLVM_STRIP:-llvm-strip-19}
linker=${WASM_LD:-wasm-ld-19}
include=/usr/include/$(uname -m)-linux-gnu
flags="-O2 -Wall -Wextra -Wno-unused-function -Wno-unused-parameter -Wno-pass-failed -fno-strict-aliasing -ffile-prefix-map=$PWD=. -fdebug-compilation-dir=."
for src in *.c; do
	name=${src%.c}
	# shellcheck disable=SC2086
	"$clang" $flags -g -target bpf -mcpu=v3 -I"$include" -c "$src" -o "$name.o"
	"$strip" -g "$name.o"
	grep -q '"maps.h"' "$src" && continue
	# shellcheck disable=SC2086
	"$clang" $flags --target=wasm32 -mbulk-memory -nostdlib -c "$src" -o "$name.tmp"
	"$linker" --no-entry --strip-all -z stack-size=16384 "$name.tmp" -o "$name.wasm"
	rm "$name.tmp"
done
sha256sum ./*.c ./*.h ./*.o ./*.wasm >made.sha256
