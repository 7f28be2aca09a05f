package sse

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

const (
	someKey    = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=" // 0123456789abcdef0123456789abcdef
	someKeyMD5 = "hRasmdxgYDKV3nvbahU1MA=="
)

func parse(t testing.TB) *Key {
	t.Helper()
	k, err := ParseKey("x-", Algorithm, someKey, someKeyMD5)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func otherKey(t testing.TB) *Key {
	t.Helper()
	k, err := ParseKey("x-", Algorithm, "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=", "UhbdzFjo2t5SVgded/ZC2g==")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func noise(n int) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(1, uint64(n)))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// pieces yields data in pieces of n bytes, in memory that it uses again.
func pieces(data []byte, n int) func() ([]byte, error) {
	buf := make([]byte, n)
	return func() ([]byte, error) {
		clear(buf)
		if len(data) == 0 {
			return nil, io.EOF
		}
		m := copy(buf, data)
		data = data[m:]
		return buf[:m], nil
	}
}

func sealAll(t testing.TB, k *Key, salt Salt, data []byte, piece int) []byte {
	t.Helper()
	s := k.NewSealer(salt, pieces(data, piece))
	defer s.Close()
	var sealed []byte
	for {
		p, err := s.Next()
		if err == io.EOF { //nolint:errorlint // what it promises
			return sealed
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(sealed)%ChunkLen != 0 {
			t.Fatalf("a piece follows one of %d bytes; want multiples of %d but for the last", len(sealed)%ChunkLen, ChunkLen)
		}
		sealed = append(sealed, p...)
	}
}

// openRange opens a range of what was sealed.
func openRange(k *Key, salt Salt, sealed []byte, size, off, n int64) ([]byte, error) {
	from, length := Span(size, off, n)
	o := k.NewOpener(salt, size, off, n, bytes.NewReader(sealed[from:from+length]))
	defer o.Close()
	var plain []byte
	for {
		p, err := o.Next()
		if errors.Is(err, io.EOF) {
			return plain, nil
		}
		if err != nil {
			return plain, err
		}
		plain = append(plain, p...)
	}
}

var sizes = []int{0, 1, 15, 16, 17, 4096, plainLen - 1, plainLen, plainLen + 1, ChunkLen, 2*plainLen - 1, 2 * plainLen, 2*plainLen + 1, 5*plainLen + 12345}

func TestWhatIsSealedComesBack(t *testing.T) {
	k := parse(t)
	for _, size := range sizes {
		data := noise(size)
		for _, piece := range []int{1000, plainLen, ChunkLen, 4 * ChunkLen} {
			salt := NewSalt()
			sealed := sealAll(t, k, salt, data, piece)
			if n := SealedLen(int64(size)); int64(len(sealed)) != n {
				t.Fatalf("%d bytes became %d; SealedLen says %d", size, len(sealed), n)
			}
			if n, ok := PlainLen(int64(len(sealed))); int(n) != size || !ok {
				t.Errorf("PlainLen(%d) = %d, %v; want %d", len(sealed), n, ok, size)
			}
			for _, off := range edges(size) {
				for _, end := range edges(size) {
					if end < off {
						continue
					}
					got, err := openRange(k, salt, sealed, int64(size), int64(off), int64(end-off))
					if err != nil || !bytes.Equal(got, data[off:end]) {
						t.Fatalf("bytes %d to %d of %d in pieces of %d: got %d bytes, %v", off, end, size, piece, len(got), err)
					}
				}
			}
		}
	}
}

// edges returns offsets at and beside the ends of all chunks of size bytes.
func edges(size int) []int {
	at := []int{0, size}
	for end := 0; end <= size+plainLen; end += plainLen {
		for _, o := range []int{end - 1, end, end + 1} {
			if o >= 0 && o <= size {
				at = append(at, o)
			}
		}
	}
	return at
}

func TestOneChunkIsTheSameForm(t *testing.T) {
	k, salt := parse(t), NewSalt()
	for _, size := range []int{0, 1, 16 << 10, plainLen} {
		data := noise(size)
		sealed := k.Seal(salt, data)
		if !bytes.Equal(sealed, sealAll(t, k, salt, data, 100)) {
			t.Errorf("%d bytes: Seal and a Sealer differ", size)
		}
		before := bytes.Clone(sealed)
		got, err := k.Open(salt, sealed)
		if err != nil || !bytes.Equal(got, data) || !bytes.Equal(sealed, before) {
			t.Errorf("%d bytes: Open = %d bytes, %v", size, len(got), err)
		}
	}
}

// TestForm writes the form down once more, in the words of docs/format.md.
func TestForm(t *testing.T) {
	k := parse(t)
	salt := Salt{1, 2, 3}
	data := noise(plainLen + 5)
	dataKey, err := hkdf.Key(sha256.New, []byte("0123456789abcdef0123456789abcdef"), salt[:], "ois customer key, chunks, 1", 32)
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(dataKey)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	want := gcm.Seal(nil, make([]byte, 12), data[:65520], nil)
	want = gcm.Seal(want, []byte{0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1}, data[65520:], nil)
	if got := sealAll(t, k, salt, data, ChunkLen); !bytes.Equal(got, want) {
		t.Error("the form of sealed bytes has changed")
	}
	rest, err := hkdf.Key(sha256.New, []byte("0123456789abcdef0123456789abcdef"), salt[:], "ois customer key, check, 1", 16)
	if err != nil {
		t.Fatal(err)
	}
	if got := k.check(salt[:]); !bytes.Equal(got[:], append(salt[:], rest...)) {
		t.Error("the form of checks has changed")
	}
}

func TestDamageIsNoticed(t *testing.T) {
	k, salt := parse(t), NewSalt()
	const size = 3*plainLen + 100
	data := noise(size)
	sealed := sealAll(t, k, salt, data, ChunkLen)
	other := sealAll(t, k, NewSalt(), data, ChunkLen)
	chunk := func(b []byte, i int) []byte { return b[i*ChunkLen : min((i+1)*ChunkLen, len(b))] }
	for name, change := range map[string]func([]byte){
		"a bit":                     func(b []byte) { b[ChunkLen+77] ^= 1 },
		"a bit of a tag":            func(b []byte) { b[2*ChunkLen-1] ^= 0x80 },
		"a bit of the last chunk":   func(b []byte) { b[len(b)-20] ^= 1 },
		"two chunks swapped":        func(b []byte) { copy(chunk(b, 0), chunk(sealed, 1)); copy(chunk(b, 1), chunk(sealed, 0)) },
		"a chunk of another run":    func(b []byte) { copy(chunk(b, 1), chunk(other, 1)) },
		"the last chunk of another": func(b []byte) { copy(chunk(b, 3), chunk(other, 3)) },
		"zeros":                     func(b []byte) { clear(chunk(b, 2)) },
	} {
		bad := bytes.Clone(sealed)
		change(bad)
		got, err := openRange(k, salt, bad, size, 0, size)
		if !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v; want ErrDamaged", name, err)
		}
		if !bytes.HasPrefix(data, got) || len(got)%plainLen != 0 {
			t.Errorf("%s: bytes came out that were never sealed", name)
		}
	}
	for name, n := range map[string]int64{"cut behind a chunk": 2 * plainLen, "cut within a chunk": 2*plainLen + 50} {
		if _, err := openRange(k, salt, sealed, n, 0, n); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v; want ErrDamaged", name, err)
		}
	}
	if _, err := openRange(otherKey(t), salt, sealed, size, 0, size); !errors.Is(err, ErrDamaged) {
		t.Errorf("another key: %v; want ErrDamaged", err)
	}
	if _, err := k.Open(salt, k.Seal(NewSalt(), data[:100])); !errors.Is(err, ErrDamaged) {
		t.Errorf("another salt: %v; want ErrDamaged", err)
	}
	o := k.NewOpener(salt, size, 0, size, bytes.NewReader(sealed[:10]))
	defer o.Close()
	if _, err := o.Next(); !errors.Is(err, ErrDamaged) {
		t.Errorf("a source that ends: %v; want ErrDamaged", err)
	}
}

