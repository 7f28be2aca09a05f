//go:build !amd64

package md5lanes

// runnable returns every kernel that this machine can run.
func runnable() []kernel { return nil }
