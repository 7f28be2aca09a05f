package datadir

import (
	"errors"
	"runtime"
	"strings"
	"testing"

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
