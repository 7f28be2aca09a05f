package simtest

import (
	"crypto/md5"
	"encoding/base64"
	"fmt"

	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/sse"
	"github.com/oisproject/ois/internal/store"
)

// A secret is the three headers of an encryption key; those of no key are empty.
type secret struct{ algorithm, key, md5 string }

// secrets are the keys that objects are encrypted with. The first is none.
var secrets = [...]secret{{}, newSecret("the key of one simulated customer"), newSecret("the key of another such customer.")}

func newSecret(text string) secret {
	raw := []byte(text)[:32]
	sum := md5.Sum(raw)
	return secret{"AES256", base64.StdEncoding.EncodeToString(raw), base64.StdEncoding.EncodeToString(sum[:])}
}

func (s secret) parse() (*sse.Key, error) {
	return store.CustomerKey(store.KeyHeaders, s.algorithm, s.key, s.md5)
}

func (s secret) put(in *op.PutObjectInput) {
	in.EncryptionCustomerAlgorithm, in.EncryptionCustomerKey, in.EncryptionCustomerKeyMD5 = s.algorithm, s.key, s.md5
}

func (s secret) initiate(in *op.InitiateMultipartUploadInput) {
	in.EncryptionCustomerAlgorithm, in.EncryptionCustomerKey, in.EncryptionCustomerKeyMD5 = s.algorithm, s.key, s.md5
}

func (s secret) upload(in *op.UploadMultipartInput) {
	in.EncryptionCustomerAlgorithm, in.EncryptionCustomerKey, in.EncryptionCustomerKeyMD5 = s.algorithm, s.key, s.md5
}

// copy makes a copy with the key s of what has the key from.
func (s secret) copy(in *op.CopyObjectInput, from secret) {
	in.EncryptionCustomerAlgorithm, in.EncryptionCustomerKey, in.EncryptionCustomerKeyMD5 = s.algorithm, s.key, s.md5
	in.CopySourceEncryptionCustomerAlgorithm = from.algorithm
	in.CopySourceEncryptionCustomerKey, in.CopySourceEncryptionCustomerKeyMD5 = from.key, from.md5
}

// copyPart is copy for a part.
func (s secret) copyPart(in *op.CopyPartInput, from secret) {
	in.EncryptionCustomerAlgorithm, in.EncryptionCustomerKey, in.EncryptionCustomerKeyMD5 = s.algorithm, s.key, s.md5
	in.CopySourceEncryptionCustomerAlgorithm = from.algorithm
	in.CopySourceEncryptionCustomerKey, in.CopySourceEncryptionCustomerKeyMD5 = from.key, from.md5
}

// unlock finds out which of the secrets an object is encrypted with, and makes it readable. Exactly one fits.
func unlock(o *store.Object) (n int, err error) {
	fits := -1
	for n, s := range secrets {
		key, err := s.parse()
		if err != nil {
			return 0, err
		}
		if o.Unlock(key) != nil {
			continue
		}
		if fits >= 0 {
			return 0, fmt.Errorf("%w: two keys fit the same object", errWrong)
		}
		fits = n
	}
	if fits < 0 || (fits > 0) != (o.Info().Encryption != "") {
		return 0, fmt.Errorf("%w: an object encrypted with %q fits key %d", errWrong, o.Info().Encryption, fits)
	}
	return fits, nil
}
