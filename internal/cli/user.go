package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/oisproject/ois/internal/admin"
	"github.com/oisproject/ois/internal/store"
)

func (a *app) userCommand() *cobra.Command {
	return group("user", "Manage users",
		`A user owns buckets and has access keys. Every store has the user root.

The commands ask the server that runs on the data directory, or open it themselves.`,
		a.userCreateCommand(), a.userListCommand(), a.userSuspendCommand(), a.userResumeCommand(), a.userDeleteCommand())
}

func (a *app) userCreateCommand() *cobra.Command {
	var data string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Make a user",
		Long:  "Make a user and print its id. Names are unique; the id is made up and never used again.",
		Example: `  ois user create alice
  ois key create --user alice`,
		Args: oneArg("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), data, func(s admin.Service) error {
				u, err := s.CreateUser(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(a.Stdout, u)
				}
				_, err = fmt.Fprintln(a.Stdout, u.ID)
				return err
			})
		},
	}
	dataFlag(cmd, &data)
	jsonFlag(cmd, &asJSON)
	return cmd
}

func (a *app) userListCommand() *cobra.Command {
	var data string
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List users",
		Example: "  ois user list --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), data, func(s admin.Service) error {
				users, err := s.Users(cmd.Context())
				if err != nil {
					return err
				}
				return a.printUsers(users, asJSON)
			})
		},
	}
	dataFlag(cmd, &data)
	jsonFlag(cmd, &asJSON)
	return cmd
}

func (a *app) printUsers(users []store.User, asJSON bool) error {
	rows := [][]string{{"ID", "NAME", "CREATED"}}
	suspended := slices.ContainsFunc(users, func(u store.User) bool { return u.Standing != store.Good })
	if suspended {
		rows[0] = append(rows[0], "SUSPENDED")
	}
	for _, u := range users {
		if asJSON {
			if err := printJSON(a.Stdout, u); err != nil {
				return err
			}
		}
		row := []string{u.ID, u.Name, moment(u.Created)}
		if suspended {
			row = append(row, u.Standing.String())
		}
		rows = append(rows, row)
	}
	if asJSON {
		return nil
	}
	return printTable(a.Stdout, rows)
}

func (a *app) userDeleteCommand() *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:   "delete USER...",
		Short: "Delete users and their keys",
		Long: `Delete users, each named by name or id, and their access keys. A user that
still owns buckets is not deleted.`,
		Example: "  ois user delete alice",
		Args:    someArgs("USER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), data, func(s admin.Service) error {
				return a.each(cmd.Context(), args, "deleted user", s.DeleteUser)
			})
		},
	}
	dataFlag(cmd, &data)
	return cmd
}

// each calls do for each argument and says what was done. One that fails does not stop the
// others; if there are several, the error is that some failed, whatever the reason.
func (a *app) each(ctx context.Context, args []string, done string, do func(context.Context, string) error) error {
	var failed []error
	for _, arg := range args {
		if err := do(ctx, arg); err != nil {
			failed = append(failed, err)
			continue
		}
		fmt.Fprintf(a.Stderr, "%s %s\n", done, arg)
	}
	err := errors.Join(failed...)
	if err != nil && len(args) > 1 && ctx.Err() == nil {
		return fmt.Errorf("%d of %d failed:\n%v", len(failed), len(args), err) //nolint:errorlint // the status is that of some that failed
	}
	return err
}
