// Package reading reads from readers of the SDK's callers.
package reading

import (
	"fmt"
	"io"
)

// Some is one Read that yields something. A reader that yields nothing, again and again, is an error:
// net/http would ask it for ever, and the end of a context would not stop that. So is one that says it has
// read more than there is room for.
func Some(r io.Reader, p []byte) (int, error) {
	for range 100 {
		n, err := r.Read(p)
		if n < 0 || n > len(p) {
			return 0, fmt.Errorf("a Read of %d bytes says that it has read %d", len(p), n)
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.ErrNoProgress
}
