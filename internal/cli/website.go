package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/oisproject/ois/internal/admin"
	"github.com/oisproject/ois/internal/store"
)

func (a *app) websiteCommand() *cobra.Command {
	return group("website", "Show buckets as websites",
		`A bucket is shown as a website at the domains that its owner has bound to it with the type
"website" (PutBucketCNAME). These commands set what is shown there where a path names no object.

The objects must be open to everybody, by a policy or the access control list of the bucket.
A path that ends in a slash shows the index page of that folder; the path of a folder without
the slash leads there. When a request fails, the error page is shown, with the status of the error.

The commands ask the server that runs on the data directory, or open it themselves.`,
		a.websiteSetCommand(), a.websiteGetCommand(), a.websiteDeleteCommand())
}

func (a *app) websiteSetCommand() *cobra.Command {
	var data string
	var w store.Website
	cmd := &cobra.Command{
		Use:     "set BUCKET",
		Short:   "Set the index page and the error page",
		Long:    "Set the index page and the error page of a bucket, in the place of those it has.",
		Example: "  ois website set my-bucket --index index.html --error 404.html",
		Args:    oneArg("BUCKET"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := w.Check(); err != nil {
				return usageError{err}
			}
			return a.with(cmd.Context(), data, func(s admin.Service) error { return s.SetWebsite(cmd.Context(), args[0], w) })
		},
	}
	dataFlag(cmd, &data)
	cmd.Flags().StringVar(&w.Index, "index", "index.html", "`FILE` that each folder shows")
	cmd.Flags().StringVar(&w.Error, "error", "", "`FILE` that is shown when a request fails; empty shows a plain text")
	return cmd
}

func (a *app) websiteGetCommand() *cobra.Command {
	var data string
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "get BUCKET",
		Short:   "Show what is set",
		Example: "  ois website get my-bucket --json",
		Args:    oneArg("BUCKET"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), data, func(s admin.Service) error {
				w, err := s.Website(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(a.Stdout, w)
				}
				return printTable(a.Stdout, [][]string{{"INDEX", "ERROR"}, {w.Index, w.Error}})
			})
		},
	}
	dataFlag(cmd, &data)
	jsonFlag(cmd, &asJSON)
	return cmd
}

func (a *app) websiteDeleteCommand() *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:   "delete BUCKET",
		Short: "Show no pages of a bucket any more",
		Long: `Take the index page and the error page of a bucket away. Its objects stay, and so do its
domains: they still show objects whose path is asked for.`,
		Example: "  ois website delete my-bucket",
		Args:    oneArg("BUCKET"),
		RunE: func(cmd *cobra.Command, args []string) error {
			err := a.with(cmd.Context(), data, func(s admin.Service) error { return s.DeleteWebsite(cmd.Context(), args[0]) })
			if err == nil {
				fmt.Fprintf(a.Stderr, "deleted website of %s\n", args[0])
			}
			return err
		},
	}
	dataFlag(cmd, &data)
	return cmd
}
