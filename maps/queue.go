package maps

import (
	"sync"

	"github.com/gbpf/gbpf/internal/errno"
)

// queue is a queue or stack: a ring of values that the host holds, used without keys.
type queue struct {
	mu    sync.Mutex
	size  uint32
	max   uint32
	lifo  bool
	ring  []byte
	first uint32 // the oldest value
	n     uint32
}

func newQueue(m *Map) (store, error) {
	if err := m.charge(uint64(m.spec.MaxEntries) * uint64(m.spec.ValueSize)); err != nil {
		return nil, err
	}
	return &queue{size: m.spec.ValueSize, max: m.spec.MaxEntries, lifo: m.spec.Type == Stack}, nil
}

func (q *queue) at(i uint32) []byte {
	i = (q.first + i) % q.max
	return q.ring[i*q.size:][:q.size]
}

// push adds a value. With flag Exist it removes the oldest when there is no room.
func (q *queue) push(value []byte, flags uint64) errno.Errno {
	if flags&NoExist != 0 || flags > Exist {
		return errno.EINVAL
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ring == nil {
		q.ring = make([]byte, q.max*q.size)
	}
	if q.n == q.max {
		if flags != Exist {
			return errno.E2BIG
		}
		q.first = (q.first + 1) % q.max
		q.n--
	}
	copy(q.at(q.n), value)
	q.n++
	return 0
}

func (q *queue) take(out []byte, remove bool) errno.Errno {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.n == 0 {
		clear(out)
		return errno.ENOENT
	}
	i := uint32(0)
	if q.lifo {
		i = q.n - 1
	}
	copy(out, q.at(i))
	if remove {
		q.n--
		if !q.lifo {
			q.first = (q.first + 1) % q.max
		}
	}
	return 0
}

func (q *queue) pop(out []byte) errno.Errno  { return q.take(out, true) }
func (q *queue) peek(out []byte) errno.Errno { return q.take(out, false) }

func (q *queue) lookup(int, []byte) uint64 { return 0 }
func (q *queue) update(_ int, _, value []byte, flags uint64) errno.Errno {
	return q.push(value, flags)
}
func (q *queue) delete([]byte) errno.Errno    { return errno.EINVAL }
func (q *queue) next(_, _ []byte) errno.Errno { return errno.EINVAL }
