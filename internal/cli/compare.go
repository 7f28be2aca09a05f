package cli

import (
	"context"
	"crypto/md5" // what the ETags of objects are
	"encoding/hex"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/oisproject/ois/internal/client/entry"
	ois "github.com/oisproject/ois/sdk/go"
)

// A comparer says whether two entries under one key are alike.
type comparer struct {
	sizeOnly bool
	checksum bool
}

func (c *comparer) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&c.sizeOnly, "size-only", false, "take what has the same size for the same")
	cmd.Flags().BoolVar(&c.checksum, "checksum", false, "compare checksums where there are some, instead of times")
}

func (c *comparer) check() error {
	if c.sizeOnly && c.checksum {
		return usagef("--size-only and --checksum exclude each other")
	}
	return nil
}

// A verdict is what a first look says.
type verdict int

const (
	differ verdict = iota
	alike
	unsure // a second look will tell
)

// glance compares what listings tell, and sends nothing.
func (c *comparer) glance(from, to *side, s, t *entry.Entry) verdict {
	switch {
	case s.Size != t.Size:
		return differ
	case c.sizeOnly:
		return alike
	case from.t.Remote && to.t.Remote:
		return c.glanceObjects(s, t)
	case c.checksum:
		return unsure
	case !from.t.Remote:
		// Listings tell when an object was written. A file that has not been touched since then is the one it was made of.
		if !t.Modified.Before(s.Modified) {
			return alike
		}
	case t.Modified.Equal(s.Modified):
		return alike
	}
	return unsure
}

func (c *comparer) glanceObjects(s, t *entry.Entry) verdict {
	switch {
	case s.ETag == t.ETag:
		return alike
	case sumOfETag(s.ETag) != "" && sumOfETag(t.ETag) != "" && (c.checksum || !s.Encrypted && !t.Encrypted):
		return differ
	case t.Modified.Before(s.Modified):
		return differ
	}
	return alike
}

// sumOfETag is the MD5 that an ETag is, or empty if it is none.
func sumOfETag(etag string) string {
	etag = strings.ToLower(strings.Trim(etag, `"`))
	if _, err := hex.DecodeString(etag); err != nil || len(etag) != 2*md5.Size {
		return ""
	}
	return etag
}

// look compares an object with a file that is unsure at a glance. key is what encrypted objects are read with.
func (c *comparer) look(ctx context.Context, from, to *side, s, t *entry.Entry, key []byte) (same bool, err error) {
	object, file, remote, dir := t, s, to, from
	if from.t.Remote {
		object, file, remote, dir = s, t, from, to
	}
	sum := sumOfETag(object.ETag)
	if c.checksum && sum != "" {
		got, err := md5File(ctx, dir.name(file.Key))
		if err != nil || got == sum {
			return err == nil, err
		}
	}
	info, err := remote.bucket.Head(ctx, remote.t.Key+object.Key, &ois.HeadOptions{EncryptionKey: key})
	if err != nil {
		return false, err
	}
	if c.checksum && sum != "" && !info.Encrypted {
		return false, nil
	}
	return mtimeOf(info).Equal(file.Modified), nil
}

// md5File returns the MD5 of a file in hexadecimal digits.
func md5File(ctx context.Context, name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close() // it was only read
	h := md5.New()
	buf := make([]byte, 256<<10)
	for {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		n, err := f.Read(buf)
		h.Write(buf[:n])
		if err == io.EOF {
			return hex.EncodeToString(h.Sum(nil)), nil
		}
		if err != nil {
			return "", err
		}
	}
}
