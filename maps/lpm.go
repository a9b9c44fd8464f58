package maps

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"sync"

	"github.com/gbpf/gbpf/internal/errno"
	"github.com/gbpf/gbpf/internal/guest"
)

// lpm is an lpm_trie: keys are a prefix length in bits, 32-bit in host order, and that many bits of
// data, most significant first; a lookup finds the longest prefix of its data. It is a binary
// trie with paths compressed. Nodes are the host's; values lie in guest memory.
type lpm struct {
	mem     *guest.Memory
	r       *guest.Region
	maxBits uint32
	vsize   uint32

	mu    sync.RWMutex
	root  *lpmNode
	count uint32
	max   uint32
	fresh uint32
	spare []uint32
}

type lpmNode struct {
	bits  uint32
	data  []byte
	elem  int64 // number of the value, -1 for a node that only branches
	child [2]*lpmNode
}

func newLPM(m *Map) (store, error) {
	// A node for each prefix, and one for each fork.
	if err := m.charge(uint64(m.spec.MaxEntries) * 2 * (64 + uint64(m.spec.KeySize))); err != nil {
		return nil, err
	}
	// An update of an existing prefix takes a fresh value, so there is one more.
	r, err := m.region(uint64(m.spec.MaxEntries) + 1)
	if err != nil {
		return nil, err
	}
	return &lpm{mem: m.mem, r: r, maxBits: (m.spec.KeySize - 4) * 8, vsize: m.spec.ValueSize, max: m.spec.MaxEntries}, nil
}

func (l *lpm) close() { l.r.Free() }

func (l *lpm) addr(elem int64) uint64 { return uint64(l.r.Addr) + uint64(elem)*uint64(l.r.Stride) }

func bitAt(data []byte, i uint32) int { return int(data[i/8]>>(7-i%8)) & 1 }

// common is the number of leading bits that a and b share, at most n.
func common(a, b []byte, n uint32) uint32 {
	for i := uint32(0); i*8 < n; i++ {
		if x := a[i] ^ b[i]; x != 0 {
			return min(n, i*8+uint32(bits.LeadingZeros8(x)))
		}
	}
	return n
}

func (l *lpm) lookup(_ int, key []byte) uint64 {
	n, data := binary.LittleEndian.Uint32(key), key[4:]
	if n > l.maxBits {
		return 0
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	best := int64(-1)
	for at := l.root; at != nil; {
		if at.bits > n || common(at.data, data, at.bits) < at.bits {
			break
		}
		if at.elem >= 0 {
			best = at.elem
		}
		if at.bits == n || at.bits == l.maxBits {
			break
		}
		at = at.child[bitAt(data, at.bits)]
	}
	if best < 0 {
		return 0
	}
	return l.addr(best)
}

// place finds the link at which the prefix belongs: it points to the node of just that
// prefix, to one that the prefix does not lead to, or to nil.
func (l *lpm) place(n uint32, data []byte) **lpmNode {
	at := &l.root
	for *at != nil {
		c := common((*at).data, data, min((*at).bits, n))
		if c < (*at).bits || (*at).bits == n {
			break
		}
		at = &(*at).child[bitAt(data, (*at).bits)]
	}
	return at
}

func (l *lpm) update(_ int, key, value []byte, flags uint64) errno.Errno {
	n, data := binary.LittleEndian.Uint32(key), key[4:]
	if flags > Exist || n > l.maxBits {
		return errno.EINVAL
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	at := l.place(n, data)
	node := *at
	same := node != nil && node.bits == n && common(node.data, data, n) == n
	found := same && node.elem >= 0
	switch {
	case flags == NoExist && found:
		return errno.EEXIST
	case flags == Exist && !found:
		return errno.ENOENT
	case !found && l.count >= l.max:
		return errno.ENOSPC
	}
	var elem int64
	if len(l.spare) > 0 {
		elem, l.spare = int64(l.spare[0]), l.spare[1:]
	} else {
		elem = int64(l.fresh)
		l.fresh++
	}
	b, ok := l.mem.Slice(l.addr(elem), uint64(l.vsize))
	if !ok {
		return errno.EFAULT
	}
	copy(b, value)
	if same {
		if found {
			l.spare = append(l.spare, uint32(node.elem))
		} else {
			l.count++
		}
		node.elem, node.data = elem, slices.Clone(data)
		return 0
	}
	l.count++
	leaf := &lpmNode{bits: n, data: slices.Clone(data), elem: elem}
	if node == nil {
		*at = leaf
		return 0
	}
	c := common(node.data, data, min(node.bits, n))
	if c == n {
		leaf.child[bitAt(node.data, n)] = node
		*at = leaf
		return 0
	}
	fork := &lpmNode{bits: c, data: slices.Clone(data), elem: -1}
	fork.child[bitAt(data, c)] = leaf
	fork.child[bitAt(node.data, c)] = node
	*at = fork
	return 0
}

func (l *lpm) delete(key []byte) errno.Errno {
	n, data := binary.LittleEndian.Uint32(key), key[4:]
	if n > l.maxBits {
		return errno.EINVAL
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	parent, at := (**lpmNode)(nil), &l.root
	for *at != nil && (*at).bits < n && common((*at).data, data, (*at).bits) == (*at).bits {
		parent, at = at, &(*at).child[bitAt(data, (*at).bits)]
	}
	node := *at
	if node == nil || node.bits != n || node.elem < 0 || common(node.data, data, n) < n {
		return errno.ENOENT
	}
	l.spare = append(l.spare, uint32(node.elem))
	l.count--
	node.elem = -1
	collapse(at)
	if parent != nil {
		collapse(parent)
	}
	return 0
}

// collapse removes a node without a value that does not branch.
func collapse(at **lpmNode) {
	if n := *at; n.elem < 0 {
		switch {
		case n.child[0] == nil:
			*at = n.child[1]
		case n.child[1] == nil:
			*at = n.child[0]
		}
	}
}

// next walks in post-order, so that longer prefixes come before those they extend, as in
// the kernel.
func (l *lpm) next(key, out []byte) errno.Errno {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var first, after *lpmNode
	seen := false
	var walk func(n *lpmNode) bool
	walk = func(n *lpmNode) bool {
		if n == nil {
			return false
		}
		if walk(n.child[0]) || walk(n.child[1]) {
			return true
		}
		if n.elem < 0 {
			return false
		}
		if first == nil {
			first = n
		}
		if seen {
			after = n
			return true
		}
		if key != nil && n.bits == binary.LittleEndian.Uint32(key) && common(n.data, key[4:], n.bits) == n.bits {
			seen = true
		}
		return false
	}
	walk(l.root)
	if !seen {
		after = first
	}
	if after == nil {
		return errno.ENOENT
	}
	binary.LittleEndian.PutUint32(out, after.bits)
	copy(out[4:], after.data)
	return 0
}
