package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/oisproject/ois/internal/seal"
)

// secretKeyVariable is the environment variable with the key of a customer.
const secretKeyVariable = "OIS_ENCRYPTION_KEY"

// A secretKey is a customer's key for encryption. It never stands on the command line, where others could see it.
type secretKey struct{ file string }

func (k *secretKey) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&k.file, "encryption-key-file", "",
		"`FILE` with your key for encryption, 32 bytes in hexadecimal digits or base64; else $"+secretKeyVariable)
}

// read returns the key, nil if there is none.
func (k *secretKey) read(getenv func(string) string) ([]byte, error) {
	if k.file != "" {
		key, _, err := loadKey(k.file)
		if err != nil {
			return nil, fmt.Errorf("--encryption-key-file %s: %w", k.file, err)
		}
		return key[:], nil
	}
	text := getenv(secretKeyVariable)
	if text == "" {
		return nil, nil
	}
	key, err := seal.ParseKey(text)
	if err != nil {
		return nil, usagef("$%s: %v", secretKeyVariable, err)
	}
	return key[:], nil
}
