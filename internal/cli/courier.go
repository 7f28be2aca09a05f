package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"mime"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/oisproject/ois/internal/client/entry"
	"github.com/oisproject/ois/internal/client/local"
	"github.com/oisproject/ois/internal/client/pool"
	"github.com/oisproject/ois/internal/client/target"
	ois "github.com/oisproject/ois/sdk/go"
	"github.com/oisproject/ois/sdk/go/transfer"
)

// carryFlags say how bytes are moved, and what objects become.
type carryFlags struct {
	resume      bool
	concurrency int
	partSize    string
	up, down    string
	metadata    []string
	contentType string
	class       string
	key         secretKey
	sourceKey   secretKey
}

// add adds the flags of transfers in general, and, with writes, those about objects that are written.
func (f *carryFlags) add(cmd *cobra.Command, writes bool) {
	p := cmd.Flags()
	p.IntVar(&f.concurrency, "concurrency", workers, "`NUMBER` of requests with bytes at once")
	p.StringVar(&f.partSize, "part-size", "8MiB", "`SIZE` of the parts of large objects, 4MiB or more")
	p.StringVar(&f.up, "limit-upload", "", "at most `SIZE` a second to the service, such as 10MiB")
	p.StringVar(&f.down, "limit-download", "", "at most `SIZE` a second from the service")
	f.key.add(cmd)
	if !writes {
		return
	}
	p.BoolVar(&f.resume, "continue", false, "go on with what an earlier run with --continue has begun, and keep notes for a later one")
	p.StringArrayVar(&f.metadata, "metadata", nil, "`NAME=VALUE` to store with objects; may be repeated")
	p.StringVar(&f.contentType, "content-type", "", "`TYPE` of objects; else by the end of their names")
	choiceFlag(cmd, &f.class, "storage-class", "", "`CLASS` of objects: STANDARD or STANDARD_IA", "STANDARD", "STANDARD_IA")
	p.StringVar(&f.sourceKey.file, "source-encryption-key-file", "", "`FILE` with the key of objects that are copied, if they are encrypted")
}

// mtimeName is the metadata that keeps when a file was modified: seconds since 1970 with a fraction. Other tools use it as well.
const mtimeName = "mtime"

// A courier moves objects and files as flags say.
type courier struct {
	*batch
	s       *service
	m       *transfer.Manager
	put     ois.PutOptions // what all objects have
	custom  bool           // put has something that a copy would not have by itself
	key     []byte
	fromKey []byte
	resume  bool
	atOnce  int64 // bytes that go out in one request
	sizes   bool  // transfers tell how many bytes there are, since nobody knew before

	mu    sync.Mutex
	moved map[move]amount           // that were counted; guarded by mu
	gone  map[*ois.Bucket][]arrival // that are to be deleted; guarded by mu
}

// A move is one transfer under way.
type move struct{ bucket, key, path string }

// An amount is how many bytes of a transfer were counted.
type amount struct{ bytes, total int64 }

// newCourier checks flags and begins a batch. finish must end it.
func (a *app) newCourier(ctx context.Context, r road, bf batchFlags, f *carryFlags) (*courier, error) {
	c := &courier{resume: f.resume, moved: make(map[move]amount), gone: make(map[*ois.Bucket][]arrival)}
	opts, err := f.options()
	if err != nil {
		return nil, err
	}
	if err := c.readFlags(a, f); err != nil {
		return nil, err
	}
	if c.s, err = a.service(ctx, r); err != nil {
		return nil, err
	}
	if f.resume {
		if opts.Checkpoint, err = a.checkpoints(); err != nil {
			return nil, err
		}
		a.goesOn = true
		if f.concurrency == workers {
			opts.Concurrency = resumeParts
		}
	}
	opts.Progress, c.atOnce = c.event, opts.Threshold
	c.batch = a.newBatch(bf)
	if f.concurrency != workers {
		c.group = pool.New(f.concurrency).Group()
	}
	c.m = transfer.New(c.s.Bucket("", ""), opts)
	return c, nil
}

// streamMemory is how many parts may be in memory, in transfers from and to streams.
const streamMemory = 16

// resumeParts is how many parts are under way at once with --continue. Those that are not complete are lost with the process, so there should not
// be many.
const resumeParts = 8

