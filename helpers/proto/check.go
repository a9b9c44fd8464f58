package proto

import "fmt"

// Check reports the first rule of prototypes that p breaks: arguments have no gap, a map
// precedes the keys and values that it gives a size, a size follows its memory, and a callback has
// a signature.
func (p *Proto) Check() error {
	fail := func(i int, reason string) error {
		return fmt.Errorf("prototype: %s: argument %d, %s: %s", p.Name, i+1, p.Args[i].Kind, reason)
	}
	isMap, callback := false, false
	n := p.NumArgs()
	for i := range p.Args {
		a := p.Args[i]
		if i >= n {
			if a != (Arg{}) {
				return fail(i, "follows one that is not taken")
			}
			continue
		}
		switch a.Kind {
		case ConstMapPtr:
			isMap = true
		case PtrToMapKey, PtrToMapValue:
			if !isMap {
				return fail(i, "no map argument precedes it")
			}
		case PtrToMem:
			sized := i+1 < n && (p.Args[i+1].Kind == ConstSize || p.Args[i+1].Kind == ConstSizeOrZero)
			if fixed := a.Flags&FixedSize != 0; fixed != (a.Size != 0) || fixed == sized {
				return fail(i, "needs either a fixed size or a size argument behind it")
			}
		case ConstSize, ConstSizeOrZero:
			if i == 0 || p.Args[i-1].Kind != PtrToMem {
				return fail(i, "no memory argument precedes it")
			}
		case PtrToFunc:
			callback = true
		}
		if a.Kind > PtrToDynptr {
			return fail(i, "no such kind")
		}
	}
	if callback != (p.Callback != nil) {
		return fmt.Errorf("prototype: %s: a function argument and a callback signature go together", p.Name)
	}
	if p.Ret.Kind > RetPtrToBTFID {
		return fmt.Errorf("prototype: %s: result: %s: no such kind", p.Name, p.Ret.Kind)
	}
	return nil
}
