package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/oisproject/ois/internal/admin"
	"github.com/oisproject/ois/internal/store"
)

func (a *app) keyCommand() *cobra.Command {
	return group("key", "Manage access keys",
		`An access key is a pair of an id and a secret that signs requests of one user.

The commands ask the server that runs on the data directory, or open it themselves. The
root key pair is not among these keys: it comes from the environment or the file root-key
in the data directory, see "ois serve --help".`,
		a.keyCreateCommand(), a.keyListCommand(), a.keyDeleteCommand(), a.keyDiscardSealedCommand())
}

func (a *app) keyCreateCommand() *cobra.Command {
	var data, user string
	var keyFiles []string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make an access key",
		Long: `Make an access key and print it, as lines for a configuration file, with the address of
the server if it runs. The secret is shown this once.`,
		Example: `  # A key for alice, kept as a profile on this machine that nobody else can read:
  mkdir -p ~/.ois/profiles
  (umask 077; ois key create --user alice > ~/.ois/profiles/alice.yaml)

  # For a script:
  ois key create --user alice --json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if a.secrets, err = loadKeys(cmd.Context(), keyFiles, nil); err != nil {
				return err
			}
			return a.with(cmd.Context(), data, func(s admin.Service) error {
				return a.createKey(cmd.Context(), s, user, asJSON)
			})
		},
	}
	dataFlag(cmd, &data)
	jsonFlag(cmd, &asJSON)
	keyFileFlag(cmd, &keyFiles)
	cmd.Flags().StringVar(&user, "user", "root", "name or id of the user it is for")
	return cmd
}

// createKey makes a key and prints all that a client needs, in the form of a profile: that
// takes the place of config.yaml, so an endpoint there would not count.
func (a *app) createKey(ctx context.Context, s admin.Service, user string, asJSON bool) error {
	endpoint, err := s.Endpoint(ctx)
	if err != nil {
		return err
	}
	k, err := s.CreateKey(ctx, user)
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(a.Stdout, struct {
			store.Key
			Endpoint string `json:"endpoint,omitempty"`
		}{k, endpoint})
	}
	setting := "endpoint: " + endpoint
	if endpoint == "" {
		setting = "# Add the address of your server; without it requests go to the public service:\n# endpoint: http://HOST:PORT"
	}
	fmt.Fprintln(a.Stderr, "The secret is not shown again:")
	_, err = fmt.Fprintf(a.Stdout, "access_key_id: %s\nsecret_access_key: %s\n%s\n", k.ID, k.Secret, setting)
	return err
}

func (a *app) keyListCommand() *cobra.Command {
	var data, user string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List access keys",
		Long:  "List access keys and their users. Secrets are not shown: they cannot be read again.",
		Example: `  ois key list
  ois key list --user alice --json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), data, func(s admin.Service) error {
				keys, err := s.Keys(cmd.Context(), user)
				if err != nil {
					return err
				}
				users, err := s.Users(cmd.Context())
				if err != nil {
					return err
				}
				return a.printKeys(keys, users, asJSON)
			})
		},
	}
	dataFlag(cmd, &data)
	jsonFlag(cmd, &asJSON)
	cmd.Flags().StringVar(&user, "user", "", "only those of this user, by name or id")
	return cmd
}

func (a *app) printKeys(keys []store.Key, users []store.User, asJSON bool) error {
	names := make(map[string]string)
	for _, u := range users {
		names[u.ID] = u.Name
	}
	rows := [][]string{{"ACCESS KEY ID", "USER", "CREATED"}}
	for _, k := range keys {
		if asJSON {
			if err := printJSON(a.Stdout, k); err != nil {
				return err
			}
		}
		rows = append(rows, []string{k.ID, names[k.User], moment(k.Created)})
	}
	if asJSON {
		return nil
	}
	return printTable(a.Stdout, rows)
}

func (a *app) keyDeleteCommand() *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:   "delete ACCESS_KEY_ID...",
		Short: "Revoke access keys",
		Long: `Revoke access keys. A running server refuses requests signed with them at once,
also pre-signed links.`,
		Example: "  ois key delete QYSEXAMPLEKEYID23456",
		Args:    someArgs("ACCESS_KEY_ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), data, func(s admin.Service) error {
				return a.each(cmd.Context(), args, "revoked", s.DeleteKey)
			})
		},
	}
	dataFlag(cmd, &data)
	return cmd
}
