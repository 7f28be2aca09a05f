package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/oisproject/ois/internal/datadir"
)

func (a *app) restoreCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "restore BACKUP DIR",
		Short: "Make a data directory of a backup",
		Long: `Copy a backup to DIR, which is empty or not there yet, and check it as fsck does. Then
serve it with "ois serve --data DIR".

The backup is not changed, and may lie where nothing can be written. Any data directory
that nobody has open will do.

The exit status is 0 if all of it was restored and nothing is wrong.`,
		Example: `  ois restore /mnt/backup/2026-05-01 /srv/ois`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) < 1 || args[0] == "":
				return errors.New("BACKUP is missing")
			case len(args) < 2 || args[1] == "":
				return errors.New("DIR is missing")
			case len(args) > 2:
				return fmt.Errorf("unexpected argument %q after DIR", args[2])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := datadir.Restore(cmd.Context(), a.disk, args[0], args[1])
			if err != nil {
				return err
			}
			return a.printBackup(r, "data directory", asJSON)
		},
		ValidArgsFunction: completeDir,
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}
