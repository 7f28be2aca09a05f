//go:build !unix && !windows

package cli

import "os"

// columns cannot tell here.
func columns(*os.File) (int, bool) { return 0, false }
