package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/oisproject/ois/internal/admin"
	"github.com/oisproject/ois/internal/datadir"
)

const defaultData = "./ois-data"

// dataFlag adds --data to a command.
func dataFlag(cmd *cobra.Command, dir *string) {
	cmd.Flags().StringVar(dir, "data", defaultData, "data directory")
	_ = cmd.MarkFlagDirname("data") // the flag is there
}

// checkData refuses an empty --data.
func checkData(dir string) error {
	if dir == "" {
		return usagef("--data is empty; want the name of a directory")
	}
	return nil
}

// A session is a road to what a data directory holds.
type session struct {
	admin.Service
	close func() error
}

// A directory opened a moment ago may have no socket yet, and one being closed has none any more; so
// connect asks a few times.
const (
	connectPatience = 3 * time.Second
	connectPause    = 20 * time.Millisecond
)

// connect opens the road to a data directory: over the socket of the server that has it
// open, else by opening it itself.
func (a *app) connect(ctx context.Context, dir string) (*session, error) {
	if err := checkData(dir); err != nil {
		return nil, err
	}
	patience := time.After(connectPatience)
	for {
		s, err := a.connectOnce(ctx, dir)
		if !errors.Is(err, datadir.ErrInUse) {
			return s, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-patience:
			return nil, err
		case <-time.After(connectPause):
		}
	}
}

func (a *app) connectOnce(ctx context.Context, dir string) (*session, error) {
	client, err := admin.Dial(ctx, datadir.Socket(a.disk, dir))
	if err == nil {
		return &session{client, client.Close}, nil
	}
	if !errors.Is(err, admin.ErrNoServer) {
		return nil, err
	}
	d, err := datadir.Open(ctx, a.disk, dir, &datadir.Options{Still: a.still, Secrets: a.secrets, WithoutSecrets: a.secrets == nil})
	switch {
	case errors.Is(err, datadir.ErrNotExist):
		return nil, fmt.Errorf("%w; start %q first, which makes one", err, "ois serve --data "+dir)
	case errors.Is(err, datadir.ErrInUse):
		return nil, fmt.Errorf("%w, which does not answer on its socket", err)
	case err != nil:
		return nil, err
	}
	local := admin.NewLocal(d.Store, "")
	local.BackUp, local.Runner = d.Backup, d.Jobs
	return &session{local, d.Close}, nil
}

// with connects, calls do and closes the road again.
func (a *app) with(ctx context.Context, dir string, do func(admin.Service) error) error {
	s, err := a.connect(ctx, dir)
	if err != nil {
		return err
	}
	return errors.Join(do(s), s.close())
}
