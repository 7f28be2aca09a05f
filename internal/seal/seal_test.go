package seal

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

func ring(t testing.TB, keys ...byte) *Ring {
	t.Helper()
	var list [][KeyLen]byte
	for _, b := range keys {
		list = append(list, [KeyLen]byte(bytes.Repeat([]byte{b}, KeyLen)))
	}
	r, err := NewRing(list[0], list[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestWhatIsSealedIsOpenedInItsPlaceOnly(t *testing.T) {
	r := ring(t, 1)
	sealed := r.Seal("the secret", "here")
	if bytes.Contains(sealed, []byte("secret")) {
		t.Error("the secret can be read")
	}
	if got, err := r.Open(sealed, "here"); got != "the secret" || err != nil {
		t.Errorf("Open = %q, %v", got, err)
	}
	if got, err := r.Open(sealed, "there"); !errors.Is(err, ErrBroken) || got != "" {
		t.Errorf("Open in another place = %q, %v; want %v", got, err, ErrBroken)
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := r.Open(bad, "here"); !errors.Is(err, ErrBroken) && !errors.Is(err, ErrOtherKey) {
			t.Errorf("Open with byte %d changed = %v", i, err)
		}
		if _, err := r.Open(sealed[:i], "here"); !errors.Is(err, ErrBroken) {
			t.Errorf("Open of %d bytes = %v; want %v", i, err, ErrBroken)
		}
	}
	if again := r.Seal("the secret", "here"); bytes.Equal(again, sealed) {
		t.Error("the same secret twice looks the same")
	}
}

func TestRotation(t *testing.T) {
	old, both, fresh := ring(t, 1), ring(t, 2, 1), ring(t, 2)
	sealed := old.Seal("s", "c")
	if _, err := fresh.Open(sealed, "c"); !errors.Is(err, ErrOtherKey) || !strings.Contains(err.Error(), old.ID().String()) {
		t.Errorf("Open with another key = %v; want %v and its id", err, ErrOtherKey)
	}
	if got, err := both.Open(sealed, "c"); got != "s" || err != nil {
		t.Errorf("Open with both = %q, %v", got, err)
	}
	if id, err := KeyOf(both.Seal("s", "c")); id != fresh.ID() || err != nil {
		t.Errorf("both seal with %s, %v; want %s", id, err, fresh.ID())
	}
	if !both.Has(old.ID()) || fresh.Has(old.ID()) {
		t.Error("Has is wrong")
	}
}

func TestParseKey(t *testing.T) {
	key := bytes.Repeat([]byte{0xab, 0xfe}, KeyLen/2)
	for _, text := range []string{
		hex.EncodeToString(key), strings.ToUpper(hex.EncodeToString(key)) + "\n",
		" " + base64.StdEncoding.EncodeToString(key) + "\r\n", base64.RawStdEncoding.EncodeToString(key),
	} {
		if got, err := ParseKey(text); !bytes.Equal(got[:], key) || err != nil {
			t.Errorf("ParseKey(%q) = %x, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "secret", string(key), hex.EncodeToString(key[1:]), strings.Repeat("z", 64), strings.Repeat("=", 44), strings.Repeat("A", 45)} {
		if _, err := ParseKey(text); err == nil || text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("ParseKey(%q) = %v; want an error that does not tell", text, err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	r := ring(f, 1)
	f.Add([]byte{})
	f.Add(r.Seal("s", "c"))
	f.Fuzz(func(t *testing.T, sealed []byte) {
		if got, err := r.Open(sealed, "other"); err == nil {
			t.Errorf("Open = %q of what was never sealed", got)
		}
	})
}
