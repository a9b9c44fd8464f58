package bench

// section measures one table of the report.
type sectionOf struct {
	id      string
	measure func(*session) (*Section, error)
}

// sections in the order of the report, after the run times.
var sections = []sectionOf{}
