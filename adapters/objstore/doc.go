// Package oisobjstore makes buckets of an OIS service buckets of objstore, the library with which
// Thanos and others keep blocks in object storage.
//
//	bkt := oisobjstore.New(client.Bucket("metrics-2026", "jn1a"))
//
// It says what is not found and what is denied, and lists with times. It has no configuration of its own:
// the client of the SDK has one.
package oisobjstore
