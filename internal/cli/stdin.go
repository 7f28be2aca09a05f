package cli

import (
	"context"
	"io"
	"os"
	"sync"
)

// interruptible returns a reader whose reads end when ctx does: a read of a terminal or a pipe would wait for as long as nobody writes, and Ctrl-C
// seem to have no effect. A regular file is returned as it is. It makes nobody wait, and can be read in many places at once.
func interruptible(ctx context.Context, r io.Reader) io.Reader {
	if isRegular(r) {
		return r
	}
	return &interruptibleReader{ctx: ctx, from: r}
}

// isRegular reports whether a reader or a writer is a regular file.
func isRegular(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode().IsRegular()
}

type interruptibleReader struct {
	ctx   context.Context // of the command
	from  io.Reader
	start sync.Once
	pipe  *io.PipeReader
}

// pumpSize is how many bytes are read at once.
const pumpSize = 256 << 10

// Read implements io.Reader. Nothing is read from standard input before the first call. The goroutine that reads may outlive the command, and ends with
// the process then.
func (r *interruptibleReader) Read(p []byte) (int, error) {
	r.start.Do(func() {
		out, in := io.Pipe()
		r.pipe = out
		context.AfterFunc(r.ctx, func() { in.CloseWithError(r.ctx.Err()) })
		go func() {
			_, err := io.CopyBuffer(in, struct{ io.Reader }{r.from}, make([]byte, pumpSize))
			in.CloseWithError(err)
		}()
	})
	return r.pipe.Read(p)
}
