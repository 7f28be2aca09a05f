package datadir

import (
	"bytes"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/oisproject/ois/internal/seal"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/vfs"
)

func noEnv(string) string { return "" }

func env(id, secret string) func(string) string {
	return func(name string) string {
		return map[string]string{"OIS_ROOT_ACCESS_KEY_ID": id, "OIS_ROOT_SECRET_ACCESS_KEY": secret}[name]
	}
}

func TestRootKeyIsMadeOnce(t *testing.T) {
	fsys := vfs.NewMem()
	create(t, fsys)
	first, err := LoadRootKey(fsys, dir, noEnv)
	if err != nil {
		t.Fatal(err)
	}
	if !first.Created || first.File != dir+"/root-key" || len(first.ID) != 20 || len(first.Secret) != 40 {
		t.Errorf("LoadRootKey = %+v; want a new pair of 20 and 40 characters in %s/root-key", first, dir)
	}
	second, err := LoadRootKey(fsys, dir, noEnv)
	if err != nil {
		t.Fatal(err)
	}
	if second.Created || second.Exposed || second.ID != first.ID || second.Secret != first.Secret {
		t.Errorf("LoadRootKey again = %+v; want the pair of %+v, not created", second, first)
	}
	fi, err := fsys.Stat(dir + "/root-key")
	if err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("mode of root-key is %v, %v; want 0600", fi.Mode(), err)
	}
}

func TestRootKeyThatOthersMayReadIsTold(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there are no modes on Windows")
	}
	fsys := vfs.NewMem()
	create(t, fsys)
	text := []byte("access_key_id: id\nsecret_access_key: secret\n")
	if err := vfs.WriteFile(fsys, dir+"/root-key", text, 0o640); err != nil {
		t.Fatal(err)
	}
	if k, err := LoadRootKey(fsys, dir, noEnv); err != nil || !k.Exposed {
		t.Errorf("LoadRootKey = %+v, %v; want an exposed key", k, err)
	}
}

func TestRootKeyOfTheEnvironmentWins(t *testing.T) {
	fsys := vfs.NewMem()
	create(t, fsys)
	k, err := LoadRootKey(fsys, dir, env("id", "secret"))
	if err != nil || k != (RootKey{ID: "id", Secret: "secret"}) {
		t.Errorf("LoadRootKey = %+v, %v; want the pair of the environment", k, err)
	}
	if _, err := fsys.Stat(dir + "/root-key"); err == nil {
		t.Error("there is a file root-key; want none")
	}
}

func TestRootKeyOfTheEnvironmentIsChecked(t *testing.T) {
	fsys := vfs.NewMem()
	create(t, fsys)
	for _, c := range []struct{ id, secret, want string }{
		{"id", "", "only one of OIS_ROOT_ACCESS_KEY_ID and OIS_ROOT_SECRET_ACCESS_KEY is set"},
		{"", "hidden", "only one of"},
		{"a:b", "hidden", "access key id has a character"},
		{"id", "hid den", "secret access key has a character"},
		{"id", "hidden\n", "secret access key has a character"},
		{strings.Repeat("x", 129), "hidden", "has 129 bytes; allowed: 128"},
	} {
		_, err := LoadRootKey(fsys, dir, env(c.id, c.secret))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("LoadRootKey with id %q = %v; want an error with %q", c.id, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "hid") {
			t.Errorf("the error shows the secret: %v", err)
		}
	}
}

func TestRootKeyFileIsParsed(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"access_key_id: id\nsecret_access_key: sec/+=\n", ""},
		{"# comment\r\n\r\n secret_access_key:sec\r\naccess_key_id:   id", ""},
		{"", "the access key id is missing"},
		{"access_key_id: id\n", "the secret access key is missing"},
		{"access_key_id: id\naccess_key_id: id\n", "line 2: access_key_id stands there twice"},
		{"access_key_id: id\nendpoint: x\n", "line 2: want access_key_id"},
		{"nonsense\n", "line 1: want access_key_id"},
		{"access_key_id: 'id'\nsecret_access_key: s\n", "a character that is not allowed"},
	} {
		fsys := vfs.NewMem()
		write(t, fsys, map[string]string{"root-key": c.text})
		k, err := LoadRootKey(fsys, dir, noEnv)
		switch {
		case c.want == "" && (err != nil || k.ID != "id" || !strings.HasPrefix(k.Secret, "sec") || k.Created):
			t.Errorf("root-key %q: LoadRootKey = %+v, %v; want id and sec…", c.text, k, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("root-key %q: LoadRootKey = %v; want an error with %q", c.text, err, c.want)
		}
	}
}

