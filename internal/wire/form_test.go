package wire

import (
	"bytes"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/op"
)

// textField returns a field of a form with the boundary xx.
func textField(name, value string) string {
	return "--xx\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n"
}

// fileField returns the file of a form with the boundary xx; more are lines of its header.
func fileField(fileName, content string, more ...string) string {
	more = append([]string{`Content-Disposition: form-data; name="file"; filename="` + fileName + `"`}, more...)
	return "--xx\r\n" + strings.Join(more, "\r\n") + "\r\n\r\n" + content + "\r\n"
}

// decodeForm reads a form with the boundary xx, and its file to the end.
func decodeForm(body io.Reader) (*op.PostObjectInput, string, error) {
	r := &Request{Bucket: "photos", Header: http.Header{"Content-Type": {"multipart/form-data; boundary=xx"}}, Body: body, ContentLength: -1}
	v, err := CodecOf(op.PostObject).Params(r)
	in := v.(*op.PostObjectInput)
	if err != nil {
		return in, "", err
	}
	content, err := io.ReadAll(in.Body)
	return in, string(content), err
}

func TestFormIsReadWhateverComesAfterTheFile(t *testing.T) {
	content := strings.Repeat("\r\n--x\r\n-\r--xy", 5000)
	front := textField("Key", "k") + textField("X-Unknown", "") + fileField("a", content)
	for name, body := range map[string]string{
		"nothing":            front + "--xx--\r\n",
		"no line end":        front + "--xx--",
		"epilogue":           front + "--xx--\r\nwhatever\r\n--xx\r\n",
		"a preamble":         "whatever\r\n" + front + "--xx--\r\n",
		"fields":             front + textField("key", "other") + textField("", "x") + "--xx--\r\n",
		"another file":       front + fileField("b", strings.Repeat("other", 100_000), "Content-Transfer-Encoding: base64") + "--xx--\r\n",
		"blanks at the ends": strings.ReplaceAll(front, "--xx\r\n", "--xx \t\r\n") + "--xx-- \r\n",
	} {
		for kind, r := range map[string]io.Reader{"at once": strings.NewReader(body), "byte by byte": iotest.OneByteReader(strings.NewReader(body))} {
			in, got, err := decodeForm(r)
			if err != nil || got != content || in.Key != "k" || len(in.Form) != 2 {
				t.Errorf("%s, %s: key %q, %d fields, %d bytes, %v; want k, 2, %d bytes", kind, name, in.Key, len(in.Form), len(got), err, len(content))
			}
		}
	}
}

// TestHalfAFormIsNeverWhole cuts a form at every place before its closing boundary.
func TestHalfAFormIsNeverWhole(t *testing.T) {
	form := textField("key", "k") + fileField("a", "content\r\n--x") + textField("after", "x") + "--xx--"
	for n := range len(form) {
		for kind, r := range map[string]io.Reader{
			"end":            strings.NewReader(form[:n]),
			"sudden end":     io.MultiReader(strings.NewReader(form[:n]), iotest.ErrReader(io.ErrUnexpectedEOF)),
			"end with bytes": iotest.DataErrReader(strings.NewReader(form[:n])),
		} {
			if _, content, err := decodeForm(r); fault.CodeOf(err) != fault.IncompleteBody {
				t.Errorf("%s after %q: content %q, %v; want incomplete_body", kind, form[:n], content, err)
			}
		}
	}
	if _, content, err := decodeForm(strings.NewReader(form)); err != nil || content != "content\r\n--x" {
		t.Errorf("the whole form: %q, %v", content, err)
	}
}

func TestBrokenConnectionIsTheClientsFault(t *testing.T) {
	form := textField("key", "k") + fileField("a", "content")
	for _, n := range []int{0, 10, len(form) - 3, len(form)} {
		_, _, err := decodeForm(io.MultiReader(strings.NewReader(form[:n]), iotest.ErrReader(errors.New("reset"))))
		wantFault(t, err, fault.IncompleteBody, "cannot be read: reset")
	}
}

// endless repeats a text, and counts what is read of it.
type endless struct {
	text string
	off  int
	n    int
}

func (e *endless) Read(p []byte) (n int, err error) {
	for n < len(p) {
		m := copy(p[n:], e.text[e.off:])
		n, e.off = n+m, (e.off+m)%len(e.text)
	}
	e.n += n
	return n, nil
}

