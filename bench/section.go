package bench

// sectionOf measures one table of the report.
type sectionOf struct {
	id      string
	measure func(*session) (*Section, error)
}

// sections in the order of the report, after the run times.
var sections = []sectionOf{
	{"entry", (*session).entry},
	{"helpers", (*session).helpers},
	{"maps", (*session).maps},
	{"verification", (*session).verification},
	{"compile", (*session).compile},
	{"load", (*session).firstRun},
	{"memory", (*session).memory},
	{"goroutines", (*session).goroutines},
	{"size", (*session).size},
	{"cost", (*session).cost},
}
