//go:build !unix

package admin

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
)

// bind makes the socket. There are no modes here: it is as private as the data directory.
func bind(ctx context.Context, socket string) (l *net.UnixListener, err error) {
	if err := os.Remove(socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	err = short(socket, func(name string) error {
		under, err := (&net.ListenConfig{}).Listen(ctx, "unix", name)
		if err != nil {
			return cause(err)
		}
		l = under.(*net.UnixListener)
		return nil
	})
	return l, err
}
