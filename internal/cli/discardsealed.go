package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/oisproject/ois/internal/datadir"
	"github.com/oisproject/ois/internal/store"
)

// lostKeyFile is added to an error about secrets that are sealed with a key that is not there.
const lostKeyFile = `with --key-file; if it is lost for good, see "ois key discard-sealed --help"`

func (a *app) keyDiscardSealedCommand() *cobra.Command {
	var data string
	var yes bool
	cmd := &cobra.Command{
		Use:   "discard-sealed",
		Short: "Go on without a lost --key-file",
		Long: `Give up the secrets that "ois serve --key-file FILE" has sealed, when FILE is lost. Nobody
can read them without it, and the server does not start.

All access keys that are sealed are revoked, and the root key pair if it is. Users, buckets,
objects and settings stay as they are. Then start the server, which makes a new root key pair, and
give each user a new key with "ois key create". A backup from before still needs the lost file.

Without --yes it only lists the keys. The server must not run.`,
		Example: `  ois key discard-sealed --data /srv/ois
  ois key discard-sealed --data /srv/ois --yes`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.discardSealed(cmd.Context(), data, yes) },
	}
	dataFlag(cmd, &data)
	cmd.Flags().BoolVar(&yes, "yes", false, "do it")
	return cmd
}

func (a *app) discardSealed(ctx context.Context, data string, yes bool) (err error) {
	if err := checkData(data); err != nil {
		return err
	}
	d, err := datadir.Open(ctx, a.disk, data, &datadir.Options{Still: true, WithoutSecrets: true})
	if errors.Is(err, datadir.ErrInUse) {
		return fmt.Errorf("%w; stop the server first", err)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	keys, root, err := d.DiscardSealed(ctx, !yes)
	if err != nil {
		return err
	}
	users, err := d.Store.ListUsers(ctx)
	if err != nil {
		return err
	}
	return a.printDiscarded(keys, root, users, yes)
}

// printDiscarded prints what was discarded, or would be.
func (a *app) printDiscarded(keys []store.Key, root bool, users []store.User, done bool) error {
	if len(keys) == 0 && !root {
		fmt.Fprintln(a.Stderr, "no secret is sealed")
		return nil
	}
	if err := a.printKeys(keys, users, false); err != nil {
		return err
	}
	what := fmt.Sprintf("access keys: %d", len(keys))
	if root {
		what += ", and the root key pair"
	}
	if !done {
		return usagef("nothing was discarded; give --yes to discard what is sealed (%s)", what)
	}
	fmt.Fprintf(a.Stderr, "discarded %s\n", what)
	return nil
}
