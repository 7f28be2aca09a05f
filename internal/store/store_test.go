package store_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/store/storetest"
	"github.com/oisproject/ois/internal/vfs"
)

// newBucket starts a store in memory and makes a bucket in it. The test ends with a check of the
// store, after which it is closed.
func newBucket(t *testing.T) (*store.Store, *store.Bucket) {
	t.Helper()
	s := storetest.Open(t, vfs.NewMem())
	t.Cleanup(func() {
		checkClean(t, s)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, makeBucket(t, s, "test-bucket")
}

func makeBucket(t *testing.T, s *store.Store, name string) *store.Bucket {
	t.Helper()
	if _, err := s.PutBucket(t.Context(), store.RootUser, "jn1a", &op.PutBucketInput{Bucket: name}); err != nil {
		t.Fatal(err)
	}
	b, err := s.Bucket(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func checkClean(t *testing.T, s *store.Store) *store.Report {
	t.Helper()
	r, err := s.Check(context.WithoutCancel(t.Context())) // it is called when the test has ended, too
	if err != nil {
		t.Fatalf("check: %v", err)
	}
	if !r.Clean() {
		t.Fatalf("check: %s", strings.Join(r.Problems, "\n"))
	}
	return r
}

func put(t *testing.T, b *store.Bucket, key, data string) {
	t.Helper()
	_, err := b.PutObject(t.Context(), &op.PutObjectInput{Key: key, Body: strings.NewReader(data), ContentLength: int64(len(data))})
	if err != nil {
		t.Fatalf("put %q: %v", key, err)
	}
}

func get(t *testing.T, b *store.Bucket, key string) (string, error) {
	t.Helper()
	o, err := b.Object(t.Context(), key)
	if err != nil {
		return "", err
	}
	defer o.Close()
	r, err := o.Open(t.Context(), 0, o.Info().Size)
	if err != nil {
		return "", err
	}
	data, err := io.ReadAll(r)
	return string(data), errors.Join(err, r.Close())
}

// wantObject checks the content of an object; want "" with absent means that there is none.
func wantObject(t *testing.T, b *store.Bucket, key, want string) {
	t.Helper()
	if got, err := get(t, b, key); err != nil || got != want {
		t.Errorf("get %q = %.60q, %v; want %.60q", key, got, err, want)
	}
}

func wantCode(t *testing.T, err error, want fault.Code) {
	t.Helper()
	if err == nil || fault.CodeOf(err) != want {
		t.Errorf("error is %v; want %s", err, want)
	}
}

func TestObjectComesBackAsItWasPut(t *testing.T) {
	_, b := newBucket(t)
	in := &op.PutObjectInput{
		Key: "docs/中文 (v1).txt", Body: strings.NewReader("hello ois\n"), ContentLength: 10, ContentMD5: "RtzBY98ppfsXRuHJlzic8g==",
		ContentType: "text/plain", CacheControl: "no-store", StorageClass: "standard_ia", Metadata: map[string]string{"author": "team a"},
	}
	out, err := b.PutObject(t.Context(), in)
	if err != nil || out.ETag != `"46dcc163df29a5fb1746e1c997389cf2"` {
		t.Fatalf("put = %+v, %v", out, err)
	}
	o, err := b.Object(t.Context(), in.Key)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	i := o.Info()
	if i.Size != 10 || i.ETag != out.ETag || i.StorageClass != "STANDARD_IA" || i.ContentType != "text/plain" || i.CacheControl != "no-store" || i.Metadata["author"] != "team a" {
		t.Errorf("info = %+v", i)
	}
	r, err := o.Open(t.Context(), 6, 3)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := r.Read(nil); n != 0 || err != nil {
		t.Errorf("read of nothing = %d, %v", n, err)
	}
	if got, err := io.ReadAll(r); string(got) != "ois" || err != nil {
		t.Errorf("bytes 6 to 8 = %q, %v; want %q", got, err, "ois")
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

func TestPutRefusesWhatIsNotAllowedAndLeavesNothing(t *testing.T) {
	s, b := newBucket(t)
	long := strings.Repeat("x", 1024)
	for name, c := range map[string]struct {
		in   op.PutObjectInput
		want fault.Code
	}{
		"no key":               {op.PutObjectInput{}, fault.InvalidObjectName},
		"long key":             {op.PutObjectInput{Key: long}, fault.InvalidObjectName},
		"slash first":          {op.PutObjectInput{Key: "/a"}, fault.InvalidObjectName},
		"not UTF-8":            {op.PutObjectInput{Key: "a\xff"}, fault.InvalidObjectName},
		"class":                {op.PutObjectInput{Key: "a", StorageClass: "GLACIER"}, fault.InvalidRequest},
		"type":                 {op.PutObjectInput{Key: "a", ContentType: long}, fault.InvalidArgument},
		"metadata too large":   {op.PutObjectInput{Key: "a", Metadata: map[string]string{"m": strings.Repeat("x", 2048)}}, fault.MetadataTooLarge},
		"metadata name":        {op.PutObjectInput{Key: "a", Metadata: map[string]string{"a b": "x"}}, fault.InvalidArgument},
		"metadata name length": {op.PutObjectInput{Key: "a", Metadata: map[string]string{long[:513]: "x"}}, fault.MetadataTooLarge},
		"metadata value":       {op.PutObjectInput{Key: "a", Metadata: map[string]string{"a": "é"}}, fault.InvalidArgument},
		"MD5 syntax":           {op.PutObjectInput{Key: "a", ContentMD5: "abc"}, fault.InvalidArgument},
		"MD5 in base64":        {op.PutObjectInput{Key: "a", ContentMD5: "AAAAAAAAAAAAAAAAAAAAAA=="}, fault.BadDigest},
		"MD5 in hex":           {op.PutObjectInput{Key: "a", ContentMD5: strings.Repeat("0", 32)}, fault.BadDigest},
		"short body":           {op.PutObjectInput{Key: "a", ContentLength: 100}, fault.IncompleteBody},
		"large body":           {op.PutObjectInput{Key: "a", ContentLength: 5<<30 + 1}, fault.EntityTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			in := c.in
			in.Body = strings.NewReader("hello")
			if in.ContentLength == 0 {
				in.ContentLength = 5
			}
			_, err := b.PutObject(t.Context(), &in)
			wantCode(t, err, c.want)
		})
	}
	if r := checkClean(t, s); r.Objects != 0 || r.Blobs != 0 {
		t.Errorf("refused writes left %+v", r)
	}
}

func TestBodyThatBreaksStoresNothing(t *testing.T) {
	_, b := newBucket(t)
	put(t, b, "a", "old")
	for _, n := range []int64{-1, 1 << 20} {
		body := io.MultiReader(strings.NewReader(strings.Repeat("x", 100_000)), iotestErr{io.ErrUnexpectedEOF})
		_, err := b.PutObject(t.Context(), &op.PutObjectInput{Key: "a", Body: body, ContentLength: n})
		wantCode(t, err, fault.IncompleteBody)
	}
	wantObject(t, b, "a", "old")
}

type iotestErr struct{ err error }

func (r iotestErr) Read([]byte) (int, error) { return 0, r.err }

func TestOverwrittenAndDeletedBytesAreGivenBack(t *testing.T) {
	fsys := vfs.NewMem()
	s := storetest.Open(t, fsys)
	defer s.Close()
	b := makeBucket(t, s, "test-bucket")
	for i := range 10 {
		put(t, b, "a", big(fmt.Sprint("version ", i)))
		put(t, b, fmt.Sprint("k", i), big("x"))
	}
	for i := range 10 {
		if _, err := b.DeleteObject(t.Context(), &op.DeleteObjectInput{Key: fmt.Sprint("k", i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := countBlobs(t, fsys); n != 1 {
		t.Errorf("%d blobs are left; want 1", n)
	}
	wantObject(t, b, "a", big("version 9"))
}

// big returns text that is too long to lie beside the row of its object.
func big(text string) string { return text + strings.Repeat(" ", 20_000) }

// countBlobs counts the blobs in all packs, by what they begin with.
func countBlobs(t *testing.T, fsys vfs.FS) (n int) {
	t.Helper()
	var count func(dir string)
	count = func(dir string) {
		names, err := fsys.List(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			path := fsys.PathJoin(dir, name)
			if !strings.HasSuffix(name, ".pack") {
				count(path)
				continue
			}
			data, err := vfs.ReadFile(fsys, path, 1<<30)
			if err != nil {
				t.Fatal(err)
			}
			for page := range slices.Chunk(data, 4096) {
				if bytes.HasPrefix(page, []byte("OISB")) {
					n++
				}
			}
		}
	}
	count("blobs")
	return n
}

func TestReaderKeepsWhatItReads(t *testing.T) {
	s, b := newBucket(t)
	data := strings.Repeat("0123456789", 50_000)
	put(t, b, "a", data)
	o, err := b.Object(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	put(t, b, "a", "new")
	if err := s.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	r, err := o.Open(t.Context(), 0, o.Info().Size)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err != nil || string(got) != data {
		t.Errorf("an object replaced while it was read gave %d bytes, %v; want %d", len(got), err, len(data))
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	o.Close()
	wantObject(t, b, "a", "new")
}

func TestListPages(t *testing.T) {
	_, b := newBucket(t)
	keys := []string{"a", "a/", "a/b", "a/c/d", "a/c/e", "b", "c/", "c/x", "中", "中/文"}
	for _, k := range keys {
		put(t, b, k, "x")
	}
	for _, c := range []struct {
		name, prefix, delimiter string
		limit                   int64
		want                    []string
	}{
		{"all", "", "", 0, keys},
		{"one at a time", "", "", 1, keys},
		{"prefix", "a/", "", 2, []string{"a/", "a/b", "a/c/d", "a/c/e"}},
		{"delimiter", "", "/", 0, []string{"a", "a/", "b", "c/", "中", "中/"}},
		{"delimiter, one at a time", "", "/", 1, []string{"a", "a/", "b", "c/", "中", "中/"}},
		{"delimiter below a prefix", "a/", "/", 2, []string{"a/", "a/b", "a/c/"}},
		{"delimiter of two characters", "", "/c", 3, []string{"a", "a/", "a/b", "a/c", "b", "c/", "c/x", "中", "中/文"}},
		{"nothing", "zz", "/", 1, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			in := &op.ListObjectsInput{Prefix: c.prefix, Delimiter: c.delimiter, Limit: c.limit}
			for pages := 0; ; pages++ {
				out, err := b.ListObjects(t.Context(), in)
				if err != nil || pages > len(keys) {
					t.Fatalf("page %d: %v", pages, err)
				}
				page := slices.Clone(out.CommonPrefixes)
				for _, o := range out.Keys {
					page = append(page, o.Key)
				}
				slices.Sort(page)
				got = append(got, page...)
				if out.HasMore != (out.NextMarker != "") {
					t.Errorf("has_more %t with next_marker %q", out.HasMore, out.NextMarker)
				}
				if !out.HasMore {
					break
				}
				in.Marker = out.NextMarker
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("listed %q; want %q", got, c.want)
			}
		})
	}
	_, err := b.ListObjects(t.Context(), &op.ListObjectsInput{Limit: -1})
	wantCode(t, err, fault.InvalidArgument)
}

func TestStatisticsAreExactAtOnce(t *testing.T) {
	_, b := newBucket(t)
	put(t, b, "a", "12345")
	put(t, b, "a", "123")
	put(t, b, "b", "1")
	ia := &op.PutObjectInput{Key: "c", Body: strings.NewReader("1234"), ContentLength: 4, StorageClass: "STANDARD_IA"}
	if _, err := b.PutObject(t.Context(), ia); err != nil {
		t.Fatal(err)
	}
	if _, err := b.DeleteObject(t.Context(), &op.DeleteObjectInput{Key: "b"}); err != nil {
		t.Fatal(err)
	}
	out, err := b.GetBucketStatistics(t.Context(), "host", &op.GetBucketStatisticsInput{})
	if err != nil || out.Count != 2 || out.Size != 7 || out.StorageClasses["STANDARD"].Size != 3 || out.StorageClasses["STANDARD_IA"].Count != 1 {
		t.Errorf("statistics = %+v, %v", out, err)
	}
}

func TestBucketLife(t *testing.T) {
	s, b := newBucket(t)
	ctx := t.Context()
	for _, name := range []string{"", "short", "Upper-case", "-bucket", "bucket-", "buck_et", "buck.et", strings.Repeat("b", 64), "中文中文中文"} {
		_, err := s.PutBucket(ctx, store.RootUser, "jn1a", &op.PutBucketInput{Bucket: name})
		wantCode(t, err, fault.InvalidBucketName)
	}
	_, err := s.PutBucket(ctx, store.RootUser, "jn1a", &op.PutBucketInput{Bucket: "test-bucket"})
	wantCode(t, err, fault.BucketAlreadyExists)
	put(t, b, "a", "x")
	_, err = b.DeleteBucket(ctx, nil)
	wantCode(t, err, fault.BucketNotEmpty)
	if _, err := b.DeleteObject(ctx, &op.DeleteObjectInput{Key: "a"}); err != nil {
		t.Fatal(err)
	}
	up, err := b.InitiateMultipartUpload(ctx, &op.InitiateMultipartUploadInput{Key: "u"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.DeleteBucket(ctx, nil)
	wantCode(t, err, fault.BucketNotEmpty)
	if _, err := b.AbortMultipartUpload(ctx, &op.AbortMultipartUploadInput{Key: "u", UploadID: up.UploadID}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.DeleteBucket(ctx, nil); err != nil {
		t.Fatal(err)
	}
	_, err = s.Bucket(ctx, "test-bucket")
	wantCode(t, err, fault.BucketNotExists)
	makeBucket(t, s, "test-bucket")
	// b is the bucket that was; another has taken its name.
	_, err = b.PutObject(ctx, &op.PutObjectInput{Key: "a", Body: strings.NewReader("x"), ContentLength: 1})
	wantCode(t, err, fault.BucketNotExists)
	_, err = b.DeleteBucket(ctx, nil)
	wantCode(t, err, fault.BucketNotExists)
}

// TestDeleteBucketAgainstWriters lets writers race with a deletion: either the bucket is gone and no write was
// acknowledged after, or it is there with all that was acknowledged.
func TestDeleteBucketAgainstWriters(t *testing.T) {
	s, _ := newBucket(t)
	for round := range 20 {
		name := fmt.Sprint("race-bucket-", round)
		b := makeBucket(t, s, name)
		var wg sync.WaitGroup
		acked := make([]bool, 4)
		for i := range acked {
			wg.Go(func() {
				_, err := b.PutObject(t.Context(), &op.PutObjectInput{Key: fmt.Sprint(i), Body: strings.NewReader("x"), ContentLength: 1})
				acked[i] = err == nil
				if err != nil {
					wantCode(t, err, fault.BucketNotExists)
				}
			})
		}
		_, err := b.DeleteBucket(t.Context(), nil)
		wg.Wait()
		if err == nil && slices.Contains(acked, true) {
			t.Errorf("round %d: the bucket was deleted with acknowledged writes %v", round, acked)
		}
		if err == nil {
			continue
		}
		wantCode(t, err, fault.BucketNotEmpty)
		for i, ok := range acked {
			if ok {
				wantObject(t, b, fmt.Sprint(i), "x")
			} else {
				t.Errorf("round %d: write %d was refused, though the bucket stayed", round, i)
			}
		}
	}
}

func TestDeleteMultiple(t *testing.T) {
	_, b := newBucket(t)
	put(t, b, "a", "x")
	put(t, b, "b", "x")
	in := &op.DeleteMultipleObjectsInput{Objects: []op.ObjectToDelete{{Key: "a"}, {Key: "never"}, {Key: "a"}}}
	out, err := b.DeleteMultipleObjects(t.Context(), in)
	if err != nil || len(out.Deleted) != 3 {
		t.Errorf("delete = %+v, %v", out, err)
	}
	in.Quiet = true
	if out, err = b.DeleteMultipleObjects(t.Context(), in); err != nil || len(out.Deleted) != 0 {
		t.Errorf("quiet delete = %+v, %v", out, err)
	}
	wantObject(t, b, "b", "x")
	_, err = get(t, b, "a")
	wantCode(t, err, fault.ObjectNotExists)
	_, err = b.DeleteMultipleObjects(t.Context(), &op.DeleteMultipleObjectsInput{Objects: make([]op.ObjectToDelete, 1001)})
	wantCode(t, err, fault.TooManyObjects)
	for _, objects := range [][]op.ObjectToDelete{nil, {{Key: "b"}, {}}} {
		_, err = b.DeleteMultipleObjects(t.Context(), &op.DeleteMultipleObjectsInput{Objects: objects})
		wantCode(t, err, fault.InvalidRequest)
	}
	wantObject(t, b, "b", "x")
}

func TestUsersAndKeys(t *testing.T) {
	s, b := newBucket(t)
	ctx := t.Context()
	u, err := s.CreateUser(ctx, "alice")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", " ", "bob ", "\xff", "a\nb", strings.Repeat("x", 65)} {
		if _, err := s.CreateUser(ctx, name); err == nil {
			t.Errorf("the user name %q was accepted", name)
		}
	}
	if _, err := s.CreateUser(ctx, "alice"); !errors.Is(err, store.ErrUserExists) {
		t.Errorf("create alice again: %v; want ErrUserExists", err)
	}
	k, err := s.CreateKey(ctx, u.ID)
	if err != nil || len(k.ID) != 20 || len(k.Secret) != 40 {
		t.Fatalf("create key = %+v, %v", k, err)
	}
	secret, user, ok, err := s.Key(ctx, k.ID)
	if secret != k.Secret || user != u.ID || !ok || err != nil {
		t.Errorf("key = %q, %q, %t, %v", secret, user, ok, err)
	}
	if list, err := s.ListKeys(ctx, u.ID); err != nil || len(list) != 1 || list[0].Secret != "" {
		t.Errorf("list keys = %+v, %v; want one without its secret", list, err)
	}
	_, err = b.PutBucketACL(ctx, &op.PutBucketACLInput{ACL: []op.Grant{{Grantee: op.Grantee{Type: "user", ID: u.ID}, Permission: "READ"}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutBucket(ctx, u.ID, "jn1a", &op.PutBucketInput{Bucket: "alices-bucket"}); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteUser(ctx, u.ID); !errors.Is(err, store.ErrUserInUse) {
		t.Errorf("delete a user with a bucket: %v; want ErrUserInUse", err)
	}
	ab, err := s.Bucket(ctx, "alices-bucket")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ab.DeleteBucket(ctx, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteUser(ctx, u.ID); err != nil {
		t.Fatal(err)
	}
	if b, err = s.Bucket(ctx, "test-bucket"); err != nil {
		t.Fatal(err)
	}
	acl, err := b.GetBucketACL(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.PutBucketACL(ctx, &op.PutBucketACLInput{ACL: acl.ACL}); err != nil {
		t.Errorf("put back an ACL with a user that is gone: %v", err)
	}
	if _, _, ok, err := s.Key(ctx, k.ID); ok || err != nil {
		t.Errorf("the key of a deleted user is there: %t, %v", ok, err)
	}
	if err := s.DeleteUser(ctx, store.RootUser); err == nil {
		t.Error("the root user was deleted")
	}
	if err := s.DeleteKey(ctx, k.ID); !errors.Is(err, store.ErrKeyNotExist) {
		t.Errorf("delete a missing key: %v; want ErrKeyNotExist", err)
	}
}

func TestACL(t *testing.T) {
	s, b := newBucket(t)
	ctx := t.Context()
	for name, g := range map[string]op.Grant{
		"permission":   {Grantee: op.Grantee{Type: "group", Name: "QS_ALL_USERS"}, Permission: "READ_ACP"},
		"group":        {Grantee: op.Grantee{Type: "group", Name: "EVERYBODY"}, Permission: "READ"},
		"type":         {Grantee: op.Grantee{Type: "email", Name: "a"}, Permission: "READ"},
		"user":         {Grantee: op.Grantee{Type: "user"}, Permission: "READ"},
		"unknown user": {Grantee: op.Grantee{Type: "user", ID: "usr-nobody"}, Permission: "READ"},
	} {
		_, err := b.PutBucketACL(ctx, &op.PutBucketACLInput{ACL: []op.Grant{g}})
		if err == nil || fault.CodeOf(err) != fault.InvalidRequest {
			t.Errorf("%s: %v; want invalid_request", name, err)
		}
	}
	all := op.Grant{Grantee: op.Grantee{Type: "group", Name: "QS_ALL_USERS"}, Permission: "FULL_CONTROL"}
	owner := op.Grant{Grantee: op.Grantee{Type: "user", ID: store.RootUser}, Permission: "FULL_CONTROL"}
	if _, err := b.PutBucketACL(ctx, &op.PutBucketACLInput{ACL: []op.Grant{all, owner, all}}); err != nil {
		t.Fatal(err)
	}
	b, err := s.Bucket(ctx, "test-bucket")
	if err != nil {
		t.Fatal(err)
	}
	out, err := b.GetBucketACL(ctx, nil)
	if err != nil || out.Owner.ID != store.RootUser || len(out.ACL) != 2 || out.ACL[0].Grantee.Name != "root" || out.ACL[1] != all {
		t.Errorf("acl = %+v, %v", out, err)
	}
}

func TestFsckFindsAFlippedBit(t *testing.T) {
	fsys := vfs.NewMem()
	s := storetest.Open(t, fsys)
	defer s.Close()
	b := makeBucket(t, s, "test-bucket")
	put(t, b, "a", strings.Repeat("x", 100_000))
	flip(t, fsys, "blobs")
	r, err := s.Check(t.Context())
	if err != nil || len(r.Problems) != 1 || !strings.HasPrefix(r.Problems[0], `object test-bucket/"a": blob `) {
		t.Errorf("check = %+v, %v; want one problem that names the object", r, err)
	}
	if _, err := get(t, b, "a"); err == nil || fault.CodeOf(err) != fault.InternalError {
		t.Errorf("get of a damaged object: %v; want an internal error", err)
	}
}

// TestHalfAStoreIsRefused stands for a volume that is not mounted, or half a restore: the
// blobs must not be taken for orphans, nor new ones be written elsewhere.
func TestHalfAStoreIsRefused(t *testing.T) {
	for _, half := range []string{"meta", "blobs"} {
		t.Run("without "+half, func(t *testing.T) { testHalf(t, half) })
	}
}

func testHalf(t *testing.T, missing string) {
	fsys := vfs.NewMem()
	s := storetest.Open(t, fsys)
	put(t, makeBucket(t, s, "test-bucket"), "a", big("x"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := fsys.RemoveAll(missing); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		m, b := storetest.Engines(t, fsys)
		if _, err := store.Open(t.Context(), store.Options{Meta: m, Blobs: b}); !errors.Is(err, store.ErrMismatch) {
			t.Fatalf("open: %v; want ErrMismatch", err)
		}
	}
	if n := countBlobs(t, fsys); missing == "meta" && n != 1 {
		t.Errorf("%d blobs are left; want 1", n)
	}
}

// flip flips a bit in the middle of every blob below dir.
func flip(t *testing.T, fsys vfs.FS, dir string) {
	t.Helper()
	names, err := fsys.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		path := fsys.PathJoin(dir, name)
		fi, err := fsys.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if fi.IsDir() {
			flip(t, fsys, path)
			continue
		}
		f, err := fsys.OpenReadWrite(path, "test")
		if err != nil {
			t.Fatal(err)
		}
		var one [1]byte
		if _, err := f.ReadAt(one[:], fi.Size()/2); err != nil {
			t.Fatal(err)
		}
		one[0] ^= 1
		if _, err := f.WriteAt(one[:], fi.Size()/2); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func md5Quoted(data []byte) string { return fmt.Sprintf(`"%x"`, md5.Sum(data)) }

func upload(t *testing.T, b *store.Bucket, key, id string, n int64, data []byte) string {
	t.Helper()
	out, err := b.UploadMultipart(t.Context(), &op.UploadMultipartInput{Key: key, UploadID: id, PartNumber: n, Body: bytes.NewReader(data), ContentLength: int64(len(data))})
	if err != nil {
		t.Fatalf("part %d: %v", n, err)
	}
	return out.ETag
}
