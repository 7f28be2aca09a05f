// Package conformance is a suite of tests that says what a service must do to
// be OIS. It has no code outside of its tests.
//
//	go test ./conformance
//	go test ./conformance -endpoint URL -access-key-id ID -secret-access-key SECRET
//
// The first form starts a server in this process, the second asks the service at URL. The
// tests know an endpoint and credentials and nothing else: they write requests as text on
// connections of their own, so that not even an HTTP client stands between the
// test and the wire. README.md lists the other flags.
package conformance
