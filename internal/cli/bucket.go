package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/oisproject/ois/internal/admin"
	"github.com/oisproject/ois/internal/store"
)

func (a *app) bucketCommand() *cobra.Command {
	return group("bucket", "Settings of buckets; list and suspend buckets",
		`For owners, "get", "put" and "delete" work on the settings of a bucket, through the service. Buckets are made by "ois mb" and listed
by "ois ls".

For operators, "list" shows the buckets of all users, and "suspend" closes one: nobody can use it then, its owner neither, until
it is resumed. Nothing in it is changed. These commands ask the server that runs on the data directory, or open it
themselves.`,
		a.bucketGetCommand(), a.bucketPutCommand(), a.bucketDeleteCommand(),
		a.bucketListCommand(),
		a.bucketSuspendCommand("suspend BUCKET...", "Suspend buckets", "suspended", true),
		a.bucketSuspendCommand("resume BUCKET...", "Let suspended buckets be used again", "resumed", false))
}

func (a *app) bucketListCommand() *cobra.Command {
	var data string
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the buckets of all users",
		Example: "  ois bucket list --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), data, func(s admin.Service) error {
				buckets, err := s.Buckets(cmd.Context())
				if err != nil {
					return err
				}
				return a.printBuckets(buckets, asJSON)
			})
		},
	}
	dataFlag(cmd, &data)
	jsonFlag(cmd, &asJSON)
	return cmd
}

func (a *app) printBuckets(buckets []admin.Bucket, asJSON bool) error {
	rows := [][]string{{"NAME", "OWNER", "ZONE", "CREATED", "STATE"}}
	for _, b := range buckets {
		if asJSON {
			if err := printJSON(a.Stdout, b); err != nil {
				return err
			}
		}
		state := "active"
		if b.Suspended {
			state = "suspended"
		}
		rows = append(rows, []string{b.Name, b.Owner, b.Zone, moment(b.Created), state})
	}
	if asJSON {
		return nil
	}
	return printTable(a.Stdout, rows)
}

func (a *app) bucketSuspendCommand(use, short, done string, suspended bool) *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  someArgs("BUCKET"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), data, func(s admin.Service) error {
				return a.each(cmd.Context(), args, done, func(ctx context.Context, name string) error {
					return s.SuspendBucket(ctx, name, suspended)
				})
			})
		},
	}
	dataFlag(cmd, &data)
	return cmd
}

func (a *app) userSuspendCommand() *cobra.Command {
	var data, reason string
	cmd := &cobra.Command{
		Use:   "suspend USER...",
		Short: "Suspend users",
		Long: `Suspend users, each named by name or id: whatever they sign is refused at once, with 403 account_problem, or
402 delinquent_account if the reason is arrears. Their buckets stay, and are open to others as before; see "ois bucket suspend".`,
		Example: `  ois user suspend alice
  ois user suspend alice --reason arrears`,
		Args: someArgs("USER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var to store.Standing
			if err := to.UnmarshalText([]byte(reason)); err != nil || to == store.Good {
				return usagef("--reason %q is not known: want problem or arrears", reason)
			}
			return a.setStanding(cmd.Context(), data, args, "suspended", to)
		},
	}
	dataFlag(cmd, &data)
	choiceFlag(cmd, &reason, "reason", "problem", "`REASON` that they are told: problem or arrears", "problem", "arrears")
	return cmd
}

func (a *app) userResumeCommand() *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:   "resume USER...",
		Short: "Let suspended users go on",
		Args:  someArgs("USER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.setStanding(cmd.Context(), data, args, "resumed", store.Good)
		},
	}
	dataFlag(cmd, &data)
	return cmd
}

func (a *app) setStanding(ctx context.Context, data string, users []string, done string, to store.Standing) error {
	return a.with(ctx, data, func(s admin.Service) error {
		return a.each(ctx, users, done, func(ctx context.Context, user string) error { return s.SetStanding(ctx, user, to) })
	})
}
