package conformance

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/oisproject/ois/sdk/go/signature"
)

func TestClient04_PathIsSignedAsSent(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	key := "a b=c/é(1)!.txt"
	b.put(key, "hello").want(http.StatusCreated)
	for _, path := range []string{
		"/a%20b%3Dc%2F%C3%A9%281%29%21.txt",
		"/a%20b=c/%C3%A9(1)!.txt",
		"/a%20b=c/%c3%a9%281%29%21.txt",
		"/%61%20%62=%63/%C3%a9(1)!%2etxt",
	} {
		b.send("GET", path, "").want(http.StatusOK).wantBody("hello")
		b.send("PUT", path, "hello").want(http.StatusCreated)
		if s.domain != "" {
			s.do(request{method: "GET", host: s.bucketHost(b.name), target: path, bucket: b.name, by: s.owner}).
				want(http.StatusOK).wantBody("hello")
		}
	}
}

func TestClient04_BucketMayBeSignedWithOrWithoutSlash(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	for _, suffix := range []string{"", "/", "?acl", "/?acl"} {
		r := b.request("GET", suffix, "")
		r.sign = func(m *signature.Message) { m.OtherSlash = true }
		s.do(r).want(http.StatusOK)
		r.sign = nil
		s.do(r).want(http.StatusOK)
	}
}

func TestClient05_ParameterValuesAreSignedDecodedOrAsSent(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.fill("a.txt")
	for _, value := range []string{"video/mp4%3B%20charset%3Dutf8", "video/mp4;+charset=utf8", "video%2Fmp4%3b%20charset%3dutf8"} {
		for _, raw := range []bool{false, true} {
			r := b.request("GET", "/a.txt?response-content-type="+value, "")
			r.sign = func(m *signature.Message) { m.RawValues = raw }
			s.do(r).want(http.StatusOK).wantHeader("Content-Type", "video/mp4; charset=utf8")
			s.do(r.presigned(s.owner, inAnHour())).want(http.StatusOK).wantHeader("Content-Type", "video/mp4; charset=utf8")
		}
	}
}

func inAnHour() int64 { return time.Now().Add(time.Hour).Unix() }

func TestOnlySignedParametersAreSigned(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	r := b.request("GET", "?prefix=a&limit=5", "")
	r.sign = func(m *signature.Message) { m.Query = "" }
	s.do(r).want(http.StatusOK)
	r = b.request("GET", "?acl", "")
	r.sign = func(m *signature.Message) { m.Query = "" }
	s.do(r).wantFault(http.StatusUnauthorized, "signature_not_matched")
}

func TestClient06_XQSDateReplacesDate(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	old := httpDate(time.Now().Add(-time.Hour))
	b.put("a.txt", "x", "X-QS-Date: "+now()).want(http.StatusCreated)
	b.put("a.txt", "x", "x-qs-date: "+now(), "Date: "+old).want(http.StatusCreated)
	b.put("b.txt", "x", "X-QS-Date: "+old, "Date: "+now()).wantFault(http.StatusForbidden, "request_expired")
	b.wantMissing("b.txt")

	// Some clients repeat the date in its line.
	r := b.request("GET", "/a.txt", "", "X-QS-Date: "+now(), "Date: "+now())
	r.sign = func(m *signature.Message) { m.KeepDate = true }
	s.do(r).want(http.StatusOK)
}

func TestClient07_QueryMayCarryTheSignature(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.put("a+b.txt", "hello").want(http.StatusCreated)
	r := b.request("GET", "/a+b.txt?response-content-type=text%2Fplain", "")
	m := r.message(nil)
	m.Expires = strconv.FormatInt(inAnHour(), 10)
	sig := s.owner.key.Sign(m)
	for _, spelled := range []string{
		escape(sig),
		strings.ReplaceAll(sig, "+", "%2B"),
		escapeBut(sig, "/"),
	} {
		id, expires, signed := "access_key_id="+s.owner.id, "expires="+m.Expires, "signature="+spelled
		for _, query := range [][]string{{id, expires, signed}, {signed, id, expires}, {expires, signed, id}} {
			signed := r
			signed.by, signed.target = nil, withQuery(r.target, query...)
			s.do(signed).want(http.StatusOK).wantBody("hello").wantHeader("Content-Type", "text/plain")
		}
		first := r
		path, rest, _ := strings.Cut(r.target, "?")
		first.by, first.target = nil, path+"?"+strings.Join([]string{signed, rest, expires, id}, "&")
		s.do(first).want(http.StatusOK)
	}
}

