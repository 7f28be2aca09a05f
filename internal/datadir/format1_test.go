package datadir

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/simtest/sample"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/vfs"
	"github.com/oisproject/ois/internal/vfs/errfs"
)

// unpack makes dir on fsys what a program of format 1 has left. It was killed while it received "cut short". The
// archive stays for ever.
func unpack(t *testing.T, fsys vfs.FS) {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "format-1.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		name := fsys.PathJoin(dir, h.Name)
		if h.Typeflag == tar.TypeDir {
			err = vfs.MkdirAll(fsys, name, 0o700)
		} else {
			var b []byte
			b, err = io.ReadAll(r)
			err = errors.Join(err, vfs.WriteFile(fsys, name, b, 0o600))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// inFormat1 are the objects of the archive and their sizes.
var inFormat1 = map[string]map[string]int{
	"first-bucket":  {"empty": 0, "small": 100, "large": 70_000, "overwritten": 500, "parts": 4<<20 + 1000},
	"second-bucket": {"copy of small": 100, "dir/large": 70 << 10, "new": 1000},
}

// contentOf returns n bytes of the object of that key.
func contentOf(key string, n int) string {
	if key == "copy of small" {
		key = "small"
	}
	line := key + " of format 1\n"
	return strings.Repeat(line, n/len(line)+1)[:n]
}

func read(ctx context.Context, s *store.Store, bucket, key string) (string, store.ObjectInfo, error) {
	b, err := s.Bucket(ctx, bucket)
	if err != nil {
		return "", store.ObjectInfo{}, err
	}
	o, err := b.Object(ctx, key)
	if err != nil {
		return "", store.ObjectInfo{}, err
	}
	defer o.Close()
	r, err := o.Open(ctx, 0, o.Info().Size)
	if err != nil {
		return "", store.ObjectInfo{}, err
	}
	text, err := io.ReadAll(r)
	return string(text), o.Info(), errors.Join(err, r.Close())
}

// wantObjects checks that a store holds these objects.
func wantObjects(t *testing.T, s *store.Store, objects map[string]map[string]int) {
	t.Helper()
	for bucket, keys := range objects {
		for key, n := range keys {
			text, info, err := read(t.Context(), s, bucket, key)
			if want := contentOf(key, n); err != nil || text != want {
				t.Errorf("object %q in %s: %d bytes, %v; want %d", key, bucket, len(text), err, n)
			} else if sum := fmt.Sprintf("%q", fmt.Sprintf("%x", md5.Sum([]byte(want)))); key != "parts" && key != "unfinished" && info.ETag != sum {
				t.Errorf("ETag of %q is %s; want %s", key, info.ETag, sum)
			}
		}
	}
}

func wantClean(t *testing.T, s *store.Store, objects int64) {
	t.Helper()
	r, err := s.Check(t.Context())
	if err != nil || !r.Clean() || r.Objects != objects {
		t.Errorf("Check = %+v, %v; want %d objects and no problem", r, err, objects)
	}
}

func put(ctx context.Context, s *store.Store, bucket, key string, n int) error {
	b, err := s.Bucket(ctx, bucket)
	if err != nil {
		return err
	}
	_, err = b.PutObject(ctx, &op.PutObjectInput{
		Bucket: bucket, Key: key, Body: strings.NewReader(contentOf(key, n)), ContentLength: int64(n),
	})
	return err
}

func remove(ctx context.Context, s *store.Store, bucket, key string) error {
	b, err := s.Bucket(ctx, bucket)
	if err != nil {
		return err
	}
	_, err = b.DeleteObject(ctx, &op.DeleteObjectInput{Bucket: bucket, Key: key})
	return err
}

func openDir(t *testing.T, fsys vfs.FS, o *Options) *Dir {
	t.Helper()
	d, err := Open(t.Context(), fsys, dir, o)
	if err != nil {
		t.Fatalf("Open = %v; want nil", err)
	}
	return d
}

// files returns the names of the files under a part of dir.
func files(t *testing.T, fsys vfs.FS, part string) (names []string) {
	t.Helper()
	if _, err := fsys.Stat(dir + "/" + part); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for name, text := range tree(t, fsys, dir+"/"+part) {
		if text != "directory" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func TestFormat1IsReadAndServed(t *testing.T) {
	fsys := vfs.NewMem()
	unpack(t, fsys)
	d := openDir(t, fsys, nil)
	if d.Created {
		t.Error("Created = true; want false")
	}
	if text, err := vfs.ReadFile(fsys, dir+"/FORMAT", 100); err != nil || string(text) != "ois-data 2\n" {
		t.Errorf("FORMAT = %q, %v; want \"ois-data 2\\n\"", text, err)
	}
	wantObjects(t, d.Store, inFormat1)
	wantClean(t, d.Store, 8)
	_, info, err := read(t.Context(), d.Store, "first-bucket", "small")
	if err != nil || info.ContentType != "text/plain" || info.Metadata["colour"] != "green" {
		t.Errorf("small is %+v, %v; want text/plain and green", info, err)
	}
	if _, _, err := read(t.Context(), d.Store, "first-bucket", "cut short"); !errors.Is(err, &fault.Error{Code: fault.ObjectNotExists}) {
		t.Errorf("object that was cut short: %v; want that there is none", err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

// TestFormat1GoesWithItsObjects overwrites one object of format 1, deletes the others, and looks where the bytes are.
func TestFormat1GoesWithItsObjects(t *testing.T) {
	fsys := vfs.NewMem()
	unpack(t, fsys)
	ctx := t.Context()
	// What was cut short goes at some time after the start, for which this test does not wait.
	if err := fsys.Remove(dir + "/blobs/00000002/0000000000000/000000020000000000000008"); err != nil {
		t.Fatal(err)
	}
	before := files(t, fsys, "blobs")
	d := openDir(t, fsys, nil)
	if err := put(ctx, d.Store, "first-bucket", "large", 90_000); err != nil {
		t.Fatal(err)
	}
	if err := put(ctx, d.Store, "second-bucket", "added", 80_000); err != nil {
		t.Fatal(err)
	}
	if err := d.Store.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	if got := files(t, fsys, "blobs"); len(got) != len(before)-1 {
		t.Errorf("after an overwrite there are files %q; want one less than %q", got, before)
	}
	if got := files(t, fsys, "packs"); len(got) == 0 {
		t.Error("there is no pack; want the new bytes in one")
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}

	d = openDir(t, fsys, nil) // now with both kinds of blobs
	wantObjects(t, d.Store, map[string]map[string]int{
		"first-bucket": {"large": 90_000, "parts": 4<<20 + 1000}, "second-bucket": {"added": 80_000},
	})
	wantClean(t, d.Store, 9)
	for bucket, keys := range inFormat1 {
		for key := range keys {
			if err := remove(ctx, d.Store, bucket, key); err != nil {
				t.Errorf("delete %q: %v", key, err)
			}
		}
	}
	completeOld(t, d.Store)
	if err := d.Store.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	if got := files(t, fsys, "blobs"); len(got) != 1 {
		t.Errorf("there are files %q; want that of the part of the upload", got)
	}
	if err := remove(ctx, d.Store, "second-bucket", "unfinished"); err != nil {
		t.Error(err)
	}
	if err := d.Store.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := fsys.Stat(dir + "/blobs"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Stat of blobs = %v; want that it is gone with the last blob", err)
	}
	wantObjects(t, d.Store, map[string]map[string]int{"second-bucket": {"added": 80_000}})
	wantClean(t, d.Store, 1)
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

// completeOld completes the upload of the archive.
func completeOld(t *testing.T, s *store.Store) {
	t.Helper()
	ctx := t.Context()
	b, err := s.Bucket(ctx, "second-bucket")
	if err != nil {
		t.Fatal(err)
	}
	list, err := b.ListMultipartUploads(ctx, &op.ListMultipartUploadsInput{Bucket: "second-bucket"})
	if err != nil || len(list.Uploads) != 1 {
		t.Fatalf("uploads = %+v, %v; want one", list, err)
	}
	_, err = b.CompleteMultipartUpload(ctx, &op.CompleteMultipartUploadInput{
		Bucket: "second-bucket", Key: "unfinished", UploadID: list.Uploads[0].UploadID, ObjectParts: []op.CompletedPart{{PartNumber: 1}},
	})
	if err != nil {
		t.Fatal(err)
	}
	wantObjects(t, s, map[string]map[string]int{"second-bucket": {"unfinished": 5000}})
}

// TestUpgradeSurvivesPowerLoss loses power before each call of the first start on a directory of format 1 that makes
// something durable, and of what it writes then. The next start has it all.
func TestUpgradeSurvivesPowerLoss(t *testing.T) {
	taken := sample.OneOf(3, t.Logf)
	for _, percent := range []int{0, 50, 100} {
		mem := vfs.NewCrashableMem()
		unpack(t, mem)
		fsys := errfs.New(mem)
		type crash struct {
			when string
			left *vfs.Mem
		}
		var mu sync.Mutex // the store does things in the background
		var left []crash
		calls := 0
		fsys.SetHook(func(op errfs.Op) error {
			mu.Lock()
			defer mu.Unlock()
			if !strings.Contains(op.Path, metaName) && (op.IsSync() || op.Kind == "rename" || strings.HasPrefix(op.Kind, "create")) {
				if calls++; taken() {
					left = append(left, crash{op.Kind + " " + op.Path, mem.PowerLoss(percent, uint64(op.N))})
				}
			}
			return nil
		})
		d := openDir(t, fsys, nil)
		if err := put(t.Context(), d.Store, "second-bucket", "added", 80_000); err != nil {
			t.Fatal(err)
		}
		fsys.SetHook(nil)
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		for _, c := range left {
			format, err := vfs.ReadFile(c.left, dir+"/FORMAT", 100)
			if err != nil || string(format) != marker() && len(files(t, c.left, "packs")) > 0 {
				t.Errorf("%s, %d %%: FORMAT is %q, %v, with packs %q", c.when, percent, format, err, files(t, c.left, "packs"))
			}
			d := openDir(t, c.left, nil)
			wantObjects(t, d.Store, inFormat1)
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		}
		if calls < 5 {
			t.Errorf("power could be lost %d times; want at least 5", calls)
		}
	}
}

func TestDamageInFormat1IsFound(t *testing.T) {
	fsys := vfs.NewMem()
	unpack(t, fsys)
	name := dir + "/blobs/00000001/0000000000000/000000010000000000000006"
	b, err := vfs.ReadFile(fsys, name, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	b = bytes.Clone(b)
	b[50_000] ^= 1
	if err := vfs.WriteFile(fsys, name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	d := openDir(t, fsys, nil)
	if text, _, err := read(t.Context(), d.Store, "first-bucket", "large"); err == nil || text != "" {
		t.Errorf("damaged object: %d bytes, %v; want an error", len(text), err)
	}
	r, err := d.Store.Check(t.Context())
	if err := errors.Join(err, d.Close()); err != nil || len(r.Problems) == 0 {
		t.Errorf("Check = %+v, %v; want a problem", r, err)
	}
}

func TestStrayFileAmongOldBlobsStopsTheStart(t *testing.T) {
	fsys := vfs.NewMem()
	unpack(t, fsys)
	write(t, fsys, map[string]string{"blobs/note.txt": "hello"})
	if _, err := Open(t.Context(), fsys, dir, nil); err == nil || !strings.Contains(err.Error(), "note.txt") {
		t.Errorf("Open = %v; want an error with the name of the file", err)
	}
	if err := fsys.Remove(dir + "/blobs/note.txt"); err != nil {
		t.Fatal(err)
	}
	if err := openDir(t, fsys, nil).Close(); err != nil {
		t.Error(err)
	}
}
