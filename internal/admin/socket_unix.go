//go:build unix

package admin

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
)

// bind makes the socket in a directory that nobody else can enter, and gives it its name when
// its mode is right: the umask, which belongs to the whole process, is left alone.
func bind(ctx context.Context, socket string) (*net.UnixListener, error) {
	private := socket + ".new"
	if err := os.RemoveAll(private); err != nil { // left by a crash
		return nil, err
	}
	if err := os.Mkdir(private, 0o700); err != nil {
		return nil, err
	}
	l, err := bindIn(ctx, private, socket)
	if rest := os.RemoveAll(private); rest != nil && err == nil {
		return nil, errors.Join(rest, l.Close())
	}
	return l, err
}

func bindIn(ctx context.Context, private, socket string) (l *net.UnixListener, err error) {
	made := filepath.Join(private, "s")
	err = short(made, func(name string) error {
		under, err := (&net.ListenConfig{}).Listen(ctx, "unix", name)
		if err != nil {
			return cause(err)
		}
		l = under.(*net.UnixListener)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := errors.Join(os.Chmod(made, 0o600), os.Rename(made, socket)); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}
