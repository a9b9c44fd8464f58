package verifier

import "fmt"

// kernelType is what a pointer of kind PtrToBTFID points to.
type kernelType struct {
	key string  // what the source of types calls it
	s   *Struct // nil for a structure of which nothing is known
	// size is, of a kernel variable that is no structure, how many bytes it has, plus 1.
	size uint32
}

// typeByName is the number of a kernel structure.
func (w *walker) typeByName(name string) uint32 {
	if n, ok := w.typeNo[name]; ok {
		return n
	}
	return w.addType(kernelType{key: name, s: w.structNamed(name)})
}

// plainType is the number of the type of a kernel variable of size bytes that is no
// structure.
func (w *walker) plainType(size uint32) uint32 {
	key := fmt.Sprintf("%d bytes", size) // no name has a space
	if n, ok := w.typeNo[key]; ok {
		return n
	}
	return w.addType(kernelType{key: key, size: size + 1})
}

func (w *walker) addType(t kernelType) uint32 {
	w.types = append(w.types, t)
	n := uint32(len(w.types) - 1)
	w.typeNo[t.key] = n
	return n
}

func (w *walker) structNamed(name string) *Struct {
	if w.spec.Types == nil || name == "" {
		return nil
	}
	return w.spec.Types.Struct(name)
}

// typeName is the C name of a kernel structure.
func (w *walker) typeName(n uint32) string {
	if int(n) >= len(w.types) {
		return fmt.Sprintf("type %d", n)
	}
	t := &w.types[n]
	if t.s != nil {
		return t.s.Name
	}
	return t.key
}

// structOf is the structure that a register points to, nil if its type is not known.
func (w *walker) structOf(r *Reg) *Struct {
	if int(r.Obj) >= len(w.types) {
		return nil
	}
	return w.types[r.Obj].s
}
