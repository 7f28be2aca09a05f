package datadir

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"strings"

	"github.com/oisproject/ois/internal/seal"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/vfs"
)

// The variables of the environment that give the root key pair.
const (
	RootAccessKeyIDVar     = "OIS_ROOT_ACCESS_KEY_ID"
	RootSecretAccessKeyVar = "OIS_ROOT_SECRET_ACCESS_KEY"
)

const (
	maxKeyLen     = 128     // bytes of an access key id or of a secret
	maxRootKeyLen = 4 << 10 // bytes of the file
)

// A RootKey is the key pair of the root user.
type RootKey struct {
	ID, Secret string
	File       string // where it is kept; empty if the environment gave it
	Created    bool   // it was made just now
	Exposed    bool   // other users of the machine may read the file
	Sealed     bool   // the file has the secret sealed

	sealed string // the secret as it stands in the file, if it is sealed
}

// LoadRootKey returns the root key pair: that of the environment if there is one, else that in the file
// root-key of the directory, which is made if it is missing. The directory must be open, so
// that nobody else makes another one.
func LoadRootKey(fsys vfs.FS, dir string, getenv func(string) string) (RootKey, error) {
	return loadRootKey(fsys, dir, getenv, nil)
}

// RootKey is LoadRootKey for a directory that is open. Where it seals secrets, that in the file is sealed, too.
func (d *Dir) RootKey(getenv func(string) string) (RootKey, error) {
	return loadRootKey(d.fs, d.dir, getenv, d.secrets)
}

func loadRootKey(fsys vfs.FS, dir string, getenv func(string) string, secrets *seal.Ring) (RootKey, error) {
	k := RootKey{ID: getenv(RootAccessKeyIDVar), Secret: getenv(RootSecretAccessKeyVar)}
	if k.ID == "" && k.Secret == "" {
		return rootKeyFile(fsys, fsys.PathJoin(dir, rootKeyName), secrets)
	}
	if k.ID == "" || k.Secret == "" {
		return RootKey{}, fmt.Errorf("root key: only one of %s and %s is set; set both or none", RootAccessKeyIDVar, RootSecretAccessKeyVar)
	}
	if err := k.check(); err != nil {
		return RootKey{}, fmt.Errorf("root key from the environment: %w", err)
	}
	return k, nil
}

func rootKeyFile(fsys vfs.FS, file string, secrets *seal.Ring) (RootKey, error) {
	text, err := vfs.ReadFile(fsys, file, maxRootKeyLen)
	if errors.Is(err, fs.ErrNotExist) {
		return createRootKey(fsys, file, secrets)
	}
	if err != nil {
		return RootKey{}, fmt.Errorf("root key: %w", err)
	}
	k, err := parseRootKey(string(text))
	if err != nil {
		return RootKey{}, fmt.Errorf("root key: %s: %w; correct the file, or remove it and a new key pair is made", file, err)
	}
	if err := k.unseal(secrets); err != nil {
		return RootKey{}, fmt.Errorf("root key: %s: %w", file, err)
	}
	if secrets != nil && !k.sealedBy(secrets) {
		if err := k.write(fsys, file, secrets); err != nil {
			return RootKey{}, err
		}
	}
	fi, err := fsys.Stat(file)
	if err != nil {
		return RootKey{}, fmt.Errorf("root key: %w", err)
	}
	k.File = file
	k.Exposed = fi.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" // where modes say nothing
	return k, nil
}

func createRootKey(fsys vfs.FS, file string, secrets *seal.Ring) (RootKey, error) {
	made := store.NewKeyPair()
	k := RootKey{ID: made.ID, Secret: made.Secret, File: file, Created: true}
	if err := k.write(fsys, file, secrets); err != nil {
		return RootKey{}, err
	}
	return k, nil
}

