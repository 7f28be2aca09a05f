package cli

import (
	"context"
	"crypto/md5" // what the ETags of parts are
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/oisproject/ois/internal/client/entry"
	"github.com/oisproject/ois/internal/client/target"
	ois "github.com/oisproject/ois/sdk/go"
	"github.com/oisproject/ois/sdk/go/api"
)

type resumeFlags struct {
	road
	batchFlags
	id       string
	partSize string
}

func (a *app) uploadsResumeCommand() *cobra.Command {
	var f resumeFlags
	cmd := &cobra.Command{
		Use:   "resume FILE ois://BUCKET/KEY",
		Short: "Go on with an unfinished upload",
		Long: `Go on with the upload of a file that another program, or another machine, has begun. Parts that are there are compared with the file by their MD5;
what is missing or differs is sent, and the upload is completed. For uploads of "ois cp --continue", run that again instead.`,
		Example: "  ois uploads ls ois://films\n  ois uploads resume film.mkv ois://films/film.mkv",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return fmt.Errorf("want two arguments, FILE and %sBUCKET/KEY", target.Scheme)
			}
			return nil
		},
		ValidArgsFunction: a.completeTargets(&f.road, true),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := parseObject(args[1])
			if err != nil {
				return err
			}
			return a.resume(cmd.Context(), &f, args[0], t)
		},
	}
	a.roadFlags(cmd, &f.road)
	f.add(cmd)
	cmd.Flags().StringVar(&f.id, "upload-id", "", "`ID` of the upload; must be given if the key has several")
	cmd.Flags().StringVar(&f.partSize, "part-size", "8MiB", "`SIZE` of parts, if there is none yet to tell")
	return cmd
}

// A resumption is an upload that goes on.
type resumption struct {
	*batch
	s    *service
	b    *ois.Bucket
	key  string
	id   string
	file *os.File
	size int64

	modified time.Time // of the file

	first int64 // number of the first part
	part  int64 // bytes of each part but the last
	there map[int64]api.ObjectPart

	mu    sync.Mutex
	parts []api.CompletedPart // guarded by mu
	err   error               // of the first part that failed; guarded by mu
}

func (a *app) resume(ctx context.Context, f *resumeFlags, name string, t target.Target) error {
	part, err := partSizeFlag(f.partSize)
	if err != nil {
		return err
	}
	s, err := a.service(ctx, f.road)
	if err != nil {
		return err
	}
	r := &resumption{s: s, key: t.Key, id: f.id, part: part}
	if r.b, err = s.bucket(ctx, t.Bucket); err != nil {
		return err
	}
	if r.file, err = os.Open(name); err != nil {
		return err
	}
	defer r.file.Close() // it was only read
	info, err := r.file.Stat()
	if err != nil {
		return err
	}
	r.size, r.modified = info.Size(), info.ModTime()
	if err := r.find(ctx, t); err != nil {
		return err
	}
	if err := r.look(ctx); err != nil {
		return err
	}
	f.single = true
	r.batch = a.newBatch(f.batchFlags)
	fr := &freight{
		from: &side{t: target.Target{Path: filepath.Dir(name)}}, to: &side{t: t},
		e: entry.Entry{Key: filepath.Base(name), Size: r.size},
	}
	c := fr.action()
	c.Name = "resume"
	r.meter.Found(r.size)
	if r.dryRun {
		c.DryRun = true
		r.report(ctx, c, nil)
		return r.finish(ctx, nil)
	}
	err = r.send(ctx)
	r.report(ctx, c, err)
	return r.finish(ctx, nil)
}

// find chooses the upload.
func (r *resumption) find(ctx context.Context, t target.Target) error {
	var ids []string
	for u, err := range uploadsOf(ctx, r.s, r.b, r.key) {
		if err != nil {
			return err
		}
		if u.Key == r.key && (r.id == "" || u.UploadID == r.id) {
			ids = append(ids, u.UploadID)
		}
	}
	switch len(ids) {
	case 0:
		return fmt.Errorf("there is no such unfinished upload: %w", errNone(t))
	case 1:
		r.id = ids[0]
		return nil
	}
	return usagef("%s has %d unfinished uploads: want --upload-id with one of %s", t, len(ids), oneOf(ids))
}

