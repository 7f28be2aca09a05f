// Package wire is what lies between HTTP and the values of an operation.
//
// [Hosts.Resolve] reads an address off host and path, [Route] picks the operation, a
// [Codec] reads its input and writes its output, [WriteError] writes what went wrong
// instead, and [Stream] sends bytes that may turn out to be damaged. Ranges, conditions
// and copy sources are read here too. The codecs are generated from the contract; the rest is
// by hand, in small functions without state.
//
// The package decides nothing: who may do what is up to internal/access, what an
// operation means to internal/store.
package wire
