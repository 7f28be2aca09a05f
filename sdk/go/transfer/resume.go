package transfer

import (
	"cmp"
	"context"
	"crypto/md5" // what parts are compared by
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	ois "github.com/oisproject/ois/sdk/go"
	"github.com/oisproject/ois/sdk/go/api"
)

// resumable reports whether a checkpoint is wanted.
func (j *job) resumable() bool { return j.pool.o.Checkpoint != "" && j.path != "" }

// note is what is noted about the upload of a file.
func (j *job) note(size, part int64) (*note, error) {
	n, err := j.about(Up, j.key, j.path)
	if err != nil {
		return nil, err
	}
	o := j.o.PutOptions
	o.ContentLength = 0
	n.Size, n.PartSize, n.Modified, n.Options = size, part, j.modified, hashOf(o)
	return n, nil
}

// resume sends what an earlier run has not sent.
func (j *job) resume(ctx context.Context, src *source, part int64) (*Result, error) {
	n, err := j.note(src.size, part)
	if err != nil {
		return nil, err
	}
	c, err := openCheckpoint(j.pool.o.Checkpoint, n)
	if err != nil {
		return nil, err
	}
	defer c.close()
	u, there, err := j.earlier(ctx, c, n)
	switch {
	case err != nil:
		return nil, err
	case u != nil && there == nil:
		if res, err := j.completed(ctx, src, n); err != nil {
			return nil, err
		} else if res != nil {
			return res, c.remove()
		}
		j.t.restart("the service knows no upload " + n.UploadID)
		u = nil
	}
	if u == nil {
		if u, err = j.initiate(ctx, j.key, &j.o.PutOptions); err != nil {
			return nil, err
		}
		n.UploadID, n.PartSize = u.id, part
		if err := c.write(n); err != nil {
			return nil, u.abort(ctx, err)
		}
	}
	f, err := j.sendAll(ctx, u, src, n.PartSize, func(ctx context.Context, i int) (string, error) {
		return j.there(ctx, src, n, there, i)
	})
	var res *Result
	if err == nil {
		res, err = j.complete(ctx, u, f)
	}
	if err == nil {
		return res, c.remove()
	}
	err = j.blame(ctx, err)
	if errors.Is(err, errChanged) || errors.Is(err, ois.ErrPrecondition) || errors.Is(err, ois.ErrNotFound) {
		// Nothing of it will ever be of use.
		return nil, errors.Join(u.abort(ctx, err), c.remove())
	}
	return nil, &UnfinishedError{UploadID: u.id, Checkpoint: c.path, Err: err}
}

// earlier finds the upload of an earlier run and the parts that it has; n becomes its note. The upload is nil
// if there was none that is of use, and there is nil if the service does not know it.
func (j *job) earlier(ctx context.Context, c *checkpoint, n *note) (u *upload, there map[int64]api.ObjectPart, err error) {
	old, err := c.read()
	if err != nil {
		j.t.restart(fmt.Sprintf("the checkpoint makes no sense: %v", err))
		return nil, nil, nil
	}
	if old == nil {
		return nil, nil, nil
	}
	if reason := old.same(n); reason != "" {
		j.t.restart(reason)
		j.abandon(ctx, old, n)
		return nil, nil, nil
	}
	n.UploadID, n.PartSize = old.UploadID, old.PartSize
	if u, err = j.upload(j.key, n.UploadID, j.o.EncryptionKey); err != nil {
		return nil, nil, err
	}
	there, err = u.parts(ctx)
	if errors.Is(err, ois.ErrNotFound) {
		return u, nil, nil
	}
	return u, there, err
}

// abandon removes the upload of an earlier run, as far as that is possible: if not, there
// are the service's own ways to remove old uploads.
func (j *job) abandon(ctx context.Context, old, n *note) {
	if old.id() != n.id() {
		return
	}
	if u, err := j.upload(j.key, old.UploadID, nil); err == nil {
		_ = u.abort(ctx, nil) // see above
	}
}

// forget removes what an earlier run has left of a file that goes out in one request now.
func (j *job) forget(ctx context.Context) {
	n, err := j.note(0, minPart)
	if err != nil || !j.hasNote(n) {
		return
	}
	c, err := openCheckpoint(j.pool.o.Checkpoint, n)
	if err != nil {
		return // somebody else works on it
	}
	defer c.close()
	if old, err := c.read(); err == nil && old != nil {
		j.abandon(ctx, old, n)
	}
	if c.remove() == nil {
		j.t.restart("the source has changed")
	}
}

// there returns the ETag of part i if the service has it, with the bytes of the source.
func (j *job) there(ctx context.Context, src *source, n *note, list map[int64]api.ObjectPart, i int) (etag string, err error) {
	p, ok := list[int64(i)]
	off := int64(i) * n.PartSize
	size := min(n.PartSize, src.size-off)
	theirs := md5Of(p.ETag)
	if !ok || p.Size != size || theirs == "" {
		return "", nil
	}
	ours, err := j.md5(ctx, src, src.off+off, size)
	if err != nil || ours != theirs {
		return "", err
	}
	j.t.resume(size)
	return `"` + theirs + `"`, nil
}

// md5 hashes a range of the source.
func (p *pool) md5(ctx context.Context, src io.ReaderAt, off, size int64) (string, error) {
	h := md5.New()
	c := p.chunks.Get().(*chunk)
	defer p.chunks.Put(c)
	r := io.NewSectionReader(src, off, size)
	for {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		n, err := r.Read(c[:])
		h.Write(c[:n])
		if isEOF(err) {
			return hex.EncodeToString(h.Sum(nil)), nil
		} else if err != nil {
			return "", err
		}
	}
}

// completed finds out whether an earlier run has completed its upload, and did not live to
// note it: then the object is made of the same parts. The result is nil if it is not.
func (j *job) completed(ctx context.Context, src *source, n *note) (*Result, error) {
	info, err := j.b.Head(ctx, j.key, nil)
	if errors.Is(err, ois.ErrNotFound) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	if info.Size != src.size {
		return nil, nil
	}
	etags := make([]string, n.count())
	err = j.each(ctx, len(etags), func(ctx context.Context, i int) (err error) {
		off := int64(i) * n.PartSize
		etags[i], err = j.md5(ctx, src, src.off+off, min(n.PartSize, src.size-off))
		return err
	})
	if err != nil || cmp.Or(j.etag, etagOf(etags)) != info.ETag {
		return nil, err
	}
	j.t.size(src.size, len(etags))
	j.t.resume(src.size)
	return &Result{ETag: info.ETag, VersionID: info.VersionID, Size: src.size, Parts: len(etags)}, nil
}
