package maps

// FieldKind is the kind of a special field of a map's value: what its C type says it is,
// and programs may touch through helpers only.
type FieldKind uint8

// The kinds of special field.
const (
	FieldSpinLock      FieldKind = iota + 1 // struct bpf_spin_lock
	FieldTimer                              // struct bpf_timer
	FieldKptrUntrusted                      // __kptr_untrusted pointer
	FieldKptr                               // __kptr pointer
	FieldKptrPercpu                         // __percpu_kptr pointer
	FieldListHead                           // struct bpf_list_head
	FieldListNode                           // struct bpf_list_node
	FieldRBRoot                             // struct bpf_rb_root
	FieldRBNode                             // struct bpf_rb_node
	FieldRefcount                           // struct bpf_refcount
	FieldWorkqueue                          // struct bpf_wq
	FieldUptr                               // __uptr pointer
	FieldResSpinLock                        // struct bpf_res_spin_lock
	FieldTaskWork                           // struct bpf_task_work
)

// Field is one special field.
type Field struct {
	Kind FieldKind
	Off  uint32 // bytes from the start of the value
	Size uint32 // bytes
	// Type is the structure that a pointer points to, or of which a list head or rb root
	// holds elements.
	Type string
	// Node names the member of Type by which the elements hang together, of a list head
	// or rb root.
	Node string
}

// copyValue copies a value over another one, all but the special fields: a lock stays as it is while
// somebody replaces what it protects.
func copyValue(dst, src []byte, fields []Field) {
	n, at := uint64(len(dst)), uint64(0)
	for _, f := range fields {
		if off := min(uint64(f.Off), n); off > at {
			copy(dst[at:off], src[at:])
		}
		at = max(at, min(uint64(f.Off)+uint64(f.Size), n))
	}
	copy(dst[at:], src[at:])
}

// clearFields makes the special fields of a new value what they are at first: zeros.
func clearFields(v []byte, fields []Field) {
	for _, f := range fields {
		if end := uint64(f.Off) + uint64(f.Size); end <= uint64(len(v)) {
			clear(v[f.Off:end])
		}
	}
}
