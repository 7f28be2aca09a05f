package signature

import (
	"net/http"
	"sync"
	"testing"
)

const digestDate = "Tue, 05 Mar 2024 08:15:30 GMT"

var (
	digestKey = NewKey("OISDIGESTEXAMPLEKEY1", "oisDigestExampleSecretKey00000000000001")
	otherKey  = NewKey("ENV_ACCESS_KEY_ID", "ENV_SECRET_ACCESS_KEY")
)

func header(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

func TestVerifyAcceptsTheSpellingsOfClients(t *testing.T) {
	query := "response-content-type=video%2Fmp4%3B+x"
	both := header("Date", digestDate, "X-Qs-Date", digestDate)
	date := header("Date", digestDate)
	tests := []struct {
		name   string
		signed Message // as the client signs
		seen   Message // as the server sees it
		want   bool
	}{
		{"raw values", Message{Path: "/b/k", Query: query, Header: date, RawValues: true}, Message{Path: "/b/k", Query: query, Header: date}, true},
		{"no slash after a bucket in the host", Message{Path: "/b", Query: "acl", Header: date}, Message{Bucket: "b", Path: "/", Query: "acl", Header: date}, true},
		{"slash after a bucket in the path", Message{Path: "/b/", Header: date}, Message{Path: "/b", Header: date}, true},
		{"no slash after a bucket in the path", Message{Path: "/b", Header: date}, Message{Path: "/b/", Header: date}, true},
		{"date kept beside x-qs-date", Message{Path: "/b/k", Header: both, KeepDate: true}, Message{Path: "/b/k", Header: both}, true},
		{
			"all three",
			Message{Path: "/b/", Query: "upload_id=%41", Header: both, RawValues: true, OtherSlash: true, KeepDate: true},
			Message{Path: "/b/", Query: "upload_id=%41", Header: both},
			true,
		},
		{"slash after a key", Message{Path: "/b/k/", Header: date}, Message{Path: "/b/k", Header: date}, false},
		{"another bucket", Message{Path: "/b", Header: date}, Message{Path: "/c", Header: date}, false},
		{"path decoded", Message{Path: "/b/ ", Header: date}, Message{Path: "/b/%20", Header: date}, false},
		{"another method", Message{Method: "PUT", Path: "/b", Header: date}, Message{Path: "/b", Header: date}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := digestKey.Verify(&test.seen, digestKey.Sign(&test.signed)); got != test.want {
				t.Errorf("Verify = %v; want %v", got, test.want)
			}
			if otherKey.Verify(&test.seen, digestKey.Sign(&test.signed)) {
				t.Error("Verify with another key = true")
			}
		})
	}
	if m := (Message{Path: "/b"}); digestKey.Verify(&m, "") {
		t.Error("Verify of no signature = true")
	}
}

func TestAuthorizationRoundTrip(t *testing.T) {
	m := Message{Method: "GET", Path: "/", Header: header("Date", digestDate)}
	value := digestKey.Authorization(&m)
	id, sum, ok := ParseAuthorization(value)
	if !ok || id != digestKey.ID() || sum != digestKey.Sign(&m) {
		t.Errorf("ParseAuthorization(%q) = %q, %q, %v", value, id, sum, ok)
	}
	if _, _, ok := ParseAuthorization("  QS  id:sum "); !ok {
		t.Error("blanks around the parts are refused")
	}
	for _, bad := range []string{"", "QS", "QS ", "QS x", "QS :y", "QS x:", "qs x:y", "QSx:y", "Bearer x:y", "QS x y:z", "QS x:y z", "QS x:\r\ny"} {
		if _, _, ok := ParseAuthorization(bad); ok {
			t.Errorf("ParseAuthorization(%q) is taken", bad)
		}
	}
}

// TestKeyIsSharedSafely lets the race detector look at the pool.
func TestKeyIsSharedSafely(t *testing.T) {
	m := Message{Method: "GET", Path: "/", Header: header("Date", digestDate)}
	want := digestKey.Sign(&m)
	var wg sync.WaitGroup
	for range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range 100 {
				if got := digestKey.Sign(&m); got != want {
					t.Errorf("Sign = %s; want %s", got, want)
				}
			}
		}()
	}
	wg.Wait()
}

func benchMessage() *Message {
	return &Message{Method: "PUT", Path: "/demo-bucket/docs/a.txt", Query: "part_number=3&upload_id=0123456789abcdef", Header: header(
		"Date", digestDate, "Content-Type", "text/plain", "X-Qs-Storage-Class", "STANDARD_IA", "X-Qs-Meta-Author", "team a")}
}

func TestSignAllocatesItsResultOnly(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes pools forget")
	}
	m := benchMessage()
	if n := testing.AllocsPerRun(100, func() { digestKey.Authorization(m) }); n > 1 {
		t.Errorf("Authorization makes %v allocations; want 1", n)
	}
	sum := digestKey.Sign(m)
	if n := testing.AllocsPerRun(100, func() { digestKey.Verify(m, sum) }); n > 0 {
		t.Errorf("Verify makes %v allocations; want 0", n)
	}
}

func BenchmarkSign(b *testing.B) {
	m := benchMessage()
	b.ReportAllocs()
	for b.Loop() {
		digestKey.Authorization(m)
	}
}

func BenchmarkVerify(b *testing.B) {
	m := benchMessage()
	sum := digestKey.Sign(m)
	b.ReportAllocs()
	for b.Loop() {
		digestKey.Verify(m, sum)
	}
}
