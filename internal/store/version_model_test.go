package store_test

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/job"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/store/storetest"
	"github.com/oisproject/ois/internal/vfs"
)

// A modelVersion is what the definition says of a version.
type modelVersion struct {
	id         string
	null       bool
	marker     bool
	appendable bool
	content    string
}

func (v *modelVersion) name() string {
	if v.null {
		return "null"
	}
	return v.id
}

// A versionModel is a bucket with versioning as it is defined, beside a store that should behave so.
type versionModel struct {
	t      *testing.T
	rand   *rand.Rand
	fs     vfs.FS
	store  *store.Store
	bucket *store.Bucket

	state string
	keys  []string
	stack map[string][]modelVersion // by key, the current one last
	ids   []string                  // all that there were
	n     int
}

func newVersionModel(t *testing.T, seed uint64) *versionModel {
	m := &versionModel{t: t, rand: rand.New(rand.NewPCG(seed, 0)), fs: vfs.NewMem(), stack: make(map[string][]modelVersion)}
	m.keys = []string{"a", "a\x00", "a\x00b", "a/b", "a/c", "b", "b/\x01", "é"}
	m.store = storetest.Open(t, m.fs)
	m.bucket = makeBucket(t, m.store, "test-bucket")
	setLifecycle(t, m.bucket, eraseOlder("", 1))
	return m
}

func (m *versionModel) key() string { return m.keys[m.rand.IntN(len(m.keys))] }

// top returns the current version of a key, nil if there is none.
func (m *versionModel) top(key string) *modelVersion {
	if s := m.stack[key]; len(s) > 0 {
		return &s[len(s)-1]
	}
	return nil
}

// live returns what a read of a key gives, nil if nothing.
func (m *versionModel) live(key string) *modelVersion {
	if v := m.top(key); v != nil && !v.marker {
		return v
	}
	return nil
}

func (m *versionModel) push(key string, v modelVersion) {
	if v.null = m.state != "ENABLED"; v.null {
		m.stack[key] = slices.DeleteFunc(m.stack[key], func(v modelVersion) bool { return v.null })
	}
	m.stack[key] = append(m.stack[key], v)
	want := v.name()
	if m.state == "" {
		want = ""
	}
	if v.id != want {
		m.t.Fatalf("a version of %q is called %q; want %q", key, v.id, want)
	}
	if !v.null && slices.Contains(m.ids, v.id) {
		m.t.Fatalf("two versions are called %q", v.id)
	}
	m.ids = append(m.ids, v.id)
}

// named returns the place of a version of a key, -1 if there is none.
func (m *versionModel) named(key, id string) int {
	return slices.IndexFunc(m.stack[key], func(v modelVersion) bool { return v.name() == id })
}

// anyID returns the id of a version, likely one of the key.
func (m *versionModel) anyID(key string) string {
	s := m.stack[key]
	switch n := m.rand.IntN(10); {
	case n == 0:
		return "null"
	case n == 1:
		return []string{"nonsense", "AAAAAAAAAAA", "__________8", strings.Repeat("x", 300)}[m.rand.IntN(4)]
	case n == 2 && len(m.ids) > 0:
		return cmp.Or(m.ids[m.rand.IntN(len(m.ids))], "null")
	case len(s) > 0:
		return s[m.rand.IntN(len(s))].name()
	}
	return "null"
}

func (m *versionModel) content() string {
	m.n++
	if m.rand.IntN(4) == 0 {
		return string(noise(17_000+m.rand.IntN(100), uint64(m.n)))
	}
	return fmt.Sprint("content ", m.n)
}

func (m *versionModel) no(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *versionModel) put() {
	key, data := m.key(), m.content()
	out, err := m.bucket.PutObject(m.t.Context(), &op.PutObjectInput{Key: key, Body: strings.NewReader(data), ContentLength: int64(len(data))})
	m.no(err)
	m.push(key, modelVersion{id: out.VersionID, content: data})
}

func (m *versionModel) multipart() {
	key, data := m.key(), m.content()
	id := initiate(m.t, m.bucket, key)
	upload(m.t, m.bucket, key, id, 0, []byte(data))
	out, err := complete(m.t, m.bucket, key, id, 0)
	m.no(err)
	m.push(key, modelVersion{id: out.VersionID, content: data})
}

