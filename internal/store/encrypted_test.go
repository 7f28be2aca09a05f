package store_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/store/storetest"
	"github.com/oisproject/ois/internal/vfs"
)

// A secret is the three headers of a key.
type secret struct{ algorithm, key, md5 string }

func newSecret(text string) secret {
	sum := md5.Sum([]byte(text))
	return secret{"AES256", base64.StdEncoding.EncodeToString([]byte(text)), base64.StdEncoding.EncodeToString(sum[:])}
}

const rawKey = "0123456789abcdef0123456789abcdef"

var (
	noKey    secret
	ourKey   = newSecret(rawKey)
	otherKey = newSecret("ANOTHER KEY OF EXACTLY 32 BYTES!")
)

// unlock opens an object with a key.
func unlock(o *store.Object, k secret) error {
	key, err := store.CustomerKey(store.KeyHeaders, k.algorithm, k.key, k.md5)
	if err != nil {
		return err
	}
	return o.Unlock(key)
}

func putSealed(t *testing.T, b *store.Bucket, k secret, key, data string) *op.PutObjectOutput {
	t.Helper()
	out, err := b.PutObject(t.Context(), &op.PutObjectInput{
		Key: key, Body: strings.NewReader(data), ContentLength: int64(len(data)),
		EncryptionCustomerAlgorithm: k.algorithm, EncryptionCustomerKey: k.key, EncryptionCustomerKeyMD5: k.md5,
	})
	if err != nil {
		t.Fatalf("put %q: %v", key, err)
	}
	return out
}

// getSealed reads n bytes from off of an object, to its end if n is negative.
func getSealed(t *testing.T, b *store.Bucket, k secret, key string, off, n int64) (string, error) {
	t.Helper()
	o, err := b.Object(t.Context(), key)
	if err != nil {
		return "", err
	}
	defer o.Close()
	if err := unlock(o, k); err != nil {
		return "", err
	}
	if n < 0 {
		n = o.Info().Size - off
	}
	r, err := o.Open(t.Context(), off, n)
	if err != nil {
		return "", err
	}
	var data []byte
	if n%2 == 0 { // both ways to read
		data, err = io.ReadAll(struct{ io.Reader }{r})
	} else {
		var buf bytes.Buffer
		_, err = r.(io.WriterTo).WriteTo(&buf)
		data = buf.Bytes()
	}
	return string(data), errors.Join(err, r.Close())
}

func wantSealed(t *testing.T, b *store.Bucket, k secret, key, want string) {
	t.Helper()
	got, err := getSealed(t, b, k, key, 0, -1)
	if err != nil || got != want {
		t.Errorf("get %q: %d bytes, %v; want %d bytes", key, len(got), err, len(want))
	}
}

const sealedChunk = 64<<10 - 16 // bytes of an object in a sealed chunk

