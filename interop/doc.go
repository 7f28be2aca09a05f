// Package interop runs clients that others wrote against `ois serve`, unchanged: the official Go SDK, the
// ois-sdk package for Python, rclone, curl with a signature computed by openssl, and a browser with forms and CORS.
//
// It is a module of its own, so that nobody else depends on those clients. Its tests
// install what they can, and say so where they cannot.
package interop
