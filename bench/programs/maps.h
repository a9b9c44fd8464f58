/* SPDX-License-Identifier: Apache-2.0 */
/* Maps of programs that exist for BPF only: other targets have none. */
#pragma once
#include "packet.h"

#define MAP(name, kind, entries, key_type, value_type)                                             \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_##kind);                                                 \
		__uint(max_entries, entries);                                                      \
		__type(key, key_type);                                                             \
		__type(value, value_type);                                                         \
	} name SEC(".maps")