func TestEncryptedObjectsComeBack(t *testing.T) {
	_, b := newBucket(t)
	total := int64(0)
	sizes := []int{0, 1, 1000, 16 << 10, 16<<10 + 1, sealedChunk - 1, sealedChunk, sealedChunk + 1, 2*sealedChunk + 1, 1<<20 + 7}
	for _, size := range sizes {
		data := string(noise(size, uint64(size)))
		total += int64(size)
		key := fmt.Sprint("size-", size)
		out := putSealed(t, b, ourKey, key, data)
		if want := fmt.Sprintf(`"%x"`, md5.Sum([]byte(data))); out.ETag != want || out.EncryptionCustomerAlgorithm != "AES256" || out.EncryptionCustomerKeyMD5 != ourKey.md5 {
			t.Errorf("put of %d bytes = %+v; want the ETag %s and the key", size, out, want)
		}
		wantSealed(t, b, ourKey, key, data)
		for _, off := range boundaries(size) {
			for _, end := range boundaries(size) {
				if off > end {
					continue
				}
				got, err := getSealed(t, b, ourKey, key, int64(off), int64(end-off))
				if err != nil || got != data[off:end] {
					t.Fatalf("bytes %d to %d of %d: got %d bytes, %v", off, end, size, len(got), err)
				}
			}
		}
		for _, k := range []secret{noKey, otherKey} {
			_, err := getSealed(t, b, k, key, 0, -1)
			wantCode(t, err, fault.InvalidArgument)
		}
		_, err := get(t, b, key) // without asking for the key
		wantCode(t, err, fault.InvalidArgument)
		info, err := b.Stat(t.Context(), key)
		if err != nil || info.Size != int64(size) || info.Encryption != "AES256" {
			t.Errorf("stat = %+v, %v", info, err)
		}
	}
	put(t, b, "plain", "plain")
	_, err := getSealed(t, b, ourKey, "plain", 0, -1)
	wantCode(t, err, fault.InvalidArgument)

	list, err := b.ListObjects(t.Context(), &op.ListObjectsInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range list.Keys {
		if o.Encrypted != (o.Key != "plain") {
			t.Errorf("listing says of %s: encrypted %v", o.Key, o.Encrypted)
		}
	}
	st, err := b.GetBucketStatistics(t.Context(), "h", &op.GetBucketStatisticsInput{})
	if err != nil || st.Size != total+5 || st.Count != int64(len(sizes)+1) {
		t.Errorf("statistics = %+v, %v; want %d bytes", st, err, total+5)
	}
}

// boundaries returns offsets at and beside the ends of chunks.
func boundaries(size int) []int {
	list := []int{0, size}
	for _, at := range []int{1, sealedChunk - 1, sealedChunk, sealedChunk + 1, 64 << 10, 2 * sealedChunk, size - 1} {
		if at > 0 && at < size {
			list = append(list, at)
		}
	}
	return list
}

func TestEncryptedBodyOfUnknownLength(t *testing.T) {
	_, b := newBucket(t)
	for _, size := range []int{0, 100, 16<<10 + 1, sealedChunk, 300_000} {
		data := string(noise(size, 1))
		_, err := b.PutObject(t.Context(), &op.PutObjectInput{
			Key: "k", Body: strings.NewReader(data), ContentLength: -1,
			EncryptionCustomerAlgorithm: ourKey.algorithm, EncryptionCustomerKey: ourKey.key, EncryptionCustomerKeyMD5: ourKey.md5,
		})
		if err != nil {
			t.Fatal(err)
		}
		wantSealed(t, b, ourKey, "k", data)
	}
}

func TestEncryptedBodiesThatAreWrongLeaveNothing(t *testing.T) {
	for _, size := range []int{100, 100_000} {
		_, b := newBucket(t)
		in := op.PutObjectInput{
			Key: "k", ContentLength: int64(size),
			EncryptionCustomerAlgorithm: ourKey.algorithm, EncryptionCustomerKey: ourKey.key, EncryptionCustomerKeyMD5: ourKey.md5,
		}
		bad := in
		bad.Body, bad.ContentMD5 = bytes.NewReader(noise(size, 1)), "RtzBY98ppfsXRuHJlzic8g=="
		_, err := b.PutObject(t.Context(), &bad)
		wantCode(t, err, fault.BadDigest)
		short := in
		short.Body = bytes.NewReader(noise(size-1, 1))
		_, err = b.PutObject(t.Context(), &short)
		wantCode(t, err, fault.IncompleteBody)
		good := in
		data := noise(size, 1)
		sum := md5.Sum(data)
		good.Body, good.ContentMD5 = bytes.NewReader(data), base64.StdEncoding.EncodeToString(sum[:])
		if _, err := b.PutObject(t.Context(), &good); err != nil {
			t.Errorf("right MD5 of the bytes before they are encrypted: %v", err)
		}
		nothing := in
		nothing.EncryptionCustomerKeyMD5 = otherKey.md5
		_, err = b.PutObject(t.Context(), &nothing)
		wantCode(t, err, fault.InvalidArgument)
	}
}

func initiateSealed(t *testing.T, b *store.Bucket, k secret, key string) string {
	t.Helper()
	out, err := b.InitiateMultipartUpload(t.Context(), &op.InitiateMultipartUploadInput{
		Key: key, EncryptionCustomerAlgorithm: k.algorithm, EncryptionCustomerKey: k.key, EncryptionCustomerKeyMD5: k.md5,
	})
	if err != nil || out.EncryptionCustomerAlgorithm != k.algorithm || out.EncryptionCustomerKeyMD5 != k.md5 {
		t.Fatalf("initiate = %+v, %v", out, err)
	}
	return out.UploadID
}

func uploadSealed(t *testing.T, b *store.Bucket, k secret, key, id string, number int64, data []byte) error {
	t.Helper()
	out, err := b.UploadMultipart(t.Context(), &op.UploadMultipartInput{
		Key: key, UploadID: id, PartNumber: number, Body: bytes.NewReader(data), ContentLength: int64(len(data)),
		EncryptionCustomerAlgorithm: k.algorithm, EncryptionCustomerKey: k.key, EncryptionCustomerKeyMD5: k.md5,
	})
	if err == nil && (out.ETag != fmt.Sprintf(`"%x"`, md5.Sum(data)) || out.EncryptionCustomerAlgorithm != k.algorithm) {
		t.Errorf("upload = %+v", out)
	}
	return err
}

// makeSealed uploads an object in parts, the last of which is short.
func makeSealed(t *testing.T, b *store.Bucket, k secret, key string, parts int) string {
	t.Helper()
	id := initiateSealed(t, b, k, key)
	var all []byte
	var numbers []int64
	for n := range parts {
		data := noise(store.MinPart+n, uint64(n))
		if n == parts-1 {
			data = data[:sealedChunk+1]
		}
		if err := uploadSealed(t, b, k, key, id, int64(n), data); err != nil {
			t.Fatal(err)
		}
		all = append(all, data...)
		numbers = append(numbers, int64(n))
	}
	out, err := complete(t, b, key, id, numbers...)
	if err != nil || out.EncryptionCustomerAlgorithm != k.algorithm {
		t.Fatalf("complete = %+v, %v", out, err)
	}
	return string(all)
}

func TestEncryptedMultipart(t *testing.T) {
	for _, parts := range []int{1, 2, 9} { // extents in the row, and part rows that are taken over
		t.Run(fmt.Sprint(parts, " parts"), func(t *testing.T) {
			t.Parallel()
			_, b := newBucket(t)
			data := makeSealed(t, b, ourKey, "big", parts)
			wantSealed(t, b, ourKey, "big", data)
			size, end := int64(len(data)), int64(0)
			for n := range parts {
				end += int64(store.MinPart + n) // where the next part begins
				for _, off := range []int64{end - 1, end, end + 1, end + sealedChunk - 1, end + sealedChunk} {
					for _, n := range []int64{1, 2, sealedChunk, 2 * sealedChunk} {
						if off < 0 || off+n > size {
							continue
						}
						if got, err := getSealed(t, b, ourKey, "big", off, n); err != nil || got != data[off:off+n] {
							t.Fatalf("%d bytes from %d: got %d bytes, %v", n, off, len(got), err)
						}
					}
				}
			}
			_, err := getSealed(t, b, otherKey, "big", 0, 1)
			wantCode(t, err, fault.InvalidArgument)
			if _, err := copySealed(t, b, "big", ourKey, "copy", ourKey); err != nil { // takes all salts along
				t.Fatal(err)
			}
			if _, err := b.DeleteObject(t.Context(), &op.DeleteObjectInput{Key: "big"}); err != nil {
				t.Fatal(err)
			}
			at := max(size-sealedChunk-9, 0) // the last part begins behind it
			if got, err := getSealed(t, b, ourKey, "copy", at, 20); err != nil || got != data[at:at+20] {
				t.Errorf("bytes of the copy: %q, %v", got, err)
			}
		})
	}
}

func TestPartsNeedTheKeyOfTheirUpload(t *testing.T) {
	_, b := newBucket(t)
	sealed, plain := initiateSealed(t, b, ourKey, "k"), initiate(t, b, "k")
	for _, k := range []secret{noKey, otherKey} {
		wantCode(t, uploadSealed(t, b, k, "k", sealed, 1, []byte("x")), fault.InvalidArgument)
	}
	wantCode(t, uploadSealed(t, b, ourKey, "k", plain, 1, []byte("x")), fault.InvalidArgument)
	if err := uploadSealed(t, b, ourKey, "k", sealed, 1, []byte("x")); err != nil {
		t.Error(err)
	}
	if err := uploadSealed(t, b, ourKey, "k", sealed, 2, nil); err != nil {
		t.Errorf("a part without bytes: %v", err)
	}
	put(t, b, "src", "source")
	o := object(t, b, "src")
	_, err := b.CopyPart(t.Context(), o, 0, 6, &op.CopyPartInput{Key: "k", UploadID: sealed, PartNumber: 3})
	wantCode(t, err, fault.InvalidArgument)
}

// object looks an object up and keeps it until the end of the test.
func object(t *testing.T, b *store.Bucket, key string) *store.Object {
	t.Helper()
	o, err := b.Object(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.Close)
	return o
}

func copySealed(t *testing.T, b *store.Bucket, src string, from secret, to string, target secret) (*op.CopyObjectOutput, error) {
	t.Helper()
	o, err := b.Object(t.Context(), src)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	return b.CopyObject(t.Context(), o, copyInput(to, from, target))
}

func copyInput(to string, from, target secret) *op.CopyObjectInput {
	return &op.CopyObjectInput{
		Key:                                   to,
		CopySourceEncryptionCustomerAlgorithm: from.algorithm, CopySourceEncryptionCustomerKey: from.key, CopySourceEncryptionCustomerKeyMD5: from.md5,
		EncryptionCustomerAlgorithm: target.algorithm, EncryptionCustomerKey: target.key, EncryptionCustomerKeyMD5: target.md5,
	}
}

func TestCopiesChangeTheKey(t *testing.T) {
	_, b := newBucket(t)
	sources := map[string]string{
		"empty": "", "small": "a few bytes", "large": string(noise(300_000, 1)),
		"parts": makeSealed(t, b, ourKey, "parts", 2),
	}
	for src, data := range sources {
		targets := []secret{ourKey, otherKey, noKey}
		if src == "parts" {
			targets = targets[:2] // it is long
		} else {
			putSealed(t, b, ourKey, src, data)
		}
		etag := object(t, b, src).Info().ETag
		for _, target := range targets {
			out, err := copySealed(t, b, src, ourKey, "copy", target)
			if err != nil || out.ETag != etag || out.EncryptionCustomerAlgorithm != target.algorithm || out.EncryptionCustomerKeyMD5 != target.md5 {
				t.Fatalf("copy of %s = %+v, %v; want the ETag %s and the key", src, out, err, etag)
			}
			wantSealed(t, b, target, "copy", data)
			if len(targets) < 3 {
				continue
			}
			if _, err := copySealed(t, b, "copy", target, "back", ourKey); err != nil {
				t.Fatal(err)
			}
			wantSealed(t, b, ourKey, "back", data)
		}
		for _, wrong := range []secret{noKey, otherKey} {
			_, err := copySealed(t, b, src, wrong, "copy", ourKey)
			wantCode(t, err, fault.InvalidArgument)
		}
	}
	put(t, b, "plain", "plain")
	_, err := copySealed(t, b, "plain", ourKey, "copy", ourKey)
	wantCode(t, err, fault.InvalidArgument)
}

// TestCopyWithTheSameKeyMovesNoByte: both share the blobs.
func TestCopyWithTheSameKeyMovesNoByte(t *testing.T) {
	fsys := vfs.NewMem()
	s := storetest.Open(t, fsys)
	defer s.Close()
	b := makeBucket(t, s, "test-bucket")
	data := string(noise(300_000, 1))
	putSealed(t, b, ourKey, "k", data)
	if _, err := copySealed(t, b, "k", ourKey, "copy", ourKey); err != nil {
		t.Fatal(err)
	}
	if n := countBlobs(t, fsys); n != 1 {
		t.Errorf("object and copy have %d blobs; want 1", n)
	}
	if _, err := b.DeleteObject(t.Context(), &op.DeleteObjectInput{Key: "k"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantSealed(t, b, ourKey, "copy", data)
	checkClean(t, s)
}

func TestMovedObjectsStayEncrypted(t *testing.T) {
	_, b := newBucket(t)
	for name, data := range map[string]string{"small": "some bytes", "large": string(noise(200_000, 1))} {
		putSealed(t, b, ourKey, name, data)
		out, err := b.MoveObject(t.Context(), object(t, b, name), &op.MoveObjectInput{Key: "moved"})
		if err != nil || out.EncryptionCustomerAlgorithm != "AES256" {
			t.Fatalf("move = %+v, %v", out, err)
		}
		wantSealed(t, b, ourKey, "moved", data)
	}
}

func TestCopyPartReadsAndWritesWithKeys(t *testing.T) {
	_, b := newBucket(t)
	data := string(noise(store.MinPart+100_000, 1))
	small := "a small object"
	for _, keys := range []struct{ from, target secret }{{noKey, ourKey}, {ourKey, noKey}, {ourKey, ourKey}, {ourKey, otherKey}} {
		from, target := keys.from, keys.target
		putSealed(t, b, from, "src", data)
		putSealed(t, b, from, "small", small)
		for _, last := range []struct {
			src     string
			off, to int64
		}{{"src", 12345, 90_000}, {"small", 2, 9}} {
			id := initiateSealed(t, b, target, "k")
			add := func(number int64, src string, off, to int64) {
				out, err := b.CopyPart(t.Context(), object(t, b, src), off, to-off, &op.CopyPartInput{
					Key: "k", UploadID: id, PartNumber: number,
					CopySourceEncryptionCustomerAlgorithm: from.algorithm, CopySourceEncryptionCustomerKey: from.key, CopySourceEncryptionCustomerKeyMD5: from.md5,
					EncryptionCustomerAlgorithm: target.algorithm, EncryptionCustomerKey: target.key, EncryptionCustomerKeyMD5: target.md5,
				})
				if err != nil || out.EncryptionCustomerAlgorithm != target.algorithm {
					t.Fatalf("copy part = %+v, %v", out, err)
				}
			}
			add(0, "src", 0, int64(len(data)))
			add(1, last.src, last.off, last.to)
			if _, err := complete(t, b, "k", id, 0, 1); err != nil {
				t.Fatal(err)
			}
			whole := map[string]string{"src": data, "small": small}[last.src]
			wantSealed(t, b, target, "k", data+whole[last.off:last.to])
		}
	}
}

// TestSelfCopyWithAnotherKeyUndoesNoWrite: what was written after the copy has read its source stays.
func TestSelfCopyWithAnotherKeyUndoesNoWrite(t *testing.T) {
	s, i, _ := openInterrupted(t)
	b := makeBucket(t, s, "test-bucket")
	putSealed(t, b, ourKey, "k", "old")
	i.before(sets('o'), func() { putSealed(t, b, ourKey, "k", "new") })
	if _, err := copySealed(t, b, "k", ourKey, "k", otherKey); !errors.Is(err, store.ErrSourceChanged) {
		t.Errorf("copy = %v; want ErrSourceChanged", err)
	}
	wantSealed(t, b, ourKey, "k", "new")
	checkClean(t, s)
}

// TestNothingReadableIsOnTheDisk looks for what was stored in all files.
func TestNothingReadableIsOnTheDisk(t *testing.T) {
	fsys := vfs.NewMem()
	s := storetest.Open(t, fsys)
	b := makeBucket(t, s, "test-bucket")
	marker := func(what string) string { return "MARKER-" + what + "-OF-THE-CONTENT." }
	fill := func(what string, n int) string { return strings.Repeat(marker(what), n/len(marker(what))+1)[:n] }

	put(t, b, "plain", fill("plain", 100_000)) // shows that the search finds something
	put(t, b, "plain-small", fill("plain-small", 1000))
	putSealed(t, b, ourKey, "small", fill("small", 1000))
	putSealed(t, b, ourKey, "large", fill("large", 400_000))
	id := initiateSealed(t, b, ourKey, "parts")
	for n, size := range []int{store.MinPart, 10} {
		if err := uploadSealed(t, b, ourKey, "parts", id, int64(n), []byte(fill("part", size))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := complete(t, b, "parts", id, 0, 1); err != nil {
		t.Fatal(err)
	}
	if _, err := copySealed(t, b, "large", ourKey, "copy", otherKey); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	img := imageOf(t, fsys, "/")
	found := func(text string) (files []string) {
		for name, data := range img {
			if bytes.Contains(data, []byte(text)) {
				files = append(files, name)
			}
		}
		return files
	}
	for _, what := range []string{"plain", "plain-small"} {
		if len(found(marker(what))) == 0 {
			t.Errorf("the search does not find what is not encrypted: %s", what)
		}
	}
	for _, k := range []secret{ourKey, otherKey} {
		raw, _ := base64.StdEncoding.DecodeString(k.key)
		sum, _ := base64.StdEncoding.DecodeString(k.md5)
		for name, text := range map[string]string{
			"the key": string(raw), "the key in base64": k.key, "the key in hexadecimal": fmt.Sprintf("%x", raw),
			"half of the key": string(raw[:16]), "its MD5": string(sum), "its MD5 in base64": k.md5, "its MD5 in hexadecimal": fmt.Sprintf("%x", sum),
		} {
			if files := found(text); len(files) > 0 {
				t.Errorf("%s is in %s", name, files)
			}
		}
	}
	for _, what := range []string{"small", "large", "part"} {
		if files := found(marker(what)); len(files) > 0 {
			t.Errorf("content of %s is in %s", what, files)
		}
	}
}

// A meddler is a blob engine whose reads are of blobs that somebody has changed, checksums included.
type meddler struct {
	blob.Engine
	ids    []blob.ID // in the order of Put
	change func(id blob.ID, data []byte) []byte
}

func (m *meddler) Put(ctx context.Context, epoch uint32, size int64, src blob.Source) (blob.ID, int64, error) {
	id, n, err := m.Engine.Put(ctx, epoch, size, src)
	m.ids = append(m.ids, id)
	return id, n, err
}

func (m *meddler) read(ctx context.Context, id blob.ID) ([]byte, error) {
	r, err := m.Engine.Open(ctx, id, 0, -1)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func (m *meddler) Open(ctx context.Context, id blob.ID, off, n int64) (io.ReadCloser, error) {
	if m.change == nil {
		return m.Engine.Open(ctx, id, off, n)
	}
	data, err := m.read(ctx, id)
	if err != nil {
		return nil, err
	}
	data = m.change(id, slices.Clone(data))
	if n < 0 {
		n = int64(len(data)) - off
	}
	return io.NopCloser(bytes.NewReader(data[off : off+n])), nil
}

func TestMeddlingWithEncryptedBytesIsNoticed(t *testing.T) {
	fsys, log := vfs.NewMem(), &journal{}
	blobs := &meddler{}
	s := storetest.Open(t, fsys, func(o *store.Options) {
		blobs.Engine, o.Blobs, o.Logger = o.Blobs, blobs, log.logger()
	})
	defer s.Close()
	b := makeBucket(t, s, "test-bucket")
	id := initiateSealed(t, b, ourKey, "k")
	part := noise(store.MinPart, 1)
	for n := range int64(2) { // the same bytes twice
		if err := uploadSealed(t, b, ourKey, "k", id, n, part); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := complete(t, b, "k", id, 0, 1); err != nil {
		t.Fatal(err)
	}
	want := string(part) + string(part)
	wantSealed(t, b, ourKey, "k", want)
	first, err := blobs.read(t.Context(), blobs.ids[0])
	if err != nil {
		t.Fatal(err)
	}
	second, err := blobs.read(t.Context(), blobs.ids[1])
	if err != nil {
		t.Fatal(err)
	}
	const chunk = 64 << 10
	for name, change := range map[string]func(blob.ID, []byte) []byte{
		"a bit": func(id blob.ID, data []byte) []byte { data[5*chunk+9] ^= 1; return data },
		"chunks of one part swapped": func(_ blob.ID, data []byte) []byte {
			return slices.Concat(data[chunk:2*chunk], data[:chunk], data[2*chunk:])
		},
		"chunks of two parts swapped": func(id blob.ID, data []byte) []byte {
			if id == blobs.ids[0] {
				return slices.Concat(data[:chunk], second[chunk:2*chunk], data[2*chunk:])
			}
			return slices.Concat(data[:chunk], first[chunk:2*chunk], data[2*chunk:])
		},
		"parts swapped": func(id blob.ID, _ []byte) []byte {
			if id == blobs.ids[0] {
				return second
			}
			return first
		},
	} {
		blobs.change = change
		got, err := getSealed(t, b, ourKey, "k", 0, -1)
		if !errors.Is(err, blob.ErrCorrupt) {
			t.Errorf("%s: %v; want ErrCorrupt", name, err)
		}
		if !strings.HasPrefix(want, got) {
			t.Errorf("%s: wrong bytes came out", name)
		}
		if _, err := getSealed(t, b, ourKey, "k", 0, int64(len(want))); !errors.Is(err, blob.ErrCorrupt) {
			t.Errorf("%s, read in another way: %v; want ErrCorrupt", name, err)
		}
		if len(log.lines("object is damaged")) == 0 || len(log.lines(`key=k`)) == 0 {
			t.Errorf("%s: the log does not name the object", name)
		}
		// A copy does not take the damage over as if it were the content.
		if _, err := copySealed(t, b, "k", ourKey, "copy", otherKey); !errors.Is(err, blob.ErrCorrupt) {
			t.Errorf("%s: a copy gives %v; want ErrCorrupt", name, err)
		}
		blobs.change = nil
	}
	for _, secret := range []string{rawKey, ourKey.key, otherKey.key, fmt.Sprintf("%x", rawKey)} {
		if lines := log.lines(secret); len(lines) > 0 {
			t.Errorf("the log has a key: %s", lines)
		}
	}
}

// TestEncryptedObjectsSurviveAPowerCut: what was acknowledged is there after it, and can be read with the key alone.
func TestEncryptedObjectsSurviveAPowerCut(t *testing.T) {
	fsys := vfs.NewCrashableMem()
	s := storetest.Open(t, fsys)
	b := makeBucket(t, s, "test-bucket")
	objects := map[string]string{"small": "some bytes", "large": string(noise(200_000, 1))}
	for key, data := range objects {
		putSealed(t, b, ourKey, key, data)
	}
	objects["parts"] = makeSealed(t, b, ourKey, "parts", 2)
	id := initiateSealed(t, b, ourKey, "later")
	if err := uploadSealed(t, b, ourKey, "later", id, 0, []byte("part")); err != nil {
		t.Fatal(err)
	}
	left := fsys.PowerLoss(0, 1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = storetest.Open(t, left)
	defer s.Close()
	b, err := s.Bucket(t.Context(), "test-bucket")
	if err != nil {
		t.Fatal(err)
	}
	for key, data := range objects {
		wantSealed(t, b, ourKey, key, data)
		_, err := getSealed(t, b, otherKey, key, 0, -1)
		wantCode(t, err, fault.InvalidArgument)
	}
	wantCode(t, uploadSealed(t, b, otherKey, "later", id, 1, []byte("x")), fault.InvalidArgument)
	if _, err := complete(t, b, "later", id, 0); err != nil {
		t.Fatal(err)
	}
	wantSealed(t, b, ourKey, "later", "part")
	checkClean(t, s)
}
