package loader

//go:generate sh testdata/build.sh
