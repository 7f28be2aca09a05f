package cli

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/oisproject/ois/internal/admin"
	"github.com/oisproject/ois/internal/store"
)

func (a *app) fsckCommand() *cobra.Command {
	var data string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "fsck",
		Short: "Check a store",
		Long: `Check everything a store holds: that its rows can be read and agree with each other,
that nothing is missing, and that every byte matches its checksum. It reads all data, so
it takes its time, and may do so while the server serves.

No object is changed. Without a server the store is opened as by a start of one: the log
of the metadata is replayed, and what a crash has left behind is cleared away.

The exit status is 0 if nothing is wrong and 1 if there are problems.`,
		Example: `  ois fsck
  ois fsck --data /srv/ois --json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), data, func(s admin.Service) error {
				r, err := s.Check(cmd.Context())
				if err != nil {
					return err
				}
				return a.printReport(r, asJSON)
			})
		},
	}
	dataFlag(cmd, &data)
	jsonFlag(cmd, &asJSON)
	return cmd
}

// printReport prints what a check found; problems are an error.
func (a *app) printReport(r *store.Report, asJSON bool) error {
	if err := a.printFindings(r, asJSON); err != nil || r.Clean() {
		return err
	}
	n := int64(len(r.Problems)) + r.Omitted
	if n == 1 {
		return errors.New("there is 1 problem")
	}
	return fmt.Errorf("there are %d problems", n)
}

func (a *app) printFindings(r *store.Report, asJSON bool) error {
	if asJSON {
		return printJSON(a.Stdout, r)
	}
	for _, p := range r.Problems {
		if _, err := fmt.Fprintf(a.Stdout, "problem: %s\n", p); err != nil {
			return err
		}
	}
	var rows [][]string
	for _, c := range []struct {
		what string
		n    int64
	}{
		{"buckets", r.Buckets},
		{"objects", r.Objects},
		{"uploads", r.Uploads},
		{"parts", r.Parts},
		{"blobs", r.Blobs},
		{"bytes", r.Bytes},
		{"orphans", r.Orphans},
		{"problems", int64(len(r.Problems)) + r.Omitted},
	} {
		rows = append(rows, []string{c.what, strconv.FormatInt(c.n, 10)})
	}
	return printTable(a.Stdout, rows)
}
