package proto

import (
	"sort"
	"strings"
)

// KfuncProto is the prototype of a kernel function that programs may call by its BTF.
type KfuncProto struct {
	Name  string // in full, such as "bpf_iter_num_new"
	Args  []KfuncArg
	Ret   KfuncRet
	Flags KfuncFlag
}

// KfuncArg is what one argument of a kfunc must be.
type KfuncArg struct {
	Name  string // in the kernel's source: its ending tells the kernel what it is
	Kind  KfuncArgKind
	Flags KfuncArgFlag
	// Size is, in bytes, that of a scalar, of memory whose size no other argument gives, or of an
	// iterator.
	Size uint32
	BTF  string // the kernel structure pointed to, "" if none is named
}

// KfuncArgKind is what an argument of a kfunc is, after the kernel's enum kfunc_ptr_arg_type.
type KfuncArgKind uint8

// Kinds of argument.
const (
	KfuncScalar      KfuncArgKind = iota // any number
	KfuncConst                           // a number known when the program is verified
	KfuncSize                            // the size of the memory argument before it
	KfuncConstSize                       // the same, known when the program is verified
	KfuncMem                             // memory: as much as the size behind it says, or Size bytes
	KfuncCtx                             // the program's context
	KfuncBTF                             // a kernel structure, see KfuncOrMem
	KfuncDynptr                          // struct bpf_dynptr on the stack
	KfuncIter                            // an iterator on the stack, BTF its structure
	KfuncListHead                        // struct bpf_list_head in a map value or object
	KfuncListNode                        // struct bpf_list_node in an object that the program owns
	KfuncRBRoot                          // struct bpf_rb_root in a map value or object
	KfuncRBNode                          // struct bpf_rb_node in an object
	KfuncAlloc                           // an object from bpf_obj_new, which the program owns
	KfuncRefcounted                      // an object with a bpf_refcount
	KfuncMap                             // a map
	KfuncCallback                        // a static function of the program
	KfuncConstStr                        // a NUL-terminated string in a read-only map
	KfuncWorkqueue                       // struct bpf_wq in a map value
	KfuncTaskWork                        // struct bpf_task_work in a map value
	KfuncIRQFlag                         // 8 bytes of stack for a saved interrupt state
	KfuncResSpinLock                     // struct bpf_res_spin_lock in a map value or object
	KfuncIgnored                         // anything, initialised or not: the kernel does not look at it
	KfuncProg                            // nothing: the kernel passes its program itself
	numKfuncArgKinds
)

var kfuncArgNames = [numKfuncArgKinds]string{
	"scalar", "const", "size", "const_size", "mem", "ctx", "btf_id", "dynptr", "iter", "list_head", "list_node", "rb_root",
	"rb_node", "alloc_btf_id", "refcounted_kptr", "map", "callback", "const_str", "workqueue", "task_work", "irq_flag",
	"res_spin_lock", "ignored", "prog",
}

// String is the kernel's word for the kind.
func (k KfuncArgKind) String() string {
	if k < numKfuncArgKinds {
		return kfuncArgNames[k]
	}
	return "kfunc argument kind?"
}

// KfuncArgFlag narrows or widens what an argument may be.
type KfuncArgFlag uint8

// Flags of arguments.
const (
	KfuncNullable KfuncArgFlag = 1 << iota // NULL will do
	KfuncOptional                          // of memory: NULL will do, whatever the size behind it
	KfuncUninit                            // of a dynptr: it is made by the call, and must not be one yet
	KfuncRdonly                            // the kernel function's argument is const
	KfuncOrMem                             // of a BTF pointer: the structure holds numbers only, and Size bytes of plain memory will do
)

// KfuncRet is what a kfunc returns.
type KfuncRet struct {
	Kind  KfuncRetKind
	Flags Flag   // MaybeNull, Rdonly, Untrusted, Trusted, RCU
	Size  uint32 // bytes of a scalar or of memory
	BTF   string // the kernel structure that a BTF pointer points to
}

