package datadir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"strings"

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
}

// LoadRootKey returns the root key pair: that of the environment if there is one, else that in the file
// root-key of the directory, which is made if it is missing. The directory must be open, so
// that nobody else makes another one.
func LoadRootKey(fsys vfs.FS, dir string, getenv func(string) string) (RootKey, error) {
	k := RootKey{ID: getenv(RootAccessKeyIDVar), Secret: getenv(RootSecretAccessKeyVar)}
	if k.ID == "" && k.Secret == "" {
		return rootKeyFile(fsys, fsys.PathJoin(dir, rootKeyName))
	}
	if k.ID == "" || k.Secret == "" {
		return RootKey{}, fmt.Errorf("root key: only one of %s and %s is set; set both or none", RootAccessKeyIDVar, RootSecretAccessKeyVar)
	}
	if err := k.check(); err != nil {
		return RootKey{}, fmt.Errorf("root key from the environment: %w", err)
	}
	return k, nil
}

func rootKeyFile(fsys vfs.FS, file string) (RootKey, error) {
	text, err := vfs.ReadFile(fsys, file, maxRootKeyLen)
	if errors.Is(err, fs.ErrNotExist) {
		return createRootKey(fsys, file)
	}
	if err != nil {
		return RootKey{}, fmt.Errorf("root key: %w", err)
	}
	k, err := parseRootKey(string(text))
	if err != nil {
		return RootKey{}, fmt.Errorf("root key: %s: %w; correct the file, or remove it and a new key pair is made", file, err)
	}
	fi, err := fsys.Stat(file)
	if err != nil {
		return RootKey{}, fmt.Errorf("root key: %w", err)
	}
	k.File = file
	k.Exposed = fi.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" // where modes say nothing
	return k, nil
}

func createRootKey(fsys vfs.FS, file string) (RootKey, error) {
	made := store.NewKeyPair()
	k := RootKey{ID: made.ID, Secret: made.Secret, File: file, Created: true}
	text := "# The root key pair of this data directory. Whoever has it may do everything.\n" + k.Settings()
	if err := vfs.WriteFile(fsys, file, []byte(text), 0o600); err != nil {
		return RootKey{}, fmt.Errorf("root key: %w", err)
	}
	return k, nil
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
		field := map[string]*string{"access_key_id": &k.ID, "secret_access_key": &k.Secret}[name]
		if field == nil {
			return RootKey{}, fmt.Errorf("line %d: want access_key_id: … or secret_access_key: …", n)
		}
		if *field != "" {
			return RootKey{}, fmt.Errorf("line %d: %s stands there twice", n, name)
		}
		*field = strings.TrimSpace(value)
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