func (f *carryFlags) options() (o transfer.Options, err error) {
	if f.concurrency < 1 || f.concurrency > maxWorkers {
		return o, usagef("--concurrency %d is not allowed: want 1 to %d", f.concurrency, maxWorkers)
	}
	o.Concurrency = f.concurrency
	if o.PartSize, err = partSizeFlag(f.partSize); err != nil {
		return o, err
	}
	o.Threshold = min(2*o.PartSize, 5<<30)
	o.Memory = int64(min(o.Concurrency+1, streamMemory)) * o.PartSize
	if o.UploadLimit, err = rateFlag("limit-upload", f.up); err != nil {
		return o, err
	}
	o.DownloadLimit, err = rateFlag("limit-download", f.down)
	return o, err
}

// partSizeFlag reads --part-size.
func partSizeFlag(text string) (int64, error) {
	n, err := sizeFlag("part-size", text, 0)
	if err == nil && (n < 4<<20 || n > 5<<30) {
		err = usagef("--part-size %s is not allowed: want 4MiB to 5GiB", text)
	}
	return n, err
}

func rateFlag(name, text string) (int64, error) {
	n, err := sizeFlag(name, text, 0)
	if err == nil && n == 0 && text != "" {
		err = usagef("--%s %q is not allowed: want 1 byte a second or more; leave it out for no limit", name, text)
	}
	return n, err
}

func (c *courier) readFlags(a *app, f *carryFlags) (err error) {
	if c.key, err = f.key.read(a.Getenv); err != nil {
		return err
	}
	if f.sourceKey.file != "" {
		if c.fromKey, err = f.sourceKey.read(a.Getenv); err != nil {
			return err
		}
	}
	meta := make(map[string]string)
	for _, m := range f.metadata {
		name, value, ok := strings.Cut(m, "=")
		if !ok || !isMetadataName(name) {
			return usagef("--metadata %q is not allowed: want NAME=VALUE, with a name of letters, digits, \"-\", \"_\" and \".\"", m)
		}
		if !isMetadataValue(value) {
			return usagef("--metadata %q is not allowed: a value is printable ASCII, without blanks at its ends", m)
		}
		meta[strings.ToLower(name)] = value
	}
	c.put = ois.PutOptions{ContentType: f.contentType, StorageClass: f.class, Metadata: meta, EncryptionKey: c.key}
	c.custom = f.contentType != "" || len(meta) > 0
	return nil
}

// isMetadataName reports whether metadata can have that name.
func isMetadataName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.", r)
	})
}

