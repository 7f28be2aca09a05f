package cli

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/oisproject/ois/internal/admin"
	"github.com/oisproject/ois/internal/store"
)

func (a *app) backupCommand() *cobra.Command {
	var data string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "backup DIR",
		Short: "Make a backup of a store",
		Long: `Make a copy of everything a store holds in DIR, which is empty or not there yet, and
check it as fsck does. The copy is a data directory: it can be served as it is, or
brought elsewhere with "ois restore". It has the secret keys of all users, too.

The server may serve meanwhile, and then makes the backup itself, with its own permissions.
The backup holds everything as it was at one moment: all that was acknowledged before the
command began, and nothing half. Space of what is deleted meanwhile comes back afterwards.

DIR is best on another disk, which needs room for all the data. A backup that is
interrupted is removed, or marked so that nobody takes it for a whole one.

The exit status is 0 if the backup is good.`,
		Example: `  ois backup /mnt/backup/2026-05-01
  ois backup --data /srv/ois --json /mnt/backup/2026-05-01`,
		Args: oneArg("DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := filepath.Abs(args[0]) // the server may have another working directory
			if err != nil {
				return err
			}
			return a.with(cmd.Context(), data, func(s admin.Service) error {
				r, err := s.Backup(cmd.Context(), dir)
				if err != nil {
					return err
				}
				return a.printBackup(r, "backup", asJSON)
			})
		},
		ValidArgsFunction: completeDir,
	}
	dataFlag(cmd, &data)
	jsonFlag(cmd, &asJSON)
	return cmd
}

// completeDir lets the shell offer directories.
func completeDir(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// printBackup prints what was copied; problems are an error.
func (a *app) printBackup(r *store.BackupReport, what string, asJSON bool) error {
	var err error
	if asJSON {
		err = printJSON(a.Stdout, r)
	} else if err = a.printFindings(r.Report, false); err == nil {
		_, err = fmt.Fprintf(a.Stdout, "\n%s in %s, made and checked in %.1f s\n", what, r.Dir, r.Seconds)
	}
	if err != nil || r.Clean() {
		return err
	}
	return fmt.Errorf("the %s in %s is bad: it has %d problems", what, r.Dir, int64(len(r.Problems))+r.Omitted)
}