func (m *versionModel) append() {
	key, data := m.key(), m.content()
	in := &op.AppendObjectInput{Key: key, Body: strings.NewReader(data), ContentLength: int64(len(data))}
	v := m.live(key)
	if v != nil {
		in.Position = int64(len(v.content))
	}
	_, err := m.bucket.AppendObject(m.t.Context(), in)
	switch {
	case v != nil && !v.appendable:
		wantCode(m.t, err, fault.InvalidObjectState)
	case v != nil:
		m.no(err)
		v.content += data
	default:
		m.no(err)
		info, err := m.bucket.Stat(m.t.Context(), key)
		m.no(err)
		m.push(key, modelVersion{id: info.VersionID, content: data, appendable: true})
	}
}

func (m *versionModel) delete() {
	key := m.key()
	out, err := m.bucket.DeleteObject(m.t.Context(), &op.DeleteObjectInput{Key: key})
	m.no(err)
	if out.DeleteMarker != (m.state != "") {
		m.t.Fatalf("delete = %+v while versioning is %q", out, m.state)
	}
	m.deleted(key, out.VersionID)
}

func (m *versionModel) deleted(key, id string) {
	if m.state == "" {
		delete(m.stack, key)
		return
	}
	m.push(key, modelVersion{id: id, marker: true})
}

func (m *versionModel) erase() {
	key := m.key()
	id := m.anyID(key)
	out, err := m.bucket.DeleteObject(m.t.Context(), &op.DeleteObjectInput{Key: key, VersionID: id})
	m.no(err)
	i := m.named(key, id)
	want := op.DeleteObjectOutput{}
	if i >= 0 && m.state != "" {
		want = op.DeleteObjectOutput{VersionID: id, DeleteMarker: m.stack[key][i].marker}
	}
	if *out != want {
		m.t.Fatalf("delete of version %q of %q = %+v; want %+v", id, key, out, want)
	}
	m.erased(key, id)
}

func (m *versionModel) erased(key, id string) {
	if i := m.named(key, id); i >= 0 {
		m.stack[key] = slices.Delete(m.stack[key], i, i+1)
	}
}

// multiDelete deletes objects and versions, of which some are named twice.
func (m *versionModel) multiDelete() {
	in := &op.DeleteMultipleObjectsInput{Quiet: true}
	current := make(map[string]bool)
	for range 1 + m.rand.IntN(8) {
		o := op.ObjectToDelete{Key: m.key()}
		if m.rand.IntN(3) > 0 {
			o.VersionID = m.anyID(o.Key)
		} else {
			current[o.Key] = true
		}
		in.Objects = append(in.Objects, o)
	}
	_, err := m.bucket.DeleteMultipleObjects(m.t.Context(), in)
	m.no(err)
	for _, o := range in.Objects { // versions first
		if o.VersionID != "" {
			m.erased(o.Key, o.VersionID)
		}
	}
	for key := range current {
		_, err := m.bucket.Object(m.t.Context(), key)
		id := ""
		if marker, ok := errors.AsType[*store.MarkerError](err); ok {
			id = marker.VersionID
		}
		m.deleted(key, id)
	}
}

// source opens a version of a key, the current one if id is empty. It is nil if the model has none.
func (m *versionModel) source(key, id string) (*store.Object, *modelVersion) {
	v := m.live(key)
	if id != "" {
		v = nil
		if i := m.named(key, id); i >= 0 {
			v = &m.stack[key][i]
		}
	}
	o, err := m.bucket.Version(m.t.Context(), key, id)
	if v != nil && !v.marker {
		m.no(err)
		return o, v
	}
	want := fault.ObjectNotExists
	if v != nil && v.marker {
		want = fault.MethodNotAllowed
	}
	wantCode(m.t, err, want)
	marker, ok := errors.AsType[*store.MarkerError](err)
	if top := m.top(key); id == "" && top != nil {
		v = top
	}
	if ok != (v != nil) || ok && marker.VersionID != v.name() {
		m.t.Fatalf("version %q of %q: %v %+v; want it to tell of the delete marker", id, key, err, marker)
	}
	return nil, nil
}

func (m *versionModel) copy() {
	from, to, id := m.key(), m.key(), ""
	if m.rand.IntN(2) == 0 {
		id = m.anyID(from)
	}
	o, v := m.source(from, id)
	if o == nil {
		return
	}
	defer o.Close()
	out, err := m.bucket.CopyObject(m.t.Context(), o, &op.CopyObjectInput{Key: to})
	m.no(err)
	m.push(to, modelVersion{id: out.VersionID, content: v.content})
}

func (m *versionModel) move() {
	from, to := m.key(), m.key()
	o, v := m.source(from, "")
	if o == nil {
		return
	}
	defer o.Close()
	moved := *v
	out, err := m.bucket.MoveObject(m.t.Context(), o, &op.MoveObjectInput{Key: to})
	m.no(err)
	moved.id = out.VersionID
	m.push(to, moved)
	if from == to {
		return
	}
	_, err = m.bucket.Object(m.t.Context(), from)
	id := ""
	if marker, ok := errors.AsType[*store.MarkerError](err); ok {
		id = marker.VersionID
	}
	m.deleted(from, id)
}

