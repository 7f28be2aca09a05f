// Package simtest runs a whole store on a disk that fails: power is lost at any call, calls
// return errors, the process dies, and after each such day the store is opened again and compared with what it had
// promised. It has tests, and no code that anybody imports.
//
// Days are of several kinds. On some, a number of workers have keys of their own and do operations drawn from a seed. What a
// worker was told is noted in a ledger the moment it is told; so at the moment of the disaster it is known for every key
// what must be there and what may be there. On others, clients fight for a handful of keys, and everything they do
// is noted in a history, through all disasters; package history decides whether it can have been so.
//
// On days of a third kind nobody keeps a book: clients do everything at once, and what is there in the end must fit together.
//
// The seed of a failing day is printed and can be given with -seed; -days says how many days of each kind there are.
package simtest
