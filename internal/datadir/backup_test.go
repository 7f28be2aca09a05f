package datadir

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/simtest/sample"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/vfs"
	"github.com/oisproject/ois/internal/vfs/errfs"
)

// copied is where tests make backups.
const copied = "elsewhere/backup"

// A stock is what a test has put into a store: a text for each key of one bucket.
type stock map[string]string

const stockBucket = "test-bucket"

// text returns n bytes that no other key and version has.
func text(key string, version, n int) string {
	line := fmt.Sprintf("%s, version %d\n", key, version)
	return strings.Repeat(line, n/len(line)+1)[:n]
}

func putText(ctx context.Context, s *store.Store, key, text string) error {
	return putIn(ctx, s, stockBucket, key, text)
}

func putIn(ctx context.Context, s *store.Store, bucket, key, text string) error {
	b, err := s.Bucket(ctx, bucket)
	if err != nil {
		return err
	}
	_, err = b.PutObject(ctx, &op.PutObjectInput{
		Bucket: bucket, Key: key, Body: strings.NewReader(text), ContentLength: int64(len(text)),
	})
	return err
}

// fillStore puts into a store what a backup has to bring over: objects of all sizes, an upload that is not finished, one that
// is, an object that was appended to, garbage, a user and a root key.
func fillStore(t *testing.T, fsys vfs.FS, d *Dir) stock {
	t.Helper()
	ctx, s := t.Context(), d.Store
	if _, err := s.PutBucket(ctx, store.RootUser, "jn1a", &op.PutBucketInput{Bucket: stockBucket}); err != nil {
		t.Fatal(err)
	}
	in := make(stock)
	for key, n := range map[string]int{"empty": 0, "inline": 100, "middle": 70_000, "large": 300_000, "gone": 80_000, "over": 90_000} {
		in[key] = text(key, 1, n)
		if err := putText(ctx, s, key, in[key]); err != nil {
			t.Fatal(err)
		}
	}
	in["over"] = text("over", 2, 85_000)
	if err := errors.Join(putText(ctx, s, "over", in["over"]), remove(ctx, s, stockBucket, "gone")); err != nil {
		t.Fatal(err)
	}
	delete(in, "gone")
	b, err := s.Bucket(ctx, stockBucket)
	if err != nil {
		t.Fatal(err)
	}
	for i, piece := range []string{"abc", text("log", 1, 70_000)} {
		_, err := b.AppendObject(ctx, &op.AppendObjectInput{
			Bucket: stockBucket, Key: "log", Position: int64(3 * i), Body: strings.NewReader(piece), ContentLength: int64(len(piece)),
		})
		if err != nil {
			t.Fatal(err)
		}
		in["log"] += piece
	}
	in["parts"] = uploadParts(ctx, t, b, "parts", true)
	uploadParts(ctx, t, b, "unfinished", false)
	if _, err := s.CreateUser(ctx, "alice"); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadRootKey(fsys, d.dir, noEnv); err != nil {
		t.Fatal(err)
	}
	return in
}