func (m *versionModel) setState() {
	state := []string{"ENABLED", "ENABLED", "SUSPENDED"}[m.rand.IntN(3)]
	_, err := m.bucket.PutBucketVersioning(m.t.Context(), &op.PutBucketVersioningInput{VersioningStatus: state})
	m.no(err)
	m.state = state
	m.again()
}

// again looks the bucket up, as the next request does.
func (m *versionModel) again() {
	var err error
	m.bucket, err = m.store.Bucket(m.t.Context(), "test-bucket")
	m.no(err)
	out, err := m.bucket.GetBucketVersioning(m.t.Context(), nil)
	m.no(err)
	if want := cmp.Or(m.state, "DISABLED"); out.VersioningStatus != want {
		m.t.Fatalf("versioning is %s; want %s", out.VersioningStatus, want)
	}
}

func (m *versionModel) restart() {
	m.no(m.store.Close())
	m.store = storetest.Open(m.t, m.fs)
	m.again()
}

func (m *versionModel) step() {
	operations := []struct {
		weight int
		do     func()
	}{
		{30, m.put},
		{4, m.multipart},
		{12, m.append},
		{14, m.delete},
		{22, m.erase},
		{6, m.multiDelete},
		{14, m.copy},
		{8, m.move},
		{4, m.setState},
		{1, m.restart},
	}
	sum := 0
	for _, o := range operations {
		sum += o.weight
	}
	n := m.rand.IntN(sum)
	for _, o := range operations {
		if n -= o.weight; n < 0 {
			o.do()
			return
		}
	}
}

// check compares everything that can be read.
func (m *versionModel) check() {
	m.t.Helper()
	m.checkListing("", "", 1000)
	key := m.key()
	id := m.anyID(key)
	if o, v := m.source(key, id); o != nil {
		m.checkObject(o, v)
	}
	if o, v := m.source(key, ""); o != nil {
		m.checkObject(o, v)
	}
}

func (m *versionModel) checkObject(o *store.Object, v *modelVersion) {
	m.t.Helper()
	defer o.Close()
	want := v.name()
	if m.state == "" {
		want = ""
	}
	if i := o.Info(); i.VersionID != want || i.Appendable != v.appendable {
		m.t.Fatalf("%q is version %q, appendable %t; want %q, %t", i.Key, i.VersionID, i.Appendable, want, v.appendable)
	}
	r, err := o.Open(m.t.Context(), 0, o.Info().Size)
	m.no(err)
	data, err := io.ReadAll(r)
	m.no(errors.Join(err, r.Close()))
	if string(data) != v.content {
		m.t.Fatalf("version %q has %d wrong bytes", v.name(), len(data))
	}
}

// entries returns what a listing of all versions should have, and its common prefixes.
func (m *versionModel) entries(prefix, delimiter string) (entries, prefixes []string) {
	for _, key := range slices.Sorted(maps.Keys(m.stack)) {
		s := m.stack[key]
		rest, ok := strings.CutPrefix(key, prefix)
		if !ok || len(s) == 0 {
			continue
		}
		if head, _, cut := strings.Cut(rest, delimiter); cut && delimiter != "" {
			if cp := prefix + head + delimiter; !slices.Contains(prefixes, cp) {
				prefixes = append(prefixes, cp)
			}
			continue
		}
		for i, v := range slices.Backward(s) {
			entries = append(entries, fmt.Sprintf("%q %s latest %t marker %t size %d", key, v.name(), i == len(s)-1, v.marker, len(v.content)))
		}
	}
	return entries, prefixes
}