func TestHostileForms(t *testing.T) {
	head := "--xx\r\nContent-Disposition: form-data; name=\""
	tests := []struct {
		name, body, forever string
		code                fault.Code
		part                string
	}{
		{"preamble", "", "x\r\n", fault.InvalidRequest, "too much beside its file"},
		{"preamble of one line", "", "x", fault.InvalidArgument, "malformed"},
		{"boundaries", "", "--xx\r\n", fault.InvalidArgument, "malformed"},
		{"half boundaries", head + "a\"\r\n\r\n", "\r\n--x", fault.InvalidRequest, "more than 65536 bytes"},
		{"tiny fields", "", textField("a", ""), fault.InvalidArgument, "twice"},
		{"name", head, "a", fault.InvalidRequest, "too much beside its file"},
		{"value", head + "a\"\r\n\r\n", "x", fault.InvalidRequest, "more than 65536 bytes"},
		{"header lines", "--xx\r\n", "A: b\r\n", fault.InvalidArgument, "malformed"},
		{"long header lines", "--xx\r\n", "A: " + strings.Repeat("b", 4000) + "\r\n", fault.InvalidRequest, "too much beside its file"},
		{"one header line", "--xx\r\nA: ", "b", fault.InvalidRequest, "too much beside its file"},
		{"folded header line", "--xx\r\nA: ", "b\r\n ", fault.InvalidRequest, "too much beside its file"},
		{"header of the file", head + "file\"\r\n", "A: " + strings.Repeat("b", 4000) + "\r\n", fault.InvalidRequest, "too much beside its file"},
		{"header after the file", textField("key", "k") + fileField("a", "x") + "--xx\r\n", "A: " + strings.Repeat("b", 4000) + "\r\n", fault.InvalidRequest, "16384 before each part after it"},
		{"nonsense after the file", textField("key", "k") + fileField("a", "x") + "--xx--x\r\n", "x", fault.InvalidArgument, "malformed"},
		{"no colon", "--xx\r\nContent-Disposition\r\n\r\n", "x", fault.InvalidArgument, "malformed"},
		{"no disposition", "--xx\r\nA: b\r\n\r\n", "x", fault.InvalidArgument, "Content-Disposition"},
		{"no name", "--xx\r\nContent-Disposition: form-data\r\n\r\n", "x", fault.InvalidArgument, "want form-data with a name"},
		{"two names", "--xx\r\nContent-Disposition: form-data; name=a; name=b\r\n\r\n", "x", fault.InvalidArgument, "want form-data with a name"},
		{"an attachment", "--xx\r\nContent-Disposition: attachment; name=file\r\n\r\n", "x", fault.InvalidArgument, "want form-data with a name"},
		{"a file in base64", textField("key", "k") + head + "file\"\r\nContent-Transfer-Encoding: base64\r\n\r\n", "x", fault.InvalidArgument, "Content-Transfer-Encoding \"base64\""},
		{"files in a file", textField("key", "k") + head + "file\"\r\nContent-Type: multipart/mixed; boundary=yy\r\n\r\n", "x", fault.InvalidArgument, "form in a form"},
		{"file first", fileField("a", "x") + textField("key", "k"), "--xx--\r\n", fault.InvalidArgument, "must stand before the file"},
		{"no file", textField("key", "k"), "--xx--\r\n", fault.InvalidArgument, "file is missing"},
		{"unknown charset", textField("key", "k") + textField("charset", "klingon"), "--xx--\r\n", fault.InvalidArgument, "encoding that browsers know"},
		{"UTF-16", textField("key", "k") + textField("charset", "utf-16le"), "--xx--\r\n", fault.InvalidArgument, "in which ASCII is as it is"},
		{"not even decoded", textField("key", "k") + textField("charset", "hz-gb-2312"), "--xx--\r\n", fault.InvalidArgument, "in which ASCII is as it is"},
		{"not Big5", textField("key", "\xff\xff") + textField("charset", "big5"), "--xx--\r\n", fault.InvalidArgument, "is not big5"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := &endless{text: tt.forever}
			_, _, err := decodeForm(io.MultiReader(strings.NewReader(tt.body), io.LimitReader(e, 4*maxFormFront)))
			wantFault(t, err, tt.code, tt.part)
			if most := maxFormFront + maxPartHeader; e.n > most {
				t.Errorf("%d bytes were read; want at most %d", e.n, most)
			}
		})
	}
	t.Run("boundary", func(t *testing.T) {
		r := &Request{Header: http.Header{"Content-Type": {"multipart/form-data; boundary=" + strings.Repeat("b", 71)}}, Body: strings.NewReader("")}
		_, err := CodecOf(op.PostObject).Params(r)
		wantFault(t, err, fault.InvalidArgument, "want at most 70")
	})
}