// look finds out what parts there are, and by them how the file is cut.
func (r *resumption) look(ctx context.Context) error {
	r.there = make(map[int64]api.ObjectPart)
	limit, marker := int64(1000), int64(-1)
	for {
		in := &api.ListMultipartInput{Zone: r.b.Zone(), Bucket: r.b.Name(), Key: r.key, UploadID: r.id, Limit: &limit}
		if marker >= 0 {
			in.PartNumberMarker = &marker
		}
		out, err := r.s.API().ListMultipart(ctx, in)
		if err != nil {
			return err
		}
		for _, p := range out.ObjectParts {
			r.there[p.PartNumber] = p
			marker = p.PartNumber
		}
		if len(out.ObjectParts) < int(limit) {
			break
		}
	}
	if len(r.there) == 0 {
		return r.checkCount()
	}
	if _, ok := r.there[0]; !ok {
		r.first = 1 // other programs count from there
	}
	r.part = 0
	for _, p := range r.there {
		r.part = max(r.part, p.Size)
	}
	r.part = max(r.part, 1) // of no bytes at all
	for _, p := range r.there {
		if off := (p.PartNumber - r.first) * r.part; p.Size != min(r.part, r.size-off) {
			return fmt.Errorf("part %d has %d bytes, which does not fit parts of %d of a file of %d: abort the upload and begin anew", p.PartNumber, p.Size, r.part, r.size)
		}
	}
	return r.checkCount()
}

// maxParts is how many parts an upload can have.
const maxParts = 10_000

// checkCount refuses parts that are too many.
func (r *resumption) checkCount() error {
	if (r.size-1)/r.part >= maxParts {
		return fmt.Errorf("%d bytes are more than %d parts of %d: abort the upload and begin anew", r.size, maxParts, r.part)
	}
	return nil
}

// unchanged returns an error if the file is not what it was at the start.
func (r *resumption) unchanged() error {
	info, err := r.file.Stat()
	if err == nil && (info.Size() != r.size || !info.ModTime().Equal(r.modified)) {
		err = fmt.Errorf("%s has changed while it was sent: run the command again", r.file.Name())
	}
	return err
}

// send sends the parts that are not there, and completes the upload.
func (r *resumption) send(ctx context.Context) error {
	n := max(1, (r.size+r.part-1)/r.part)
	r.parts = make([]api.CompletedPart, n)
	for i := range n {
		if err := r.group.Go(ctx, func() { r.note(r.one(ctx, i)) }); err != nil {
			r.group.Wait()
			return err
		}
	}
	r.group.Wait()
	if r.err != nil {
		return r.err
	}
	if err := r.unchanged(); err != nil {
		return err
	}
	_, err := r.s.API().CompleteMultipartUpload(ctx, &api.CompleteMultipartUploadInput{
		Zone: r.b.Zone(), Bucket: r.b.Name(), Key: r.key, UploadID: r.id, ObjectParts: slices.Clone(r.parts),
	})
	return err
}

func (r *resumption) note(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = err
	}
}

// one sees to it that a part is there.
func (r *resumption) one(ctx context.Context, i int64) error {
	off, number := i*r.part, r.first+i
	section := io.NewSectionReader(r.file, off, min(r.part, r.size-off))
	h := md5.New()
	if _, err := io.Copy(h, section); err != nil {
		return err
	}
	sum := h.Sum(nil)
	digits := hex.EncodeToString(sum)
	if p, ok := r.there[number]; !ok || sumOfETag(p.ETag) != digits {
		if _, err := section.Seek(0, io.SeekStart); err != nil {
			return err
		}
		out, err := r.s.API().UploadMultipart(ctx, &api.UploadMultipartInput{
			Zone: r.b.Zone(), Bucket: r.b.Name(), Key: r.key, UploadID: r.id, PartNumber: number,
			ContentMD5: base64.StdEncoding.EncodeToString(sum), Body: section, ContentLength: section.Size(),
		})
		if err != nil {
			return err
		}
		if sumOfETag(out.ETag) != digits {
			return errors.New("a part has another checksum than was sent")
		}
		r.meter.Moved(section.Size())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.parts[i] = api.CompletedPart{PartNumber: number, ETag: digits}
	return nil
}