// checkListing lists all versions, and compares the pages with the model.
func (m *versionModel) checkListing(prefix, delimiter string, limit int64) {
	m.t.Helper()
	var entries, prefixes []string
	in := &op.ListObjectVersionsInput{Prefix: prefix, Delimiter: delimiter, Limit: limit}
	for {
		out, err := m.bucket.ListObjectVersions(m.t.Context(), in)
		m.no(err)
		n := int64(len(out.Keys) + len(out.CommonPrefixes))
		if n > limit || out.HasMore && n < limit || out.HasMore != (out.NextKeyMarker != "") {
			m.t.Fatalf("a page of %d has %d entries, more %t, next %q", limit, n, out.HasMore, out.NextKeyMarker)
		}
		for _, v := range out.Keys {
			entries = append(entries, fmt.Sprintf("%q %s latest %t marker %t size %d", v.Key, v.VersionID, v.IsLatest, v.DeleteMarker, v.Size))
		}
		prefixes = append(prefixes, out.CommonPrefixes...)
		if !out.HasMore {
			break
		}
		in.KeyMarker, in.VersionIDMarker = out.NextKeyMarker, out.NextVersionIDMarker
		if last := len(out.Keys) - 1; in.VersionIDMarker != "" && m.rand.IntN(2) == 0 {
			in.VersionIDMarker = out.Keys[last].VersionID // may be null
		}
	}
	wantEntries, wantPrefixes := m.entries(prefix, delimiter)
	if !slices.Equal(entries, wantEntries) || !slices.Equal(prefixes, wantPrefixes) {
		m.t.Fatalf("versions with prefix %q, delimiter %q, %d at a time:\n\t%s\n%q; want\n\t%s\n%q", prefix, delimiter, limit,
			strings.Join(entries, "\n\t"), prefixes, strings.Join(wantEntries, "\n\t"), wantPrefixes)
	}
}

// checkRest compares what takes longer: statistics, the listing of objects, and what lifecycles see.
func (m *versionModel) checkRest() {
	m.t.Helper()
	var count, size int64
	var objects []string
	older := make(map[string]bool)
	for key, s := range m.stack {
		for i, v := range s {
			count, size = count+1, size+int64(len(v.content))
			if i < len(s)-1 {
				older[fmt.Sprintf("%q, version %s", key, v.name())] = true
			}
		}
		if m.live(key) != nil {
			objects = append(objects, key)
		}
	}
	slices.Sort(objects)
	stats, err := m.bucket.GetBucketStatistics(m.t.Context(), "", nil)
	m.no(err)
	if stats.Count != count || stats.Size != size {
		m.t.Fatalf("statistics say %d versions of %d bytes; want %d of %d", stats.Count, stats.Size, count, size)
	}
	if got := listAll(m.t, m.bucket, "", "", "", 3); !slices.Equal(got, objects) {
		m.t.Fatalf("objects are %q; want %q", got, objects)
	}
	var dry job.Result
	m.no(m.store.RunLifecycle(m.t.Context(), job.Task{AsOf: days(10), DryRun: true}, &dry))
	for _, note := range dry.Notes {
		what, _, _ := strings.Cut(strings.TrimPrefix(note, "erased test-bucket/"), ", not current since ")
		if !older[what] {
			m.t.Fatalf("%s: %q; want it to be current", what, note)
		}
		delete(older, what)
	}
	if len(older) > 0 {
		m.t.Fatalf("not listed as not current: %v", older)
	}
	for range 5 {
		prefix := []string{"", "a", "a/", "a\x00", "b", "é", "x"}[m.rand.IntN(7)]
		delimiter := []string{"", "/", "\x00", "b"}[m.rand.IntN(4)]
		m.checkListing(prefix, delimiter, int64(1+m.rand.IntN(5)))
	}
}

// end empties the bucket by erasing version after version, and deletes it.
func (m *versionModel) end() {
	m.t.Helper()
	if r := checkClean(m.t, m.store); r.Versions == 0 {
		m.t.Log("there are no older versions in the end")
	}
	for key, s := range m.stack {
		if len(s) > 0 {
			_, err := m.bucket.DeleteBucket(m.t.Context(), nil)
			wantCode(m.t, err, fault.BucketNotEmpty)
		}
		for _, v := range s {
			_, err := m.bucket.DeleteObject(m.t.Context(), &op.DeleteObjectInput{Key: key, VersionID: v.name()})
			m.no(err)
		}
	}
	stats, err := m.bucket.GetBucketStatistics(m.t.Context(), "", nil)
	m.no(err)
	if stats.Count != 0 || stats.Size != 0 {
		m.t.Errorf("statistics say %d versions of %d bytes; want none", stats.Count, stats.Size)
	}
	_, err = m.bucket.DeleteBucket(m.t.Context(), nil)
	m.no(err)
	m.no(m.store.Sweep(m.t.Context()))
	checkClean(m.t, m.store)
	if n := countBlobs(m.t, m.fs); n != 0 {
		m.t.Errorf("%d blobs are left; want none", n)
	}
	m.no(m.store.Close())
}

// TestVersionsAgainstAModel does what clients can do, in an order drawn from a seed, and compares what is there with the definition.
func TestVersionsAgainstAModel(t *testing.T) {
	for range 8 {
		seed := rand.Uint64() >> 32
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			t.Parallel()
			m := newVersionModel(t, seed)
			for range 20 {
				for range 15 {
					m.step()
					m.check()
				}
				m.checkRest()
			}
			m.end()
		})
	}
}