// TestSameBytesAreNeverSealedAlike: what two runs have in common must not show.
func TestSameBytesAreNeverSealedAlike(t *testing.T) {
	k := parse(t)
	a, b := k.Seal(NewSalt(), make([]byte, 1000)), k.Seal(NewSalt(), make([]byte, 1000))
	same := 0
	for i := range a {
		if a[i] == b[i] {
			same++
		}
	}
	if same > 40 { // 4 of 1016 are expected
		t.Errorf("%d of %d bytes are the same under two salts", same, len(a))
	}
	if c, d := k.NewCheck(), k.NewCheck(); c == d || !c.Fits(k) || !d.Fits(k) || c.Fits(otherKey(t)) {
		t.Error("checks are alike, or do not tell keys apart")
	}
}

func TestErrorsOfTheSourceStayAsTheyAre(t *testing.T) {
	k, broken := parse(t), errors.New("broken")
	s := k.NewSealer(NewSalt(), func() ([]byte, error) { return nil, broken })
	defer s.Close()
	if _, err := s.Next(); err != broken { //nolint:errorlint // as it is
		t.Errorf("a Sealer returns %v; want the error itself", err)
	}
	o := k.NewOpener(NewSalt(), 10, 0, 10, io.MultiReader(strings.NewReader("abc"), errorReader{broken}))
	defer o.Close()
	if _, err := o.Next(); err != broken { //nolint:errorlint // as it is
		t.Errorf("an Opener returns %v; want the error itself", err)
	}
}