// uploadParts uploads one part and completes the upload if it is to be.
func uploadParts(ctx context.Context, t *testing.T, b *store.Bucket, key string, complete bool) string {
	t.Helper()
	up, err := b.InitiateMultipartUpload(ctx, &op.InitiateMultipartUploadInput{Bucket: stockBucket, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	body := text(key, 1, 100_000)
	_, err = b.UploadMultipart(ctx, &op.UploadMultipartInput{
		Bucket: stockBucket, Key: key, UploadID: up.UploadID, PartNumber: 0, Body: strings.NewReader(body), ContentLength: int64(len(body)),
	})
	if err == nil && complete {
		_, err = b.CompleteMultipartUpload(ctx, &op.CompleteMultipartUploadInput{
			Bucket: stockBucket, Key: key, UploadID: up.UploadID, ObjectParts: []op.CompletedPart{{PartNumber: 0}},
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// wantStock opens a data directory and compares what it holds. Objects that begin with "busy" may be more.
func wantStock(t *testing.T, fsys vfs.FS, at string, in stock) {
	t.Helper()
	d, err := Open(t.Context(), fsys, at, nil)
	if err != nil {
		t.Fatalf("Open = %v; want nil", err)
	}
	for key, want := range in {
		if got, _, err := read(t.Context(), d.Store, stockBucket, key); err != nil || got != want {
			t.Errorf("object %q in %s: %d bytes, %v; want the %d that were put", key, at, len(got), err, len(want))
		}
	}
	if r, err := d.Store.Check(t.Context()); err != nil || !r.Clean() {
		t.Errorf("Check of %s = %+v, %v; want no problem", at, r, err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

func wantReport(t *testing.T, what string, r *store.BackupReport, err error, in stock) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s = %v; want nil", what, err)
	}
	if !r.Clean() || r.Objects != int64(len(in)) || r.Uploads != 1 {
		t.Errorf("%s = %+v; want %d objects, an upload and no problem", what, r.Report, len(in))
	}
}

func TestBackupIsADataDirectoryAndCanBeRestored(t *testing.T) {
	for _, name := range []string{"memory", "disk"} {
		t.Run(name, func(t *testing.T) {
			fsys, at := vfs.FS(vfs.NewMem()), ""
			if name == "disk" {
				fsys, at = vfs.Disk, t.TempDir()+"/"
			}
			d, err := Open(t.Context(), fsys, at+dir, &Options{Create: true})
			if err != nil {
				t.Fatal(err)
			}
			in := fillStore(t, fsys, d)
			r, err := d.Backup(t.Context(), at+copied)
			wantReport(t, "Backup", r, err, in)
			if err := putText(t.Context(), d.Store, "inline", "later"); err != nil {
				t.Errorf("PutObject after a backup = %v; want nil", err)
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			before := tree(t, fsys, at+copied)
			r, err = Restore(t.Context(), fsys, at+copied, at+"restored")
			wantReport(t, "Restore", r, err, in)
			if after := tree(t, fsys, at+copied); !maps.Equal(before, after) {
				t.Error("Restore has changed the backup")
			}
			for _, at := range []string{at + copied, at + "restored"} {
				wantStock(t, fsys, at, in)
				wantKey(t, fsys, d.dir, at)
			}
		})
	}
}

// wantKey checks that two directories have the same root key, which only the owner can read.
func wantKey(t *testing.T, fsys vfs.FS, a, b string) {
	t.Helper()
	var text [2][]byte
	for i, at := range []string{a, b} {
		name := fsys.PathJoin(at, rootKeyName)
		fi, err := fsys.Stat(name)
		if err == nil {
			text[i], err = vfs.ReadFile(fsys, name, 1000)
		}
		if err != nil || fi.Mode().Perm() != 0o600 && runtime.GOOS != "windows" {
			t.Errorf("root key in %s: %v; want a file for its owner", at, err)
		}
	}
	if !bytes.Equal(text[0], text[1]) {
		t.Errorf("root key in %s differs from that in %s", b, a)
	}
}

func TestBackupTakesFilesOfFormat1(t *testing.T) {
	fsys := vfs.NewMem()
	unpack(t, fsys)
	if _, err := Restore(t.Context(), fsys, dir, copied); err == nil || !strings.Contains(err.Error(), "format 1") {
		t.Errorf("Restore of format 1 = %v; want an error that says so", err)
	}
	d := openDir(t, fsys, nil)
	if err := putIn(t.Context(), d.Store, "first-bucket", "added", contentOf("added", 80_000)); err != nil {
		t.Fatal(err)
	}
	_, err := d.Backup(t.Context(), copied)
	if err := errors.Join(err, d.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(t.Context(), fsys, copied, "restored"); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{copied, "restored"} {
		d, err := Open(t.Context(), fsys, at, nil)
		if err != nil {
			t.Fatal(err)
		}
		wantObjects(t, d.Store, inFormat1)
		wantObjects(t, d.Store, map[string]map[string]int{"first-bucket": {"added": 80_000}})
		wantClean(t, d.Store, 9)
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A writer overwrites, deletes and appends until it is told to stop.
type writer struct {
	name   string
	rounds int
}

func (w *writer) run(ctx context.Context, s *store.Store, stop <-chan struct{}) error {
	for ; ; w.rounds++ {
		select {
		case <-stop:
			return nil
		default:
		}
		key := fmt.Sprintf("busy/%s/%d", w.name, w.rounds%20)
		size := []int{0, 500, 70_000, 130_000}[w.rounds%4]
		if err := putText(ctx, s, key, text(key, w.rounds, size)); err != nil {
			return err
		}
		if w.rounds%3 == 0 {
			if err := remove(ctx, s, stockBucket, key); err != nil {
				return err
			}
		}
	}
}

// TestBackupWhileTheStoreServes makes backups while others write. Each has all that was not touched, and of the rest
// whole versions only, which the check and the reading of all objects show.
func TestBackupWhileTheStoreServes(t *testing.T) {
	for _, name := range []string{"memory", "disk"} {
		t.Run(name, func(t *testing.T) {
			fsys, at := vfs.FS(vfs.NewMem()), ""
			if name == "disk" {
				fsys, at = vfs.Disk, t.TempDir()+"/"
			}
			d, err := Open(t.Context(), fsys, at+dir, &Options{Create: true})
			if err != nil {
				t.Fatal(err)
			}
			in := fillStore(t, fsys, d)
			stop := make(chan struct{})
			var busy sync.WaitGroup
			writers := []*writer{{name: "a"}, {name: "b"}}
			for _, w := range writers {
				busy.Go(func() {
					if err := w.run(t.Context(), d.Store, stop); err != nil {
						t.Error(err)
					}
				})
			}
			for i := range 3 {
				key := fmt.Sprintf("added %d", i)
				in[key] = text(key, 1, 70_000)
				if err := putText(t.Context(), d.Store, key, in[key]); err != nil {
					t.Fatal(err)
				}
				to := fmt.Sprint(at, copied, i)
				if r, err := d.Backup(t.Context(), to); err != nil || !r.Clean() {
					t.Fatalf("Backup = %+v, %v; want one without problems", r, err)
				}
				wantStock(t, fsys, to, in)
				wantBusy(t, fsys, to)
			}
			close(stop)
			busy.Wait()
			if err := d.Store.Sweep(t.Context()); err != nil {
				t.Error(err)
			}
			if err := d.Close(); err != nil {
				t.Error(err)
			}
			wantStock(t, fsys, at+dir, in)
		})
	}
}

// wantBusy checks that what writers have put is a version of its key.
func wantBusy(t *testing.T, fsys vfs.FS, at string) {
	t.Helper()
	d, err := Open(t.Context(), fsys, at, nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := d.Store.Bucket(t.Context(), stockBucket)
	if err != nil {
		t.Fatal(err)
	}
	out, err := b.ListObjects(t.Context(), &op.ListObjectsInput{Bucket: stockBucket, Prefix: "busy/", Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range out.Keys {
		got, _, err := read(t.Context(), d.Store, stockBucket, k.Key)
		line, _, _ := strings.Cut(got, "\n")
		if err != nil || got != "" && got != strings.Repeat(line+"\n", len(got)/(len(line)+1)+1)[:len(got)] || !strings.HasPrefix(got, k.Key) && got != "" {
			t.Errorf("object %q: %d bytes, %v; want one of its versions", k.Key, len(got), err)
		}
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

func TestSweeperWaitsForBackup(t *testing.T) {
	fsys := vfs.NewMem()
	d := openDir(t, fsys, &Options{Create: true})
	in := fillStore(t, fsys, d)
	if err := d.Store.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	release, second := d.Store.HoldSweeper(), d.Store.HoldSweeper()
	before := tree(t, fsys, dir+"/packs")
	if err := remove(t.Context(), d.Store, stockBucket, "large"); err != nil {
		t.Fatal(err)
	}
	for _, release := range []func(){release, release, nil, second} {
		if err := d.Store.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if after := tree(t, fsys, dir+"/packs"); !maps.Equal(before, after) {
			t.Fatal("space was given back while the sweeper was held")
		}
		if release != nil {
			release()
		}
	}
	if err := d.Store.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := tree(t, fsys, dir+"/packs"); maps.Equal(before, after) {
		t.Error("no space was given back when the sweeper was free again")
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	delete(in, "large")
	wantStock(t, fsys, dir, in)
}

func TestBackupIsRefused(t *testing.T) {
	fsys := vfs.NewMem()
	d := openDir(t, fsys, &Options{Create: true})
	if _, err := LoadRootKey(fsys, dir, noEnv); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"parent/key/root-key": "", "parent/full/a.txt": "", "parent/cut/FORMAT": unfinished, "parent/other/FORMAT": marker()} {
		if err := vfs.MkdirAll(fsys, fsys.PathDir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := vfs.WriteFile(fsys, name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before := tree(t, fsys, "parent")
	for to, want := range map[string]string{
		"parent/key": "there is a root-key", "parent/full": `"a.txt"`, "parent/cut": "has not come to its end", "parent/other": "there is a data directory",
		dir: "lie in each other", dir + "/packs/new": "lie in each other", "parent": "lie in each other", "parent/full/a.txt": "it is a file",
	} {
		if _, err := d.Backup(t.Context(), to); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Backup in %q = %v; want an error with %s", to, err, want)
		}
		if _, err := Restore(t.Context(), fsys, dir, to); !errors.Is(err, ErrInUse) {
			t.Errorf("Restore of a directory in use = %v; want ErrInUse", err)
		}
	}
	for from, want := range map[string]error{"parent/nosuch": ErrNotExist, "parent/full": ErrForeign, "parent/cut": ErrIncomplete} {
		if _, err := Restore(t.Context(), fsys, from, "parent/restored"); !errors.Is(err, want) {
			t.Errorf("Restore of %q = %v; want %v", from, err, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Backup(ctx, "parent/restored"); !errors.Is(err, context.Canceled) {
		t.Errorf("Backup that nobody wants any more = %v; want Canceled", err)
	}
	if after := tree(t, fsys, "parent"); !maps.Equal(before, after) {
		t.Errorf("there are %q afterwards; want what was before", slices.Sorted(maps.Keys(after)))
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

func TestBackupStopsBeforeTheDiskIsFull(t *testing.T) {
	fsys := vfs.NewMem()
	d := openDir(t, fsys, &Options{Create: true})
	fillStore(t, fsys, d)
	fsys.SetFree(7<<20, 1<<30)
	if _, err := d.Backup(t.Context(), copied); err == nil || !strings.Contains(err.Error(), "no room") {
		t.Errorf("Backup to a full disk = %v; want an error that says so", err)
	}
	if _, err := fsys.Stat(copied); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Stat of the backup = %v; want that there is none", err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

func TestDamageIsNotBackedUp(t *testing.T) {
	fsys := vfs.NewMem()
	d := openDir(t, fsys, &Options{Create: true})
	in := fillStore(t, fsys, d)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range files(t, fsys, packsName) {
		b, err := vfs.ReadFile(fsys, name, 8<<20)
		if err != nil {
			t.Fatal(err)
		}
		at := bytes.Index(b, []byte(in["large"][:100]))
		if at < 0 {
			continue
		}
		b[at+1000] ^= 1
		if err := vfs.WriteFile(fsys, name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Restore(t.Context(), fsys, dir, copied); err == nil || !strings.Contains(err.Error(), "ois fsck") {
		t.Errorf("Restore of a damaged directory = %v; want an error that names ois fsck", err)
	}
	d = openDir(t, fsys, nil)
	if _, err := d.Backup(t.Context(), copied); err == nil || !strings.Contains(err.Error(), "ois fsck") {
		t.Errorf("Backup of a damaged store = %v; want an error that names ois fsck", err)
	}
	if _, err := fsys.Stat(copied); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Stat of the backup = %v; want that there is none", err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

// makers fill a store and return what makes a copy of it. The store stays open if the copy is made of it.
var makers = map[string]func(t *testing.T, fsys *errfs.FS) (stock, *Dir, func() error){
	"Backup": func(t *testing.T, fsys *errfs.FS) (stock, *Dir, func() error) {
		d := openDir(t, fsys, &Options{Create: true})
		in := fillStore(t, fsys, d)
		return in, d, func() error { _, err := d.Backup(t.Context(), copied); return err }
	},
	"Restore": func(t *testing.T, fsys *errfs.FS) (stock, *Dir, func() error) {
		d := openDir(t, fsys, &Options{Create: true})
		in := fillStore(t, fsys, d)
		_, err := d.Backup(t.Context(), "between")
		if err := errors.Join(err, d.Close()); err != nil {
			t.Fatal(err)
		}
		return in, nil, func() error { _, err := Restore(t.Context(), fsys, "between", copied); return err }
	},
}

// TestCopyFault fails each call under the directory of a copy, alone and with all later ones. The copy is whole then, or not taken for
// one, and the store goes on.
func TestCopyFault(t *testing.T) {
	for name, prepare := range makers {
		for _, rest := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s rest=%t", name, rest), func(t *testing.T) {
				failed, taken := true, sample.OneOf(4, t.Logf)
				for n := 1; failed; n += 1 + n/10 {
					if taken() {
						failed = copyFault(t, n, rest, prepare)
					}
				}
			})
		}
	}
}

func copyFault(t *testing.T, n int, rest bool, prepare func(*testing.T, *errfs.FS) (stock, *Dir, func() error)) (failed bool) {
	t.Helper()
	mem := vfs.NewCrashableMem()
	fsys := errfs.New(mem)
	in, d, do := prepare(t, fsys)
	var mu sync.Mutex
	calls := 0
	where := ""
	fsys.SetHook(func(op errfs.Op) error {
		if !strings.HasPrefix(op.Path, copied) {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		if calls++; calls == n || rest && calls > n {
			if calls == n {
				where = op.Kind + " " + op.Path
			}
			return errfs.ErrInjected
		}
		return nil
	})
	err := do()
	fsys.SetHook(nil)
	for _, left := range []*vfs.Mem{mem, mem.PowerLoss(0, 0), mem.PowerLoss(50, uint64(n))} {
		wantWholeOrNone(t, fmt.Sprintf("call %d, %s", n, where), left, in, err)
	}
	if d != nil {
		if err := putText(t.Context(), d.Store, "inline", in["inline"]); err != nil {
			t.Errorf("PutObject after a backup without success (%s) = %v; want nil", where, err)
		}
		if err := d.Close(); err != nil {
			t.Errorf("Close after %s: %v", where, err)
		}
	}
	return where != ""
}

// wantWholeOrNone checks that a copy has all, or is not taken for one. err is what making it has returned.
func wantWholeOrNone(t *testing.T, when string, fsys vfs.FS, in stock, made error) {
	t.Helper()
	state, err := inspect(fsys, copied)
	if state != marked || err != nil {
		if made == nil {
			t.Errorf("%s: the copy is in state %d, %v; want a data directory", when, state, err)
		}
		if err != nil && !errors.Is(err, ErrIncomplete) {
			t.Errorf("%s: the copy is %v; want ErrIncomplete", when, err)
		}
		return
	}
	to := "copy of the copy" // since what has failed may hold locks
	if _, err := Restore(t.Context(), fsys, copied, to); err != nil {
		t.Errorf("%s: copy cannot be read: %v", when, err)
		return
	}
	wantStock(t, fsys, to, in)
	if err := fsys.RemoveAll(to); err != nil {
		t.Error(err)
	}
}

func TestBackupOnDiskSharesNoFile(t *testing.T) {
	at := t.TempDir()
	d, err := Open(t.Context(), vfs.Disk, filepath.Join(at, "data"), &Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	in := fillStore(t, vfs.Disk, d)
	_, err = d.Backup(t.Context(), filepath.Join(at, "backup"))
	if err := errors.Join(err, d.Close()); err != nil {
		t.Fatal(err)
	}
	if err := vfs.Disk.RemoveAll(filepath.Join(at, "data")); err != nil {
		t.Fatal(err)
	}
	wantStock(t, vfs.Disk, filepath.Join(at, "backup"), in)
}