func TestKeysKnowRootAndTheStore(t *testing.T) {
	d, err := Open(t.Context(), vfs.NewMem(), dir, &Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	k, err := d.Store.CreateKey(t.Context(), store.RootUser)
	if err != nil {
		t.Fatal(err)
	}
	keys := Keys{Root: RootKey{ID: "root-id", Secret: "root-secret"}, Store: d.Store}
	for _, c := range []struct {
		id, secret string
		ok         bool
	}{
		{"root-id", "root-secret", true}, {k.ID, k.Secret, true}, {"nobody", "", false}, {"", "", false},
	} {
		secret, user, ok, err := keys.Key(t.Context(), c.id)
		if err != nil || secret != c.secret || ok != c.ok || ok && user != store.RootUser {
			t.Errorf("Key(%q) = %q, %q, %v, %v; want %q, %v", c.id, secret, user, ok, err, c.secret, c.ok)
		}
	}
	if err := errors.Join(d.Close()); err != nil {
		t.Error(err)
	}
}

func FuzzRootKey(f *testing.F) {
	f.Add("access_key_id: id\nsecret_access_key: secret\n")
	f.Add("# c\n\naccess_key_id:\n")
	f.Fuzz(func(t *testing.T, text string) {
		k, err := parseRootKey(text)
		if err != nil {
			return
		}
		again, err := parseRootKey(k.Settings())
		if err != nil || again != k {
			t.Errorf("%q parses as %+v; its settings parse as %+v, %v", text, k, again, err)
		}
	})
}

// sealingRing returns a ring with keys that consist of one byte each.
func sealingRing(t *testing.T, keys ...byte) *seal.Ring {
	t.Helper()
	var list [][seal.KeyLen]byte
	for _, b := range keys {
		list = append(list, [seal.KeyLen]byte(bytes.Repeat([]byte{b}, seal.KeyLen)))
	}
	r, err := seal.NewRing(list[0], list[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// openKeys opens the directory with keys and returns its root key.
func openKeys(t *testing.T, fsys vfs.FS, keys ...byte) (RootKey, error) {
	t.Helper()
	o := &Options{Create: true}
	if len(keys) > 0 {
		o.Secrets = sealingRing(t, keys...)
	}
	d, err := Open(t.Context(), fsys, dir, o)
	if err != nil {
		return RootKey{}, err
	}
	k, err := d.RootKey(noEnv)
	return k, errors.Join(err, d.Close())
}

func TestRootKeyIsSealed(t *testing.T) {
	fsys := vfs.NewMem()
	plain, err := openKeys(t, fsys)
	if err != nil || plain.Sealed {
		t.Fatalf("root key is %+v, %v; want a plain one", plain, err)
	}
	for _, keys := range [][]byte{{1}, {2, 1}, {2}} {
		k, err := openKeys(t, fsys, keys...)
		if err != nil || !k.Sealed || k.ID != plain.ID || k.Secret != plain.Secret {
			t.Fatalf("root key with keys %v is %+v, %v; want %+v, sealed", keys, k, err, plain)
		}
		text, err := vfs.ReadFile(fsys, dir+"/root-key", 4096)
		if err != nil || bytes.Contains(text, []byte(plain.Secret)) || !bytes.Contains(text, []byte(sealingRing(t, keys...).ID().String())) {
			t.Errorf("with keys %v root-key is %q, %v; want the id of the key and no secret", keys, text, err)
		}
	}
	if k, err := openKeys(t, fsys, 1); !errors.Is(err, store.ErrSealed) {
		t.Errorf("root key with another key is %+v, %v; want %v", k, err, store.ErrSealed)
	}
	if k, err := openKeys(t, fsys); !errors.Is(err, store.ErrSealed) {
		t.Errorf("root key without a key is %+v, %v; want %v", k, err, store.ErrSealed)
	}
	if k, err := LoadRootKey(fsys, dir, noEnv); !errors.Is(err, store.ErrSealed) {
		t.Errorf("LoadRootKey = %+v, %v; want %v", k, err, store.ErrSealed)
	}
}

func TestRootKeyIsMadeSealed(t *testing.T) {
	fsys := vfs.NewMem()
	k, err := openKeys(t, fsys, 1)
	if err != nil || !k.Sealed || !k.Created {
		t.Fatalf("root key is %+v, %v; want a new one, sealed", k, err)
	}
	text, err := vfs.ReadFile(fsys, dir+"/root-key", 4096)
	if err != nil || bytes.Contains(text, []byte(k.Secret)) {
		t.Errorf("root-key is %q, %v; want no secret", text, err)
	}
	for name, text := range map[string]string{
		"both":     "access_key_id: id\nsecret_access_key: s\nsealed_secret: eHl6\n",
		"damaged":  "access_key_id: id\nsealed_secret: eHl6\n",
		"nonsense": "access_key_id: id\nsealed_secret: ???\n",
		"moved":    strings.Replace(string(text), k.ID, "another-id", 1),
	} {
		if err := vfs.WriteFile(fsys, dir+"/root-key", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if k, err := openKeys(t, fsys, 1); err == nil {
			t.Errorf("%s: root key is %+v; want an error", name, k)
		}
	}
}

// TestSealedSecretsAreDiscarded loses the key: what it has sealed is given up, and made anew.
func TestSealedSecretsAreDiscarded(t *testing.T) {
	fsys := vfs.NewMem()
	old, err := openKeys(t, fsys, 1)
	if err != nil {
		t.Fatal(err)
	}
	discard := func(dry bool, sealed bool) {
		t.Helper()
		d, err := Open(t.Context(), fsys, dir, &Options{Still: true, WithoutSecrets: true})
		if err != nil {
			t.Fatal(err)
		}
		_, root, err := d.DiscardSealed(t.Context(), dry)
		if err := errors.Join(err, d.Close()); err != nil || root != sealed {
			t.Errorf("root key discarded: %t, %v; want %t", root, err, sealed)
		}
	}
	discard(true, true)
	if k, err := openKeys(t, fsys, 1); err != nil || k.Secret != old.Secret {
		t.Fatalf("after a dry run the root key is %+v, %v; want %+v", k, err, old)
	}
	discard(false, true)
	k, err := openKeys(t, fsys)
	if err != nil || !k.Created || k.ID == old.ID {
		t.Errorf("the root key is %+v, %v; want a new one", k, err)
	}
	discard(false, false)
	if again, err := openKeys(t, fsys, 2); err != nil || again.Secret != k.Secret {
		t.Errorf("the root key is %+v, %v; want %+v, which was not sealed", again, err, k)
	}
}
