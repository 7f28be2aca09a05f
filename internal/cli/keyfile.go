package cli

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/oisproject/ois/internal/seal"
)

// maxKeyFile is how many bytes a file with a key may have.
const maxKeyFile = 4 << 10

// keyFileFlag adds --key-file to a command.
func keyFileFlag(cmd *cobra.Command, files *[]string) {
	cmd.Flags().StringArrayVar(files, "key-file", nil, "`FILE` with the key that seals secret access keys in the data directory: 32 bytes in hexadecimal digits "+
		"or base64; may be repeated, the first seals and all open")
}

// loadKeys reads the files of --key-file. There is no ring without any.
func loadKeys(ctx context.Context, files []string, log *slog.Logger) (*seal.Ring, error) {
	if len(files) == 0 {
		return nil, nil
	}
	var keys [][seal.KeyLen]byte
	for _, name := range files {
		key, exposed, err := loadKey(name)
		if err != nil {
			return nil, fmt.Errorf("--key-file %s: %w", name, err)
		}
		if exposed && log != nil {
			log.WarnContext(ctx, "other users may read the key for secrets; chmod 600 it", slog.String("file", name))
		}
		keys = append(keys, key)
	}
	return seal.NewRing(keys[0], keys[1:]...)
}

func loadKey(name string) (key [seal.KeyLen]byte, exposed bool, err error) {
	fi, err := os.Stat(name)
	if err != nil {
		return key, false, err
	}
	if fi.Size() > maxKeyFile || !fi.Mode().IsRegular() {
		return key, false, fmt.Errorf("it is not a file of at most %d bytes", maxKeyFile)
	}
	text, err := os.ReadFile(name)
	if err == nil {
		key, err = seal.ParseKey(string(text))
	}
	return key, fi.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows", err
}
