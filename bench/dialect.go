package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/oisproject/ois/sdk/go/signature"
)

// A dialect is what servers disagree about: signatures, listings, uploads in parts, copies.
type dialect interface {
	// appendAuth appends the header lines that sign r, which must not change any more.
	appendAuth(dst []byte, r *request) []byte
	// listQuery asks for a page of 1,000 that starts after marker; each may be empty.
	listQuery(prefix, delimiter, marker string) string
	page(body []byte) page
	uploadsQuery() string // starts an upload
	uploadID(body []byte) string
	partQuery(id string, n int) string
	// completion returns query and body that end an upload of parts with those ETags.
	completion(id string, etags []string) (query string, body []byte)
	// source returns the header that makes a PUT a copy or a move; "" if there is none.
	source(move bool) string
}

// A page is what a listing says, read without taking it apart: the client's time is not
// to be the server's.
type page struct {
	keys, prefixes int
	next           string // marker of the next page; empty on the last
}

// between returns what stands in b between two texts; empty if they are not there.
func between(b []byte, before, after string) []byte {
	_, rest, ok := bytes.Cut(b, []byte(before))
	if !ok {
		return nil
	}
	text, _, ok := bytes.Cut(rest, []byte(after))
	if !ok {
		return nil
	}
	return text
}

// qingstor is what ois speaks.
type qingstor struct{ key *signature.Key }

func (d qingstor) appendAuth(dst []byte, r *request) []byte {
	date := time.Now().UTC().Format(http.TimeFormat)
	m := signature.Message{Method: r.method, Path: r.path, Query: r.query, Header: http.Header{"Date": {date}}}
	if r.extra[0] != "" {
		m.Header[textproto.CanonicalMIMEHeaderKey(r.extra[0])] = []string{r.extra[1]}
	}
	dst = append(append(dst, "Date: "...), date...)
	dst = append(append(append(dst, "\r\nAuthorization: QS "...), d.key.ID()...), ':')
	return append(d.key.AppendSignature(dst, &m), "\r\n"...)
}

func (d qingstor) listQuery(prefix, delimiter, marker string) string {
	return "delimiter=" + url.QueryEscape(delimiter) + "&limit=1000&marker=" + url.QueryEscape(marker) + "&prefix=" + url.QueryEscape(prefix)
}

func (d qingstor) page(body []byte) page {
	p := page{keys: bytes.Count(body, []byte(`"key":`)), next: string(between(body, `"next_marker":"`, `"`))}
	p.prefixes = bytes.Count(between(body, `"common_prefixes":[`, `]`), []byte(`"`)) / 2
	return p
}

func (d qingstor) uploadsQuery() string { return "uploads" }

func (d qingstor) uploadID(body []byte) string { return string(between(body, `"upload_id":"`, `"`)) }

func (d qingstor) partQuery(id string, n int) string {
	return "part_number=" + strconv.Itoa(n) + "&upload_id=" + id
}

func (d qingstor) completion(id string, etags []string) (query string, body []byte) {
	parts := make([]string, len(etags))
	for n := range parts {
		parts[n] = fmt.Sprintf(`{"part_number":%d}`, n+1)
	}
	return "upload_id=" + id, []byte(`{"object_parts":[` + strings.Join(parts, ",") + `]}`)
}

func (d qingstor) source(move bool) string {
	if move {
		return "x-qs-move-source"
	}
	return "x-qs-copy-source"
}

// s3 is what MinIO speaks.
type s3 struct {
	key  *v4Key
	addr string
}

func (d s3) appendAuth(dst []byte, r *request) []byte {
	now := time.Now().UTC()
	date := now.Format(v4Time)
	headers := append(make([][2]string, 0, 4), [2]string{"host", d.addr},
		[2]string{"x-amz-content-sha256", unsigned}, [2]string{"x-amz-date", date})
	if r.extra[0] != "" {
		headers = append(headers, r.extra)
		slices.SortFunc(headers, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	}
	dst = append(append(append(dst, "X-Amz-Content-Sha256: "+unsigned+"\r\nX-Amz-Date: "...), date...), "\r\nAuthorization: "...)
	return append(append(dst, d.key.authorization(r, headers, unsigned, now)...), "\r\n"...)
}

func (d s3) listQuery(prefix, delimiter, marker string) string {
	query := "delimiter=" + url.QueryEscape(delimiter) + "&list-type=2&max-keys=1000&prefix=" + url.QueryEscape(prefix)
	if marker != "" {
		query = "continuation-token=" + url.QueryEscape(marker) + "&" + query
	}
	return query
}

func (d s3) page(body []byte) page {
	return page{
		keys:     bytes.Count(body, []byte("<Key>")),
		prefixes: bytes.Count(body, []byte("<CommonPrefixes>")),
		next:     string(between(body, "<NextContinuationToken>", "<")),
	}
}

func (d s3) uploadsQuery() string { return "uploads=" }

func (d s3) uploadID(body []byte) string { return string(between(body, "<UploadId>", "<")) }

func (d s3) partQuery(id string, n int) string {
	return "partNumber=" + strconv.Itoa(n) + "&uploadId=" + url.QueryEscape(id)
}

func (d s3) completion(id string, etags []string) (query string, body []byte) {
	body = append(body, "<CompleteMultipartUpload>"...)
	for i, etag := range etags {
		body = fmt.Appendf(body, "<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", i+1, etag)
	}
	return "uploadId=" + url.QueryEscape(id), append(body, "</CompleteMultipartUpload>"...)
}

func (d s3) source(move bool) string {
	if move {
		return "" // S3 has no such thing
	}
	return "x-amz-copy-source"
}

// plain is what the bare server speaks: no signature, and the client says how much it wants back.
type plain struct{ qingstor }

func (d plain) appendAuth(dst []byte, r *request) []byte {
	return append(strconv.AppendInt(append(dst, sizeHeader+": "...), max(r.want, 0), 10), "\r\n"...)
}
