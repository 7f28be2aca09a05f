package store_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store"
)

// folded marks an entry of a model listing that is a common prefix.
const folded = "\tfolded"

// modelList is what a listing should have, by the definition: entries after marker, common prefixes once.
func modelList(sorted []string, prefix, delimiter, marker string) []string {
	var want []string
	for _, key := range sorted {
		rest, ok := strings.CutPrefix(key, prefix)
		if !ok || key <= marker {
			continue
		}
		entry := key
		if head, _, cut := strings.Cut(rest, delimiter); cut && delimiter != "" {
			if entry = prefix + head + delimiter; entry == marker {
				continue
			}
			entry += folded
		}
		if len(want) == 0 || want[len(want)-1] != entry {
			want = append(want, entry)
		}
	}
	return want
}

// inOrder merges keys and common prefixes as a listing means them.
func inOrder(keys, prefixes []string) []string {
	all := slices.Clone(keys)
	for _, p := range prefixes {
		all = append(all, p+folded)
	}
	slices.SortStableFunc(all, func(a, b string) int {
		return strings.Compare(strings.TrimSuffix(a, folded), strings.TrimSuffix(b, folded))
	})
	return all
}

// TestListingsAgainstAModel lists objects and uploads under random prefixes, delimiters, markers and limits, of keys that
// are made to be confused.
func TestListingsAgainstAModel(t *testing.T) {
	_, b := newBucket(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	letters := []string{"a", "b", "/", "\x00", "\x01", "é", "\U0010FFFF", "-"}
	word := func(n int) string {
		var s strings.Builder
		for range r.IntN(n + 1) {
			s.WriteString(letters[r.IntN(len(letters))])
		}
		return s.String()
	}
	var keys []string
	for range 120 {
		if k := word(6); k != "" && k[0] != '/' && !slices.Contains(keys, k) {
			keys = append(keys, k)
			put(t, b, k, "")
			initiate(t, b, k)
		}
	}
	slices.Sort(keys)
	for range 1000 {
		prefix, marker, limit := word(2), word(3), int64(1+r.IntN(7))
		delimiter := []string{"", "/", "a", "\x00", "é", "/a", "\xff", "\xa9"}[r.IntN(8)]
		want := modelList(keys, prefix, delimiter, marker)
		if got := listAll(t, b, prefix, delimiter, marker, limit); !slices.Equal(got, want) {
			t.Fatalf("objects with prefix %q, delimiter %q after %q, %d at a time: %q; want %q", prefix, delimiter, marker, limit, got, want)
		}
		if got := listAllUploads(t, b, prefix, delimiter, marker, limit); !slices.Equal(got, want) {
			t.Fatalf("uploads with prefix %q, delimiter %q after %q, %d at a time: %q; want %q", prefix, delimiter, marker, limit, got, want)
		}
	}
}

func listAll(t *testing.T, b *store.Bucket, prefix, delimiter, marker string, limit int64) (all []string) {
	t.Helper()
	in := &op.ListObjectsInput{Prefix: prefix, Delimiter: delimiter, Marker: marker, Limit: limit}
	for {
		out, err := b.ListObjects(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		var keys []string
		for _, o := range out.Keys {
			keys = append(keys, o.Key)
		}
		all = append(all, inOrder(keys, out.CommonPrefixes)...)
		if !out.HasMore {
			return all
		}
		in.Marker = out.NextMarker
	}
}

func listAllUploads(t *testing.T, b *store.Bucket, prefix, delimiter, marker string, limit int64) (all []string) {
	t.Helper()
	in := &op.ListMultipartUploadsInput{Prefix: prefix, Delimiter: delimiter, KeyMarker: marker, Limit: limit}
	for {
		out, err := b.ListMultipartUploads(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		var keys []string
		for _, u := range out.Uploads {
			keys = append(keys, u.Key)
		}
		all = append(all, inOrder(keys, out.CommonPrefixes)...)
		if !out.HasMore {
			return all
		}
		in.KeyMarker, in.UploadIDMarker = out.NextKeyMarker, out.NextUploadIDMarker
	}
}
