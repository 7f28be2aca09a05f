package cli

import (
	"github.com/spf13/cobra"

	"github.com/oisproject/ois/internal/datadir"
)

func (a *app) restoreCommand() *cobra.Command {
	var data string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "restore DIR",
		Short: "Make a data directory of a backup",
		Long: `Copy the backup in DIR to the data directory, which is empty or not there yet, and check
it as fsck does. Then serve it with "ois serve".

The backup is not changed, and may lie where nothing can be written. Any data directory
that nobody has open will do.

The exit status is 0 if all of it was restored and nothing is wrong.`,
		Example: `  ois restore /mnt/backup/2026-05-01 --data /srv/ois`,
		Args:    oneArg("DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkData(data); err != nil {
				return err
			}
			r, err := datadir.Restore(cmd.Context(), a.disk, args[0], data)
			if err != nil {
				return err
			}
			return a.printBackup(r, "data directory", asJSON)
		},
		ValidArgsFunction: completeDir,
	}
	dataFlag(cmd, &data)
	jsonFlag(cmd, &asJSON)
	return cmd
}