// isMetadataValue reports whether a header takes the value as it is.
func isMetadataValue(s string) bool {
	return strings.TrimSpace(s) == s && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// checkpoints is the folder for notes about transfers that can be resumed.
func (a *app) checkpoints() (string, error) {
	cache := a.Getenv("XDG_CACHE_HOME")
	if cache == "" {
		var err error
		if cache, err = os.UserCacheDir(); err != nil {
			return "", err
		}
	}
	return filepath.Join(cache, "ois", "transfers"), nil
}

// event counts what a transfer has moved.
func (c *courier) event(e transfer.Event) {
	id := move{e.Bucket, e.Key, e.Path}
	c.mu.Lock()
	before := c.moved[id]
	if e.Kind == transfer.Done {
		delete(c.moved, id)
	} else {
		c.moved[id] = amount{e.Bytes, max(0, e.Total)}
	}
	c.mu.Unlock()
	c.meter.Moved(e.Bytes - before.bytes)
	if c.sizes {
		c.meter.Sized(max(0, e.Total) - before.total)
	}
}

// A side is where things are taken from or brought to: a folder of files, or a prefix in a bucket.
type side struct {
	t      target.Target
	bucket *ois.Bucket // of a remote one
	tree   *local.Tree // of a local one that is written to
}

// remoteSide opens a prefix. The key of t is put before all keys as it is.
func (c *courier) remoteSide(ctx context.Context, t target.Target) (*side, error) {
	b, err := c.s.bucket(ctx, t.Bucket)
	return &side{t: t, bucket: b}, err
}

// name is what is shown for a key of the side.
func (s *side) name(key string) string {
	if s.t.Remote {
		return target.Target{Remote: true, Bucket: s.t.Bucket, Key: s.t.Key + key}.String()
	}
	if local.CheckKey(key) != nil {
		return s.t.Join(key).String() // such a path is only shown
	}
	return local.Join(s.t.Path, key)
}

// A freight is something to be moved: an entry of one side, and the key that it gets at another.
type freight struct {
	from, to *side
	e        entry.Entry
	toKey    string
	move     bool // it is gone from the first side afterwards
}

// action is how the freight is printed.
func (f *freight) action() action {
	name := "copy"
	switch {
	case f.move:
		name = "move"
	case !f.from.t.Remote:
		name = "upload"
	case !f.to.t.Remote:
		name = "download"
	}
	return action{Name: name, Source: f.from.name(f.e.Key), Target: f.to.name(f.toKey), Size: f.e.Size}
}

// carry moves a freight.
func (c *courier) carry(ctx context.Context, f *freight) error {
	switch {
	case !f.from.t.Remote:
		return c.upload(ctx, f)
	case !f.to.t.Remote:
		etag, err := c.download(ctx, f)
		if err == nil && f.move {
			c.arrived(ctx, f.from.bucket, arrival{f.from.t.Key + f.e.Key, etag, c.key})
		}
		return err
	}
	return c.copy(ctx, f)
}

// uploadTries is how often a file is sent that does not stay as it is.
const uploadTries = 3

// upload makes an object of a file. If the file has changed when the object is there, it is sent again: a later sync would take the object, which is younger
// than the change, for one that has it.
func (c *courier) upload(ctx context.Context, f *freight) error {
	name := f.from.name(f.e.Key)
	for range uploadTries {
		before, err := os.Stat(name)
		if err != nil {
			return err
		}
		failed := c.uploadOnce(ctx, f, name, before.ModTime())
		if failed != nil && (before.Size() > c.atOnce || ctx.Err() != nil) {
			return failed // what goes out in one request can have made an object nonetheless
		}
		after, err := os.Stat(name)
		switch {
		case errors.Is(err, fs.ErrNotExist) && !f.move:
			return failed // deleted a moment ago
		case err != nil:
			return errors.Join(failed, err)
		case after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime()):
			continue
		case failed != nil:
			return failed
		case f.move:
			return os.Remove(name)
		}
		return nil
	}
	return fmt.Errorf("%s was sent %d times and has changed each time: the object may be older than the file, which is kept", name, uploadTries)
}

func (c *courier) uploadOnce(ctx context.Context, f *freight, name string, modified time.Time) error {
	opts := &transfer.UploadOptions{PutOptions: c.put}
	opts.Metadata = maps.Clone(c.put.Metadata)
	if _, given := opts.Metadata[mtimeName]; !given {
		opts.Metadata[mtimeName] = formatMtime(modified)
	}
	key := f.to.t.Key + f.toKey
	if opts.ContentType == "" {
		opts.ContentType = typeOf(key)
	}
	_, err := c.m.For(f.to.bucket).UploadFile(ctx, key, name, opts)
	return err
}

// typeOf guesses the type of an object. Where it cannot, the service has a default.
func typeOf(key string) string { return mime.TypeByExtension(path.Ext(key)) }

// download makes a file of an object. It returns the ETag of what was read.
func (c *courier) download(ctx context.Context, f *freight) (etag string, err error) {
	key := f.from.t.Key + f.e.Key
	opts := &transfer.DownloadOptions{}
	opts.EncryptionKey = c.key
	m := c.m.For(f.from.bucket)
	if strings.HasSuffix(f.toKey, "/") {
		return f.e.ETag, c.folder(f)
	}
	if c.resume {
		return c.downloadOn(ctx, m, f, key, opts)
	}
	file, err := f.to.tree.Write(f.toKey)
	if err != nil {
		return "", err
	}
	defer file.Discard()
	r, err := m.DownloadAt(ctx, key, file, opts)
	if err != nil {
		return "", err
	}
	file.Lasting = f.move // the object will be gone
	return r.ETag, file.Commit(mtimeOf(r.Info))
}

// folder makes the folder that an empty object with a slash at the end of its key stands for.
func (c *courier) folder(f *freight) error {
	if f.e.Size > 0 {
		return fmt.Errorf("the key %q ends in a slash and has %d bytes: it can be a folder or a file, not both; \"ois cat\" prints it", f.e.Key, f.e.Size)
	}
	return f.to.tree.Mkdir(f.toKey)
}