// write writes the file, with the secret sealed if there is a key for that.
func (k *RootKey) write(fsys vfs.FS, file string, secrets *seal.Ring) error {
	text := "# The key pair of the user root of this data directory. Whoever has it may do what root may.\n" + k.Settings()
	if secrets != nil {
		k.sealed = base64.StdEncoding.EncodeToString(secrets.Seal(k.Secret, k.sealContext()))
		k.Sealed = true
		text = fmt.Sprintf("# The root key pair of this data directory. The secret is sealed with the key %s.\naccess_key_id: %s\n%s: %s\n",
			secrets.ID(), k.ID, sealedName, k.sealed)
	}
	if err := vfs.WriteFile(fsys, file, []byte(text), 0o600); err != nil {
		return fmt.Errorf("root key: %w", err)
	}
	return nil
}

// sealedName is the name of a secret that is sealed.
const sealedName = "sealed_secret"

func (k *RootKey) sealContext() string { return "root key " + k.ID }

// unseal opens the secret if it is sealed.
func (k *RootKey) unseal(secrets *seal.Ring) error {
	if k.sealed == "" {
		return nil
	}
	if secrets == nil {
		return fmt.Errorf("%s: %w; give the file with the key", sealedName, store.ErrSealed)
	}
	sealed, err := base64.StdEncoding.DecodeString(k.sealed)
	if err == nil {
		k.Secret, err = secrets.Open(sealed, k.sealContext())
	}
	if err != nil {
		return fmt.Errorf("%s: %w", sealedName, err)
	}
	k.Sealed = true
	return k.check()
}

// sealedBy reports whether the secret is sealed with the first key.
func (k *RootKey) sealedBy(secrets *seal.Ring) bool {
	sealed, err := base64.StdEncoding.DecodeString(k.sealed)
	id, short := seal.KeyOf(sealed)
	return k.sealed != "" && err == nil && short == nil && id == secrets.ID()
}

// Settings returns the key pair as lines of a configuration file such as ~/.ois/config.yaml.
func (k RootKey) Settings() string {
	return fmt.Sprintf("access_key_id: %s\nsecret_access_key: %s\n", k.ID, k.Secret)
}

// parseRootKey reads what Settings writes, with comments and empty lines.
func parseRootKey(text string) (RootKey, error) {
	var k RootKey
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		field := map[string]*string{"access_key_id": &k.ID, "secret_access_key": &k.Secret, sealedName: &k.sealed}[name]
		if field == nil {
			return RootKey{}, fmt.Errorf("line %d: want access_key_id: … or secret_access_key: …", n)
		}
		if *field != "" {
			return RootKey{}, fmt.Errorf("line %d: %s stands there twice", n, name)
		}
		*field = strings.TrimSpace(value)
	}
	if k.sealed != "" && k.Secret != "" {
		return RootKey{}, errors.New("the secret is there sealed and as it is")
	}
	if k.sealed != "" {
		return k, checkWord("access key id", k.ID)
	}
	return k, k.check()
}

// Keys are the access keys of a store and the root key pair.
type Keys struct {
	Root  RootKey
	Store *store.Store
}

// Key returns the secret of an access key and its user; ok is false for an unknown id.
func (k Keys) Key(ctx context.Context, id string) (secret, user string, ok bool, err error) {
	if id == k.Root.ID {
		return k.Root.Secret, store.RootUser, true, nil
	}
	return k.Store.Key(ctx, id)
}

// check never shows a secret in its error.
func (k RootKey) check() error {
	if err := checkWord("access key id", k.ID); err != nil {
		return err
	}
	return checkWord("secret access key", k.Secret)
}

// checkWord holds a part of a key pair to what fits into an Authorization header and a configuration file.
func checkWord(what, s string) error {
	odd := strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`:#"'`, r) })
	switch {
	case s == "":
		return fmt.Errorf("the %s is missing", what)
	case len(s) > maxKeyLen:
		return fmt.Errorf("the %s has %d bytes; allowed: %d", what, len(s), maxKeyLen)
	case odd:
		return fmt.Errorf("the %s has a character that is not allowed; allowed: visible ASCII without : # and quotes", what)
	}
	return nil
}
