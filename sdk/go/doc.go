// Package ois is the Go SDK of OIS, an object storage service with the API of QingStor.
//
//	cfg, err := ois.DefaultConfig(ctx) // environment, then ~/.ois/config.yaml
//	client, err := ois.New(cfg)
//	bucket := client.Bucket("photos-2026", "jn1a")
//	_, err = bucket.Put(ctx, "summer/beach.jpg", file, nil)
//	r, err := bucket.Get(ctx, "summer/beach.jpg", nil)
//	for o, err := range bucket.Objects(ctx, &ois.ListOptions{Prefix: "summer/"}) { … }
//
// A [Client] speaks to one endpoint; make one and share it. A [Bucket] is a handle
// with the verbs that programs use every day. The complete API, one method for
// each operation, is [Client.API]. Options are structs whose zero value is the default,
// and may be nil.
//
// # Addresses
//
// A bucket lives in a zone, and requests go to the zone's host in front of the
// endpoint's: jn1a.is.shanhe.com. In front of an IP address or localhost nothing
// is ever put, so that "http://127.0.0.1:9000" works as it is; zones are not sent then, and
// new buckets are in the server's default zone. [Client.BucketZone] finds out the zone of
// a bucket.
//
// Keys are sent as they are: "a//b" and "../a" are keys like any other. Servers refuse keys
// that start with "/".
//
// # Errors
//
// Calls that fail return an [*Error]: the service's code and sentence, the id of the
// request for asking its operators, and how many attempts were made. Programs decide by
// errors.Is:
//
//	if errors.Is(err, ois.ErrNotFound) { … } // fs.ErrNotExist fits as well
//
// An answer that is not the service's, such as the page of a proxy, is an error and
// never an empty success.
//
// # Bodies, attempts and time
//
// Every io.Reader is a body. One that can seek, or is in memory, is sent from where
// it stands, and again from there if an attempt fails; see [RetryPolicy] for
// what is repeated. Others are sent once, in chunks if their length is unknown. Nothing
// that belongs to the caller is closed.
//
// Reads of objects go on over a new connection when one breaks, from the byte where
// it broke, and only as long as it is the same object; see [Reader].
//
// What is read in any order is a [File], and a bucket is an [fs.FS] by [Bucket.FS].
//
// There is no limit for a call as a whole: contexts are for that. But a server that does not
// answer within 30 s, or a transfer that stands still for 30 s, ends the attempt.
//
// # Watching
//
// A Logger gets a record for each attempt, without secrets. A [Tracer] gets each call, and with a
// RoundTripper around [NewTransport] also each request.
//
// The package has no global state, writes no files, logs nothing unless a Config has
// a Logger, and needs nothing but the standard library.
package ois