// downloadOn downloads a file so that a later run can go on with it.
func (c *courier) downloadOn(ctx context.Context, m *transfer.Manager, f *freight, key string, opts *transfer.DownloadOptions) (string, error) {
	name, err := f.to.tree.Path(f.toKey)
	if err != nil {
		return "", err
	}
	r, err := m.DownloadFile(ctx, key, name, opts)
	if err != nil {
		return "", err
	}
	at := mtimeOf(r.Info)
	return r.ETag, os.Chtimes(name, time.Time{}, at)
}

func (c *courier) copy(ctx context.Context, f *freight) error {
	key, source := f.to.t.Key+f.toKey, f.from.t.Key+f.e.Key
	if f.move && !c.custom && c.put.StorageClass == "" && c.key == nil && c.fromKey == nil {
		_, err := f.to.bucket.Move(ctx, key, source, &ois.MoveOptions{SourceBucket: f.from.t.Bucket})
		return err
	}
	opts := &transfer.CopyOptions{Size: f.e.Size, CopyOptions: ois.CopyOptions{
		SourceBucket: f.from.t.Bucket, StorageClass: c.put.StorageClass, EncryptionKey: c.key, SourceEncryptionKey: c.fromKey,
	}}
	if opts.StorageClass == "" {
		opts.StorageClass = f.e.Class
	}
	if c.custom {
		info, err := f.from.bucket.Head(ctx, source, &ois.HeadOptions{EncryptionKey: c.fromKey})
		if err != nil {
			return err
		}
		c.describe(&opts.CopyOptions, info)
	}
	if _, err := c.m.For(f.to.bucket).Copy(ctx, key, source, opts); err != nil {
		return err
	}
	if f.move {
		c.arrived(ctx, f.from.bucket, arrival{source, f.e.ETag, c.fromKey})
	}
	return nil
}

// describe fills in what a copy is to have besides what its source has.
func (c *courier) describe(opts *ois.CopyOptions, info *ois.Info) {
	opts.Replace = true
	opts.ContentType, opts.CacheControl, opts.ContentDisposition = info.ContentType, info.CacheControl, info.ContentDisposition
	opts.ContentEncoding, opts.Expires, opts.Metadata = info.ContentEncoding, info.Expires, maps.Clone(info.Metadata)
	if opts.Metadata == nil {
		opts.Metadata = make(map[string]string)
	}
	maps.Copy(opts.Metadata, c.put.Metadata)
	if c.put.ContentType != "" {
		opts.ContentType = c.put.ContentType
	}
}

// formatMtime writes a time as metadata.
func formatMtime(t time.Time) string {
	return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond())
}

// parseMtime reads a time from metadata.
func parseMtime(text string) (time.Time, bool) {
	seconds, fraction, _ := strings.Cut(text, ".")
	s, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil || s > math.MaxInt32*100 || s < 0 || len(fraction) > 9 {
		return time.Time{}, false
	}
	ns, err := strconv.ParseUint((fraction + "000000000")[:9], 10, 32)
	return time.Unix(s, int64(ns)).UTC(), err == nil
}

// mtimeOf is when the file that an object was made of was modified, as far as anybody knows.
func mtimeOf(info *ois.Info) time.Time {
	if t, ok := parseMtime(info.Metadata[mtimeName]); ok {
		return t
	}
	return info.Modified
}

// isDir reports whether there is a folder.
func isDir(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// wantDir returns why a name is not that of a folder.
func wantDir(name string) error {
	info, err := os.Stat(name)
	if err == nil && !info.IsDir() {
		err = usagef("%s is no folder", name)
	}
	return err
}

// openTree opens a folder for writing. With --dry-run none is made, and none is needed.
func (c *courier) openTree(dir string) (*side, error) {
	s := &side{t: target.Target{Path: dir}}
	var err error
	if err := wantDir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if c.dryRun {
		return s, nil
	}
	s.tree, err = local.Create(dir)
	return s, err
}

func (s *side) close() error {
	if s == nil || s.tree == nil {
		return nil
	}
	return s.tree.Close()
}