// TestEachFieldStandsOnce: whichever of two counts, somebody would take the other one for it. The file is the last that is looked at.
func TestEachFieldStandsOnce(t *testing.T) {
	for _, name := range []string{
		"key", "access_key_id", "policy", "signature", "content-type", "charset", "redirect", "x-qs-storage-class", "x-qs-meta-a",
		"cache-control", "content-disposition", "content-encoding", "expires", "unknown",
	} {
		for _, again := range []string{name, strings.ToUpper(name)} {
			_, _, err := decodeForm(strings.NewReader(textField(name, "utf-8") + textField("other", "") + textField(again, "utf-8") + fileField("a", "x") + "--xx--"))
			wantFault(t, err, fault.InvalidArgument, "the form field \""+name+"\" stands there twice")
		}
	}
	in, content, err := decodeForm(strings.NewReader(textField("key", "k") + fileField("a", "first") + fileField("b", "second") + textField("key", "l") + "--xx--"))
	if err != nil || content != "first" || in.Key != "k" {
		t.Errorf("two files: got %q under %q, %v; want the first under k", content, in.Key, err)
	}
}

// TestManyPartsAfterTheFileTakeNoMemory would run out of it, and of time, otherwise.
func TestManyPartsAfterTheFileTakeNoMemory(t *testing.T) {
	front := textField("key", "k") + fileField("a", "x")
	many := strings.Repeat(textField("a", "b"), 100_000)
	if _, content, err := decodeForm(strings.NewReader(front + many + "--xx--")); err != nil || content != "x" {
		t.Errorf("%q, %v", content, err)
	}
}

func TestLargeFileTakesNoMemory(t *testing.T) {
	const size = 64 << 20
	body := io.MultiReader(strings.NewReader(textField("key", "k")+"--xx\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n"),
		io.LimitReader(&endless{text: "content\r\n--x"}, size), strings.NewReader("\r\n--xx--"))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r := &Request{Header: http.Header{"Content-Type": {"multipart/form-data; boundary=xx"}}, Body: body}
	in, err := CodecOf(op.PostObject).Params(r)
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.CopyBuffer(io.Discard, struct{ io.Reader }{in.(*op.PostObjectInput).Body}, make([]byte, 64<<10))
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; n != size || err != nil || took > 1<<20 {
		t.Errorf("%d bytes, %v, with %d bytes of memory; want %d with less than a MiB", n, err, took, size)
	}
}

func TestFormInAnotherEncoding(t *testing.T) {
	const key, fileName = "图片/${filename}", `C:\成功\成功`
	gbk, err := simplifiedchinese.GBK.NewEncoder().String(textField("key", key) + fileField(fileName, ""))
	if err != nil {
		t.Fatal(err)
	}
	// The last byte of the last character is a backslash, before the quote.
	big5, err := traditionalchinese.Big5.NewEncoder().String(textField("key", "圖片/${filename}") + fileField(fileName, ""))
	if err != nil || !strings.Contains(big5, `\"`) {
		t.Fatalf("%q, %v", big5, err)
	}
	for _, tt := range []struct{ charset, text, key string }{
		{"GBK", gbk, key},
		{"gb2312", gbk, key},
		{"Big5", big5, "圖片/${filename}"},
		{"UTF-8", textField("key", key) + fileField(fileName, ""), key},
		{"utf8", textField("key", key) + fileField(fileName, ""), key},
		{"", textField("key", key) + fileField(fileName, ""), key},
	} {
		in, _, err := decodeForm(strings.NewReader(textField("charset", tt.charset) + tt.text + "--xx--"))
		if err != nil || in.Key != tt.key || in.Form["key"] != tt.key || in.FileName != fileName {
			t.Errorf("%s: key %q, file %q, %v; want %q, %q", tt.charset, in.Key, in.FileName, err, tt.key, fileName)
		}
	}
}

