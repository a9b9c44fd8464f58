// Package archtest holds tests of the repository's structure: which package may
// import which, and how large a file may grow.
package archtest
