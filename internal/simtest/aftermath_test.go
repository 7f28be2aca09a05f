package simtest

import (
	"context"
	"crypto/md5"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/meta"
	"github.com/oisproject/ois/internal/meta/pebblemeta"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/vfs"
)

// aftermath opens the store after a brawl. Everything must fit together; then it is deleted, and nothing may be left.
func (s setup) aftermath(t *testing.T, fsys vfs.FS, f *follower) {
	t.Helper()
	h, err := s.open(t.Context(), fsys)
	if err != nil {
		t.Fatalf("open again: %v", err)
	}
	report(t, h.Store)
	if there(t, h.Store) {
		f.compare(t, h.Store)
	}
	for _, name := range brawlBuckets {
		b, err := h.Bucket(t.Context(), name)
		if fault.CodeOf(err) == fault.BucketNotExists {
			continue // power was lost before it was made
		}
		if err != nil {
			t.Fatal(err)
		}
		checkVersions(t, b)
		empty(t, b)
		if err := f.finish(t.Context(), h.Store); err != nil {
			t.Error(err)
		}
		if _, err := b.DeleteBucket(t.Context(), &op.DeleteBucketInput{Bucket: name}); err != nil {
			t.Error(err)
		}
	}
	sweep(t, h.Store)
	awaitOrphans(t, h.Store)
	if err := h.close(); err != nil {
		t.Error(err)
	}
	if left := usage(t, fsys, packsDir); left > 0 {
		t.Errorf("packs take %d bytes when all is deleted; want none", left)
	}
	checkRows(t, fsys)
}

// awaitOrphans waits until what a loss of power has left is removed, which the store does by itself when it starts.
func awaitOrphans(t *testing.T, s *store.Store) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; yield(1000) {
		r, err := s.Check(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if r.OrphanBytes == 0 {
			return
		}
		if time.Now().After(end) {
			t.Errorf("%d bytes without a name stay", r.OrphanBytes)
			return
		}
	}
}

// there reports whether the copied bucket is there, with all that is set of it.
func there(t *testing.T, s *store.Store) bool {
	t.Helper()
	b, err := s.Bucket(t.Context(), copiedBucket)
	if fault.CodeOf(err) == fault.BucketNotExists {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	out, err := b.GetBucketReplication(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return len(out.Rules) > 0
}

// checkVersions checks what a listing of all versions says, by reading them, and the statistics by the listing.
func checkVersions(t *testing.T, b *store.Bucket) {
	t.Helper()
	out, err := b.ListObjectVersions(t.Context(), &op.ListObjectVersionsInput{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	var size int64
	last, nulls := "", make(map[string]bool)
	for _, v := range out.Keys {
		size += v.Size
		if v.IsLatest != (v.Key != last) {
			t.Errorf("version %s of %q is current: %t", v.VersionID, v.Key, v.IsLatest)
		}
		if last = v.Key; v.VersionID == "null" {
			if nulls[v.Key] {
				t.Errorf("two versions of %q are called null", v.Key)
			}
			nulls[v.Key] = true
		}
		if v.DeleteMarker {
			continue
		}
		if err := checkVersion(t.Context(), b, v); err != nil {
			t.Errorf("version %s of %q: %v", v.VersionID, v.Key, err)
		}
	}
	count(t, "versions", len(out.Keys))
	st, err := b.GetBucketStatistics(t.Context(), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if st.Count != int64(len(out.Keys)) || st.Size != size {
		t.Errorf("statistics say %d versions of %d bytes; want %d of %d", st.Count, st.Size, len(out.Keys), size)
	}
}

// checkVersion reads a version, and compares it with its entry of a listing.
func checkVersion(ctx context.Context, b *store.Bucket, v op.ObjectVersion) error {
	o, err := b.Version(ctx, v.Key, v.VersionID)
	if err != nil {
		return err
	}
	defer o.Close()
	data, secret, err := readLocked(ctx, o)
	if err != nil {
		return err
	}
	if v.Encrypted != (secret > 0) || int64(len(data)) != v.Size {
		return fmt.Errorf("%d bytes with key %d; listed with %d bytes, encrypted %t", len(data), secret, v.Size, v.Encrypted)
	}
	if sum := fmt.Sprintf("%x", md5.Sum(data)); !strings.Contains(v.ETag, "-") && sum != strings.Trim(v.ETag, `"`) {
		return fmt.Errorf("the bytes have the MD5 %s, and the ETag is %s", sum, v.ETag)
	}
	return nil
}

// empty deletes all versions of a bucket, and aborts its uploads.
func empty(t *testing.T, b *store.Bucket) {
	t.Helper()
	out, err := b.ListObjectVersions(t.Context(), &op.ListObjectVersionsInput{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range out.Keys {
		if _, err := b.DeleteObject(t.Context(), &op.DeleteObjectInput{Key: v.Key, VersionID: v.VersionID}); err != nil {
			t.Error(err)
		}
	}
	ups, err := b.ListMultipartUploads(t.Context(), &op.ListMultipartUploadsInput{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range ups.Uploads {
		if _, err := b.AbortMultipartUpload(t.Context(), &op.AbortMultipartUploadInput{Key: u.Key, UploadID: u.UploadID}); err != nil {
			t.Error(err)
		}
	}
}

// checkRows wants no rows but those that a store has without buckets: users, access keys, its starts, the scrub, and the last runs of jobs.
func checkRows(t *testing.T, fsys vfs.FS) {
	t.Helper()
	m, err := pebblemeta.Open(pebblemeta.Options{FS: fsys, Dir: dataDir + "/meta"})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	snap, err := m.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	err = snap.Walk([]byte{1}, nil, func(r meta.Row) ([]byte, bool) {
		if !strings.ContainsRune("wklsj", rune(r.Key[0])) {
			t.Errorf("row %q is left: %q", r.Key, r.Val)
		}
		return nil, false
	})
	if err != nil {
		t.Error(err)
	}
}