// KfuncRetKind is what kind of value a kfunc returns.
type KfuncRetKind uint8

// Kinds of result.
const (
	KfuncRetVoid   KfuncRetKind = iota // nothing: R0 is not readable
	KfuncRetScalar                     // a number
	KfuncRetBTF                        // a kernel structure
	KfuncRetMem                        // Size bytes of memory
	// KfuncRetSpecial depends on the arguments: what bpf_obj_new and its kin make, the node at the end
	// of a list or tree (as the object that it lies in; one that was not taken out is valid
	// under RCU and not owned), what a cast or an arena gives, the data of a dynptr.
	KfuncRetSpecial
)

// KfuncFlag is a set of what the kernel registers about a kfunc (KF_*).
type KfuncFlag uint16

// Flags of kfuncs.
const (
	KfuncAcquire      KfuncFlag = 1 << iota // the result is a reference that the program must release
	KfuncRelease                            // gives back the reference in its argument; implies KfuncTrustedArgs
	KfuncRetNull                            // the result may be NULL; of a number: 0
	KfuncTrustedArgs                        // pointers must be trusted or referenced, and not NULL
	KfuncRCU                                // pointers must be at least valid under RCU, and not NULL
	KfuncRCUProtected                       // only inside an RCU read section
	KfuncSleepable                          // only sleepable programs may call it, outside RCU and other sections
	KfuncDestructive                        // CAP_SYS_BOOT is needed
	KfuncFastcall                           // R1 to R5 that it does not take keep their values
	KfuncIterNew                            // makes an iterator
	KfuncIterNext                           // returns the iterator's next element, NULL at its end
	KfuncIterDestroy                        // ends an iterator
	KfuncChangesPkt                         // packet pointers are invalid after the call
	KfuncArenaRet                           // returns an address in the program's arena
	KfuncArenaArg2                          // the second argument is an address in the program's arena
)

var kfuncByName = map[string]*KfuncProto{}

func init() {
	sort.Slice(kfuncs, func(i, j int) bool { return kfuncs[i].Name < kfuncs[j].Name })
	for i := range kfuncs {
		k := &kfuncs[i]
		k.Flags = kfuncFlags[k.Name]
		if k.Flags&KfuncRelease != 0 {
			k.Flags |= KfuncTrustedArgs
		}
		k.completeRet()
		kfuncByName[k.Name] = k
	}
}

// completeRet sets what the kernel knows of a result beyond its type.
func (k *KfuncProto) completeRet() {
	if k.Flags&KfuncRetNull != 0 {
		k.Ret.Flags |= MaybeNull
	}
	if k.Flags&KfuncIterNext != 0 && k.Ret.Kind == KfuncRetBTF {
		k.Ret.Flags |= Trusted
		if kfuncFlags[strings.TrimSuffix(k.Name, "next")+"new"]&KfuncRCUProtected != 0 {
			k.Ret.Flags ^= Trusted | RCU
		}
	}
	switch k.Name {
	case "bpf_get_kmem_cache":
		k.Ret.Flags |= Untrusted
	case "bpf_session_cookie":
		k.Ret.Flags &^= Rdonly
	}
}

// Kfunc returns the prototype of a kernel function that programs may call, nil for none.
func Kfunc(name string) *KfuncProto { return kfuncByName[name] }

// Kfuncs returns all prototypes by name.
func Kfuncs() []*KfuncProto {
	all := make([]*KfuncProto, len(kfuncs))
	for i := range kfuncs {
		all[i] = &kfuncs[i]
	}
	return all
}

// Iterators maps the structures of open-coded iterators to their size on the stack, in bytes.
func Iterators() map[string]uint32 {
	sizes := map[string]uint32{}
	for i := range kfuncs {
		for _, a := range kfuncs[i].Args {
			if a.Kind == KfuncIter {
				sizes[a.BTF] = a.Size
			}
		}
	}
	return sizes
}
