package verifier

import "github.com/gbpf/gbpf/maps"

// decideNull says of register r, a pointer that may be NULL, and of all with its identity,
// that it is NULL or that it is not.
func (w *walker) decideNull(r int, null bool) {
	f := w.f()
	id, ref := f.ids[r], f.regs[r].Ref
	if null && ref != 0 && ref == id {
		// There is nothing to release.
		w.forgetRef(ref)
	}
	w.eachID(func(v *Reg, vid *uint32) bool {
		if v.Flags&MaybeNull == 0 || *vid != id || v.Kind >= numKinds {
			return false
		}
		if null {
			*v, *vid = known(0), 0
			return true
		}
		w.notNull(v)
		if v.Kind == ConstPtrToMap && w.tracked(v) {
			v.Size = *vid // which of the inner maps it is
		}
		if !w.mayHoldLock(v) {
			*vid = 0
		}
		return true
	})
}

// notNull makes a pointer that may be NULL one that is not.
func (w *walker) notNull(v *Reg) {
	v.Flags &^= MaybeNull
	if v.Kind != PtrToMapValue {
		return
	}
	// What a lookup in these maps finds is no value.
	switch m := w.maps[v.Obj]; {
	case m.Inner != nil:
		*v = Reg{Kind: ConstPtrToMap, Obj: w.innerMap(m)}
	case m.Type == maps.XSKMap:
		*v = Reg{Kind: PtrToXDPSock}
	case m.Type == mapSockMap || m.Type == mapSockHash:
		*v = Reg{Kind: PtrToSocket, Ref: v.Ref}
	}
}

// innerMap is the number of the maps inside a map of maps.
func (w *walker) innerMap(m *Map) uint32 {
	i, ok := w.inner[m]
	if !ok {
		i = uint32(len(w.maps))
		w.maps = append(w.maps, m.Inner)
		w.inner[m] = i
	}
	return i
}

// mayHoldLock reports whether the object may have a spin lock, so that its identity matters.
func (w *walker) mayHoldLock(v *Reg) bool {
	switch v.Kind {
	case PtrToMapValue:
		return hasLock(w.maps[v.Obj])
	case PtrToBTFID:
		fields := w.fieldsOf(v)
		return fieldOfKind(fields, maps.FieldSpinLock) != nil || fieldOfKind(fields, maps.FieldResSpinLock) != nil
	}
	return false
}

// tracked reports whether it matters which one of the maps inside a map of maps a pointer is to: what is set up in a
// value has to be given the map that holds it.
func (w *walker) tracked(v *Reg) bool {
	m := w.maps[v.Obj]
	return field(m, maps.FieldTimer) != nil || field(m, maps.FieldWorkqueue) != nil || field(m, maps.FieldTaskWork) != nil
}
