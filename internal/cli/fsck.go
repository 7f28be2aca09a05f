package cli

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/oisproject/ois/internal/admin"
	"github.com/oisproject/ois/internal/store"
)

func (a *app) fsckCommand() *cobra.Command {
	var data string
	var asJSON, repair bool
	cmd := &cobra.Command{
		Use:   "fsck",
		Short: "Check a store, and repair it",
		Long: `Check everything a store holds: that its rows can be read and agree with each other,
that nothing is missing, and that every byte matches its checksum. It reads all data, so
it takes its time, and may do so while the server serves. Nothing is changed, but that a data
directory of an older format is brought to the present one.

With --repair, what can be repaired without a guess is repaired before: references, counters
and what belongs to nothing. It needs the store for itself, so stop the server first. Bytes that
are lost cannot be repaired. The objects they belong to are named: restore them from a backup, write
them again, or delete them. While rows cannot be read, nothing is dropped that they may need.

The exit status is 0 if nothing is wrong and 1 if there are problems, after --repair
if there still are.`,
		Example: `  ois fsck
  ois fsck --data /srv/ois --json
  ois fsck --data /srv/ois --repair`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a.still = true
			return a.with(cmd.Context(), data, func(s admin.Service) error {
				look := s.Check
				if repair {
					look = s.Repair
				}
				r, err := look(cmd.Context())
				if err != nil {
					return err
				}
				return a.printReport(r, asJSON)
			})
		},
	}
	dataFlag(cmd, &data)
	cmd.Flags().BoolVar(&repair, "repair", false, "repair what can be repaired")
	jsonFlag(cmd, &asJSON)
	return cmd
}

// printReport prints what a check found; problems are an error.
func (a *app) printReport(r *store.Report, asJSON bool) error {
	if err := a.printFindings(r, asJSON); err != nil || r.Clean() {
		return err
	}
	advice := ""
	if len(r.Damaged) > 0 {
		advice = "; what is damaged cannot be repaired: restore it from a backup, write it again, or delete it"
	}
	n := int64(len(r.Problems)) + r.Omitted
	if n == 1 {
		return fmt.Errorf("there is 1 problem%s", advice)
	}
	return fmt.Errorf("there are %d problems%s", n, advice)
}

func (a *app) printFindings(r *store.Report, asJSON bool) error {
	if asJSON {
		return printJSON(a.Stdout, r)
	}
	if err := a.printLines("repaired", r.Repaired); err != nil {
		return err
	}
	if err := a.printLines("problem", r.Problems); err != nil {
		return err
	}
	var rows [][]string
	for _, c := range []struct {
		what string
		n    int64
	}{
		{"buckets", r.Buckets},
		{"objects", r.Objects},
		{"versions", r.Versions},
		{"uploads", r.Uploads},
		{"parts", r.Parts},
		{"blobs", r.Blobs},
		{"bytes", r.Bytes},
		{"orphan bytes", r.OrphanBytes},
		{"damaged", int64(len(r.Damaged))},
		{"problems", int64(len(r.Problems)) + r.Omitted},
	} {
		rows = append(rows, []string{c.what, strconv.FormatInt(c.n, 10)})
	}
	return printTable(a.Stdout, rows)
}

// printLines prints what was found, a line each.
func (a *app) printLines(what string, list []string) error {
	for _, text := range list {
		if _, err := fmt.Fprintf(a.Stdout, "%s: %s\n", what, text); err != nil {
			return err
		}
	}
	return nil
}
