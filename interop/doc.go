// Package interop runs clients that others wrote against `ois serve`, unchanged: the official SDKs for Go (v4 and v3), Python
// (ois-sdk and qingstor-sdk), JavaScript and Java, rclone, the object layer of JuiceFS, curl with a signature computed by openssl,
// and a browser with forms and CORS.
//
// The SDKs do what the scenario suites of the official SDKs do, with the keys, settings and images of scenarios.json. Buckets are
// addressed by path and by virtual host, where a client can: the Go SDK v3, and rclone which is built with it, know paths only;
// the SDK for JavaScript leaves the bucket out of the Host header on Node, so a page uses it for virtual hosts.
//
// It is a module of its own, so that nobody else depends on those clients. Its tests
// install what they can, once, and say so where they cannot.
package interop
