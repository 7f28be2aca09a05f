// Package arch holds the repository to its plan: which package may import
// which, who may touch the disk, what is generated, which dependencies there
// are and why. It has tests and data, and no code that anybody imports.
//
// The tests read the files that git would commit: those it tracks and those
// it does not ignore. So they see code for every system and every build tag,
// and run as well in a tree that does not compile.
package arch