func TestClient07_PresignedPutStores(t *testing.T) {
	s := start(t)
	b := s.newBucket().as(nil)
	for name, header := range map[string][]string{
		"plain": nil,
		"typed": {"Content-Type: text/plain"},
		"full":  {"Content-Type: text/plain", "Content-MD5: " + md5Of("hello"), "x-qs-meta-a: b"},
		"dated": {"X-QS-Date: " + now()},
	} {
		r := b.request("PUT", object(name), "hello", header...).presigned(s.owner, inAnHour())
		s.do(r).want(http.StatusCreated)
		b.as(s.owner).get(name).want(http.StatusOK).wantBody("hello")
	}
}

func TestPresignedRequestIsGoodForNothingElse(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.fill("a.txt", "b.txt")
	r := b.as(nil).request("GET", "/a.txt", "").presigned(s.owner, inAnHour())
	s.do(r).want(http.StatusOK)
	for name, change := range map[string]func(*request){
		"method":    func(r *request) { r.method = "DELETE" },
		"key":       func(r *request) { r.target = strings.Replace(r.target, "/a.txt", "/b.txt", 1) },
		"parameter": func(r *request) { r.target += "&response-content-type=text/html" },
		"header":    func(r *request) { r.header = []string{"X-QS-Meta-A: b"} },
		"type":      func(r *request) { r.header = []string{"Content-Type: text/html"} },
		"expiry":    func(r *request) { r.target = strings.Replace(r.target, "expires=", "expires=9", 1) },
	} {
		changed := r
		change(&changed)
		a := s.do(changed)
		if a.status != http.StatusUnauthorized {
			t.Errorf("another %s: %d %s; want 401", name, a.status, a.text)
		}
	}
	b.get("a.txt").want(http.StatusOK)
}

func TestPresignedRequestExpires(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	for method, key := range map[string]string{"PUT": "a.txt", "GET": "a.txt"} {
		r := b.as(nil).request(method, object(key), "").presigned(s.owner, time.Now().Add(-time.Minute).Unix())
		s.do(r).wantFault(http.StatusForbidden, "request_expired")
	}
	b.wantNothing()
}

func TestPresignedRequestMustBeComplete(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	m := (&request{method: "PUT", target: "/" + b.name + "/a.txt"}).message(nil)
	m.Expires = strconv.FormatInt(inAnHour(), 10)
	id, expires, sig := "access_key_id="+s.owner.id, "expires="+m.Expires, "signature="+escape(s.owner.key.Sign(m))
	for _, query := range [][]string{{id, expires}, {expires, sig}, {id, sig}, {id, sig, "expires=soon"}, {id, sig, "expires="}} {
		r := b.as(nil).request("PUT", "/a.txt?"+strings.Join(query, "&"), "x")
		s.do(r).wantFault(http.StatusBadRequest, "invalid_argument")
	}
	b.wantNothing()
}

func TestHeaderWinsOverTheQuery(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	wrong := newAccount(s.owner.id, "not the secret")
	r := b.request("GET", "", "").presigned(wrong, inAnHour())
	r.by = s.owner
	s.do(r).want(http.StatusOK)
}

func TestClient08_TypeIsSignedOnEveryMethod(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.fill("a.txt")
	for _, header := range []string{"Content-Type: application/octet-stream", "Content-Type: text/x-python", "Content-Type:", "Content-MD5:"} {
		b.send("GET", "", "", header).want(http.StatusOK)
		b.get("a.txt", header).want(http.StatusOK).wantBody("a.txt")
		b.head("a.txt", header).want(http.StatusOK)
		b.send("DELETE", "/b.txt", "", header).want(http.StatusNoContent)
	}
	r := b.request("GET", "/a.txt", "", "Content-Type: text/plain")
	r.sign = func(m *signature.Message) { m.Header.Del("Content-Type") }
	s.do(r).wantFault(http.StatusUnauthorized, "signature_not_matched")
}

func TestClient09_SignedHeadersAreTrimmed(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.put("a.txt", "x", "X-QS-Meta-A:   one two  ", "x-qs-META-b:three", "x-qs-storage-class: \tSTANDARD_IA").want(http.StatusCreated)
	b.head("a.txt").want(http.StatusOK).wantHeader("X-Qs-Meta-A", "one two").wantHeader("X-Qs-Meta-B", "three").
		wantHeader("X-Qs-Storage-Class", "STANDARD_IA")
	b.put("c.txt", "", "x-qs-copy-source:  /"+b.name+"/a.txt ").want(http.StatusCreated)
	b.get("c.txt").want(http.StatusOK).wantBody("x")
}

func TestClient09_SignedHeadersMustNotChange(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	for name, line := range map[string]string{
		"added":    "x-qs-meta-a: b",
		"class":    "x-qs-storage-class: STANDARD_IA",
		"copied":   "x-qs-copy-source: /" + b.name + "/b.txt",
		"key":      "x-qs-encryption-customer-algorithm: AES256",
		"repeated": "x-qs-meta-signed: b",
	} {
		r := b.request("PUT", "/a.txt", "x", "x-qs-meta-signed: a")
		r.header = append(r.header, line)
		r.sign = func(m *signature.Message) {
			m.Header = headerOf([]string{"Date: " + m.Header.Get("Date"), "x-qs-meta-signed: a"})
		}
		if a := s.do(r); a.status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s; want 401", name, a.status, a.text)
		}
	}
	b.wantNothing()
}

