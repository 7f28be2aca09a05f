package admin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// maxSocketName is how long the name of a socket may be for the operating system, in bytes.
const maxSocketName = len(syscall.RawSockaddrUnix{}.Path) - 1

// Listen listens on a Unix socket that only the owner of the process can connect to, from the moment it
// exists. A socket that nobody listens on any more is replaced. Closing the listener removes it.
//
// The caller must hold the lock of the data directory, so that nobody else listens here at once.
func Listen(ctx context.Context, socket string) (net.Listener, error) {
	if err := checkStale(ctx, socket); err != nil {
		return nil, fmt.Errorf("listen on %s: %w", socket, err)
	}
	l, err := bind(ctx, socket)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", socket, err)
	}
	l.SetUnlinkOnClose(false) // it would remove the name that was bound
	return &listener{UnixListener: l, socket: socket}, nil
}

// checkStale returns an error if what has the name of the socket must stay.
func checkStale(ctx context.Context, socket string) error {
	fi, err := os.Lstat(socket)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if fi.Mode()&(fs.ModeSocket|fs.ModeIrregular) == 0 {
		return errors.New("there is something else of that name")
	}
	conn, err := dial(ctx, socket)
	if err == nil {
		conn.Close()
		return errors.New("somebody listens there already")
	}
	return nil
}

// A listener removes its socket when it is closed.
type listener struct {
	*net.UnixListener
	socket string
}

func (l *listener) Close() error {
	err := l.UnixListener.Close()
	if errors.Is(err, net.ErrClosed) {
		return err
	}
	return errors.Join(err, os.Remove(l.socket))
}

// dial connects to the socket. Whatever stands in the way, other than a permission or the end
// of ctx, means that no server is there: systems differ in how they say so.
func dial(ctx context.Context, socket string) (conn net.Conn, err error) {
	err = short(socket, func(name string) (err error) {
		conn, err = (&net.Dialer{}).DialContext(ctx, "unix", name)
		return err
	})
	_, tooLong := errors.AsType[*nameError](err)
	switch {
	case err == nil:
		return conn, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, fs.ErrPermission), tooLong:
		return nil, fmt.Errorf("connect to %s: %w", socket, cause(err))
	}
	return nil, fmt.Errorf("connect to %s: %w: %w", socket, ErrNoServer, cause(err))
}

// cause strips what net adds to an error: addresses that are no news, or only ours.
func cause(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err
	}
	return err
}

// A nameError says that a name is too long for a socket.
type nameError struct{ len int }

func (e *nameError) Error() string {
	return fmt.Sprintf("the name of a socket has %d bytes and this system allows %d; "+
		"choose a shorter data directory, or run ois in a directory near to it", e.len, maxSocketName)
}

// short calls use with a name of the socket that is short enough for the system.
func short(socket string, use func(name string) error) error {
	if strings.HasPrefix(socket, "@") {
		socket = "." + string(filepath.Separator) + socket // else Linux takes it for something else
	}
	if len(socket) <= maxSocketName {
		return use(socket)
	}
	if wd, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(wd, socket); err == nil && len(rel) <= maxSocketName {
			return use(rel)
		}
	}
	return throughDir(socket, use)
}
