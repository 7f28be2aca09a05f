package oistest_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/oisproject/ois/oistest"
	ois "github.com/oisproject/ois/sdk/go"
)

// TestSDKEncryptsWithKeys: the SDK and the server agree on what a key is.
func TestSDKEncryptsWithKeys(t *testing.T) {
	b := create(t, oistest.New(t).Client(), "keys-bucket")
	key, other := bytes.Repeat([]byte("k"), 32), bytes.Repeat([]byte("o"), 32)
	text := strings.Repeat("0123456789", 20_000)
	if _, err := b.Put(t.Context(), "a", strings.NewReader(text), &ois.PutOptions{EncryptionKey: key}); err != nil {
		t.Fatal(err)
	}
	read := func(name string, o *ois.GetOptions) (string, error) {
		r, err := b.Get(t.Context(), name, o)
		if err != nil {
			return "", err
		}
		defer r.Close()
		data, err := io.ReadAll(r)
		return string(data), err
	}
	if got, err := read("a", &ois.GetOptions{EncryptionKey: key, Offset: 65_515, Length: 10}); err != nil || got != text[65_515:65_525] {
		t.Errorf("10 bytes in the middle: %q, %v", got, err)
	}
	for _, k := range [][]byte{nil, other} {
		if _, err := read("a", &ois.GetOptions{EncryptionKey: k}); err == nil {
			t.Errorf("the object was read with the key %q", k)
		}
	}
	if _, err := b.Copy(t.Context(), "b", "a", &ois.CopyOptions{SourceEncryptionKey: key, EncryptionKey: other}); err != nil {
		t.Fatal(err)
	}
	if got, err := read("b", &ois.GetOptions{EncryptionKey: other}); err != nil || got != text {
		t.Errorf("the copy: %d bytes, %v", len(got), err)
	}
}

// TestSDKWritesUnderConditions: the server announces what the SDK asks for.
func TestSDKWritesUnderConditions(t *testing.T) {
	b := create(t, oistest.New(t).Client(), "conditions-bucket")
	var won atomic.Int64
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			_, err := b.Put(t.Context(), "lock", strings.NewReader("mine"), &ois.PutOptions{IfNoneMatch: "*"})
			switch {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, ois.ErrPrecondition):
				t.Errorf("Put = %v; want nil or ErrPrecondition", err)
			}
		})
	}
	all.Wait()
	if n := won.Load(); n != 1 {
		t.Errorf("%d have created the object; want 1", n)
	}
}