func TestClient09_WrongKeyOrSecretIsRefused(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.put("kept.txt", "old").want(http.StatusCreated)
	for _, c := range []struct {
		by   *account
		code string
	}{
		{newAccount("NOSUCHACCESSKEYID001", "secret"), "invalid_access_key_id"},
		{newAccount(s.owner.id+"X", "secret"), "invalid_access_key_id"},
		{newAccount(s.owner.id, "not the secret"), "signature_not_matched"},
	} {
		wrong := b.as(c.by)
		wrong.put("a.txt", "x").wantFault(http.StatusUnauthorized, c.code)
		wrong.put("kept.txt", "new").wantFault(http.StatusUnauthorized, c.code)
		wrong.delete("kept.txt").wantFault(http.StatusUnauthorized, c.code)
		wrong.get("kept.txt").wantFault(http.StatusUnauthorized, c.code)
		wrong.head("kept.txt").wantFault(http.StatusUnauthorized, c.code)
		wrong.send("POST", "/a.txt?uploads", "").wantFault(http.StatusUnauthorized, c.code)
		s.do(request{method: "GET", target: "/", by: c.by}).wantFault(http.StatusUnauthorized, c.code)
		s.do(request{method: "PUT", target: "/" + freshName(), by: c.by}).wantFault(http.StatusUnauthorized, c.code)
		s.do(b.as(nil).request("GET", "", "").presigned(c.by, inAnHour())).wantFault(http.StatusUnauthorized, c.code)
	}
	b.get("kept.txt").want(http.StatusOK).wantBody("old")
	b.delete("kept.txt").want(http.StatusNoContent)
	b.wantNothing()
}

func TestClockMayBeAlmostAQuarterHourOff(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	for _, c := range []struct {
		off    time.Duration
		status int
	}{
		{-14 * time.Minute, http.StatusCreated},
		{14 * time.Minute, http.StatusCreated},
		{-16 * time.Minute, http.StatusForbidden},
		{16 * time.Minute, http.StatusForbidden},
	} {
		for _, name := range []string{"Date", "X-QS-Date"} {
			key := fmt.Sprint(name, c.off)
			a := b.put(key, "x", name+": "+httpDate(time.Now().Add(c.off))).want(c.status)
			if c.status == http.StatusForbidden {
				a.wantFault(http.StatusForbidden, "request_expired")
				b.wantMissing(key)
			}
		}
	}
}

func TestDateMustBeThereAndReadable(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	for _, date := range []string{"", "yesterday", "2024-03-05T08:15:30Z", "1709626530"} {
		b.put("a.txt", "x", "Date: "+date).wantFault(http.StatusForbidden, "request_expired")
	}
	b.wantNothing()
}

func TestAuthorizationMustBeReadable(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	for _, value := range []string{
		"QS", "QS " + s.owner.id, "QS :", "QS " + s.owner.id + ":", "Bearer abc", "Basic YTpi",
		"AWS4-HMAC-SHA256 Credential=a/b/c", s.owner.id + ":c2lnbmF0dXJl", "QS a b:c",
	} {
		b.put("a.txt", "x", "Date: "+now(), "Authorization: "+value).wantFault(http.StatusBadRequest, "invalid_argument")
	}
	b.wantNothing()
}

func TestUnknownKeyIsToldBeforeTheClock(t *testing.T) {
	s := start(t)
	old := "Date: " + httpDate(time.Now().Add(-time.Hour))
	s.do(request{method: "GET", target: "/", by: newAccount("NOSUCHACCESSKEYID001", "secret"), header: []string{old}}).
		wantFault(http.StatusUnauthorized, "invalid_access_key_id")
	s.do(request{method: "GET", target: "/", by: newAccount(s.owner.id, "not the secret"), header: []string{old}}).
		wantFault(http.StatusForbidden, "request_expired")
}

func TestWrongCredentialsAreNotAnonymous(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.fill("a.txt")
	b.grant(toAll("FULL_CONTROL"))
	b.as(nil).get("a.txt").want(http.StatusOK)
	b.as(newAccount("NOSUCHACCESSKEYID001", "secret")).get("a.txt").wantFault(http.StatusUnauthorized, "invalid_access_key_id")
	b.as(newAccount(s.owner.id, "not the secret")).put("a.txt", "x").wantFault(http.StatusUnauthorized, "signature_not_matched")
	b.get("a.txt").want(http.StatusOK).wantBody("a.txt")
}
