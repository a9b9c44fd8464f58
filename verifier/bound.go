package verifier

// How many instructions a run can take follows from the walk: from each kept state, the longest way to
// the end. A path that ends in a state that is known goes on as that one does. Where a
// loop was closed by comparison there is no such number.

// ended notes that the path ends here, or goes on for as many instructions as rest says.
func (w *walker) ended(rest int) {
	if n := w.s.node; n >= 0 {
		nd := &w.nodes[n]
		nd.longest = max(nd.longest, w.s.since+rest)
	}
}

// longer carries the longest way from node n, which is walked to its end, over to the one before
// it.
func (w *walker) longer(n int32) {
	nd := &w.nodes[n]
	rest := nd.dist + nd.longest
	if nd.parent >= 0 {
		p := &w.nodes[nd.parent]
		p.longest = max(p.longest, rest)
		return
	}
	w.longest = max(w.longest, rest)
}
