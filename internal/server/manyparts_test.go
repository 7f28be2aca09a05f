package server

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store"
)

// partsText returns the body of a complete that says of each part all that clients say, at its longest.
func partsText(etag string, numbers ...int) string {
	list := make([]string, len(numbers))
	for i, n := range numbers {
		list[i] = fmt.Sprintf(`{"part_number": %d, "size": %d, "created": "2024-03-05T08:15:30.000Z", "etag": %q}`, n, int64(5)<<30, etag)
	}
	return `{"object_parts": [` + strings.Join(list, ", ") + `]}`
}

// TestTenThousandParts: an upload of as many parts as there may be becomes one object, in one request. A list that is
// too long, names a part twice, or is out of order changes nothing.
func TestTenThousandParts(t *testing.T) {
	f := start(t)
	f.bucket()
	part := pieces(store.MinPart)
	etag := f.ask(f.key, "PUT", "/bucket1/part", part).want(http.StatusCreated).Header.Get("Etag")
	id := f.initiate("/bucket1/k")
	b, err := f.store.Bucket(t.Context(), "bucket1")
	if err != nil {
		t.Fatal(err)
	}
	source, err := b.Object(t.Context(), "part")
	if err != nil {
		t.Fatal(err)
	}
	numbers := make([]int, store.MaxParts+1) // there are as many numbers, and one more
	for i := range numbers {
		numbers[i] = i
		if _, err := b.CopyPart(t.Context(), source, 0, store.MinPart, &op.CopyPartInput{Key: "k", UploadID: id, PartNumber: int64(i)}); err != nil {
			t.Fatal(err)
		}
	}
	source.Close()
	most := numbers[1:]
	twice := append([]int{1}, most[:len(most)-1]...)
	swapped := append([]int{}, most...)
	swapped[5000], swapped[5001] = swapped[5001], swapped[5000]
	complete := func(numbers []int) (a *reply) {
		f.within(30*time.Second, fmt.Sprintf("to complete %d parts", len(numbers)), func() {
			took := allocates(func() { a = f.ask(f.key, "POST", "/bucket1/k?upload_id="+id, partsText(etag, numbers...)) })
			if took > 64<<20 {
				t.Errorf("to complete %d parts took %d bytes of memory", len(numbers), took)
			}
		})
		return a
	}
	complete(numbers).wantFault(http.StatusBadRequest, "max_parts_exceeded")
	complete(twice).wantFault(http.StatusBadRequest, "invalid_request")
	complete(swapped).wantFault(http.StatusBadRequest, "invalid_request")
	f.ask(f.key, "GET", "/bucket1/k", "").wantFault(http.StatusNotFound, "object_not_exists")
	complete(most).want(http.StatusCreated)
	size := int64(store.MaxParts) * store.MinPart
	if a := f.ask(f.key, "HEAD", "/bucket1/k", ""); a.ContentLength != size {
		t.Errorf("the object has %d bytes; want %d", a.ContentLength, size)
	}
	at := size/2 - 8
	a := f.ask(f.key, "GET", "/bucket1/k", "", fmt.Sprintf("Range: bytes=%d-%d", at, at+15)).want(http.StatusPartialContent)
	if want := part[len(part)-8:] + part[:8]; a.text != want {
		t.Errorf("its middle is %q; want %q", a.text, want)
	}
	f.ask(f.key, "GET", "/bucket1/k?upload_id="+id, "").wantFault(http.StatusNotFound, "upload_not_exists")
}