type errorReader struct{ error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.error }

func TestParseKey(t *testing.T) {
	if k, err := ParseKey("x-", "", "", ""); k != nil || err != nil || k.MD5() != "" || !k.Equal(nil) {
		t.Errorf("no headers: %v, %v; want no key", k, err)
	}
	k := parse(t)
	if k.MD5() != someKeyMD5 || !k.Equal(parse(t)) || k.Equal(nil) || k.Equal(otherKey(t)) {
		t.Error("the key is not what was sent")
	}
	for name, h := range map[string][3]string{
		"no algorithm":    {"", someKey, someKeyMD5},
		"no key":          {Algorithm, "", someKeyMD5},
		"no MD5":          {Algorithm, someKey, ""},
		"other algorithm": {"AES128", someKey, someKeyMD5},
		"lower case":      {"aes256", someKey, someKeyMD5},
		"short key":       {Algorithm, "MDEyMzQ1Njc4OWFiY2RlZg==", someKeyMD5},
		"long key":        {Algorithm, "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWYw", someKeyMD5},
		"no base64":       {Algorithm, strings.Repeat("-", 44), someKeyMD5},
		"two keys":        {Algorithm, someKey + ", " + someKey, someKeyMD5},
		"other MD5":       {Algorithm, someKey, "UhbdzFjo2t5SVgded/ZC2g=="},
		"hexadecimal MD5": {Algorithm, someKey, "8516ac99dc60603295de7bdb6a153530"},
		"short MD5":       {Algorithm, someKey, "hRas"},
	} {
		k, err := ParseKey("x-", h[0], h[1], h[2])
		if k != nil || err == nil || !strings.Contains(err.Error(), "header x-") {
			t.Errorf("%s: %v, %v; want an error that names the header", name, k, err)
			continue
		}
		if strings.Contains(err.Error(), "MDEyMzQ") {
			t.Errorf("%s: the error tells the key: %v", name, err)
		}
	}
}

func TestKeyIsNotPrinted(t *testing.T) {
	k := parse(t)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if got := fmt.Sprintf(verb, k); got != "(key)" {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}

func TestLengthsThatNothingHas(t *testing.T) {
	for n := range int64(3 * ChunkLen) {
		plain, ok := PlainLen(n)
		if ok && SealedLen(plain) != n || !ok && SealedLen(plain) == n {
			t.Fatalf("PlainLen(%d) = %d, %v; SealedLen of that is %d", n, plain, ok, SealedLen(plain))
		}
	}
}

func FuzzParseKey(f *testing.F) {
	f.Add(Algorithm, someKey, someKeyMD5)
	f.Add("", "", "")
	f.Fuzz(func(t *testing.T, algorithm, key, sum string) {
		k, err := ParseKey("x-", algorithm, key, sum)
		if k != nil && (err != nil || k.MD5() == "") {
			t.Errorf("ParseKey = a key, %v", err)
		}
	})
}

func FuzzOpen(f *testing.F) {
	k := parse(f)
	f.Add([]byte("0123456789abcdef0"), int64(1), int64(0), int64(1))
	f.Fuzz(func(t *testing.T, sealed []byte, size, off, n int64) {
		if size < 0 || size > 1<<40 || off < 0 || n < 0 || off > size || n > size-off {
			return
		}
		o := k.NewOpener(Salt{}, size, off, n, bytes.NewReader(sealed))
		defer o.Close()
		if p, err := o.Next(); err == nil {
			t.Errorf("%d bytes came out that were never sealed", len(p))
		}
		if _, err := k.Open(Salt{}, sealed); err == nil && len(sealed) > 0 {
			t.Error("bytes came out that were never sealed")
		}
	})
}

func BenchmarkSealer(b *testing.B) {
	k, data := parse(b), noise(8<<20)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		s := k.NewSealer(NewSalt(), pieces(data, 4*ChunkLen))
		for {
			if _, err := s.Next(); err != nil {
				break
			}
		}
		s.Close()
	}
}