func TestFileNamesAsBrowsersSendThem(t *testing.T) {
	for sent, want := range map[string]string{
		`a.txt`:                               "a.txt",
		`C:\dir\new.txt`:                      `C:\dir\new.txt`,
		`a%22b.txt`:                           "a%22b.txt", // a quote, or these characters: nobody can tell
		`a\"b.txt`:                            `a"b.txt`,
		`中文 (1).txt`:                          "中文 (1).txt",
		``:                                    "",
		`x"; filename*=UTF-8''%E4%B8%AD; y="`: "中",
	} {
		in, _, err := decodeForm(strings.NewReader(textField("key", "k") + fileField(sent, "") + "--xx--"))
		if err != nil || in.FileName != want {
			t.Errorf("%s: %q, %v; want %q", sent, in.FileName, err, want)
		}
	}
}

func TestRedirect(t *testing.T) {
	for address, want := range map[string]string{
		"https://app.example.com/done":      "https://app.example.com/done?STATUS",
		"http://app.example.com":            "http://app.example.com?STATUS",
		"http://a/?x=1":                     "http://a/?x=1&STATUS",
		"http://a/p#top":                    "http://a/p?STATUS#top",
		"http://a/p?x=#top?":                "http://a/p?x=&STATUS#top?",
		"http://a/完成 1?q=é":                 "http://a/%E5%AE%8C%E6%88%90%201?q=%C3%A9&STATUS",
		"https://[2001:db8::1]:8443/%0d%0a": "https://[2001:db8::1]:8443/%0d%0a?STATUS",
	} {
		r, err := ParseRedirect(address)
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		status := "status=403&code=permission_denied&message=no+%26+never%0D%0A&request_id=0123"
		if got := r.Location(403, "permission_denied", "no & never\r\n", "0123"); got != strings.ReplaceAll(want, "STATUS", status) {
			t.Errorf("%s leads to %s; want %s", address, got, want)
		}
	}
	for _, address := range []string{
		"/done", "done", "//app.example.com/", "javascript:alert(1)", "data:text/html,x", "ftp://a/", "https:", "https://", "https:/a", "https://:80/", "http:a",
		"https://a/\r\nSet-Cookie: x=1", "https://a/\n", "https://a\r\n/", "https://a/\x00", `https:\\a`, `https://a\b`, "https://a b/", "https://a/%zz", " https://a/",
		"https://a/" + strings.Repeat("x", maxRedirect),
	} {
		_, err := ParseRedirect(address)
		wantFault(t, err, fault.InvalidArgument, "want an absolute http or https URL")
	}
	r, err := ParseRedirect("https://a/")
	if err != nil {
		t.Fatal(err)
	}
	if l := r.Location(400, "x", strings.Repeat("é", 5000), "0"); len(l) > 2000 {
		t.Errorf("a long message makes a Location of %d bytes", len(l))
	}
}

// FuzzForm holds the reader of forms against that of the standard library, which reads it all into memory: what one accepts the
// other one must understand in the same way.
func FuzzForm(f *testing.F) {
	f.Add([]byte(textField("key", "k") + fileField("a", "x") + "--xx--"))
	f.Add([]byte(formBody))
	f.Add([]byte(textField("key", "k") + textField("charset", "gbk") + fileField("\xd6\xd0", "x", "Content-Type: text/plain") + textField("after", "") + "--xx--\r\n"))
	f.Add([]byte("--xx\nContent-Disposition: form-data; name=key\n\nk\n--xx\nContent-Disposition: form-data; name=file\n\n\n--xx--\n"))
	f.Add([]byte("--xx\r\nContent-Disposition: form-data; name=key\r\n\r\n--xx--"))
	f.Fuzz(func(t *testing.T, data []byte) {
		in, content, err := decodeForm(iotest.DataErrReader(bytes.NewReader(data)))
		if err != nil {
			if s := fault.CodeOf(err).Status(); s < 400 || s > 499 {
				t.Fatalf("%q: %v has the status %d", data, err, s)
			}
			return
		}
		parts := multipart.NewReader(io.MultiReader(bytes.NewReader(data), strings.NewReader("\r\n")), "xx")
		for n := 0; ; n++ {
			part, err := parts.NextRawPart()
			if err != nil {
				t.Fatalf("%q: after %d parts: %v", data, n, err)
			}
			want, err := io.ReadAll(part)
			if err != nil {
				t.Fatalf("%q: %v", data, err)
			}
			if n < len(in.Form) {
				if got := in.Form[strings.ToLower(part.FormName())]; in.Charset == "" && got != string(want) {
					t.Fatalf("%q: field %q is %q; want %q", data, part.FormName(), got, want)
				}
				continue
			}
			if content != string(want) {
				t.Fatalf("%q: the file has %q; want %q", data, content, want)
			}
			return
		}
	})
}
