package cli

import "github.com/spf13/cobra"

func (a *app) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print what makes a shell complete commands",
		Long:  "Print the script that makes a shell complete the commands and flags of ois.",
		Example: `  # bash, needs the package bash-completion:
  ois completion bash > /etc/bash_completion.d/ois

  # zsh, in a folder of $fpath:
  ois completion zsh > "${fpath[1]}/_ois"

  # fish:
  ois completion fish > ~/.config/fish/completions/ois.fish

  # PowerShell, in the profile:
  ois completion powershell | Out-String | Invoke-Expression`,
		Args:                  oneArg("the name of a shell"),
		ValidArgs:             []string{"bash", "zsh", "fish", "powershell"},
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(a.Stdout, true)
			case "zsh":
				return root.GenZshCompletion(a.Stdout)
			case "fish":
				return root.GenFishCompletion(a.Stdout, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(a.Stdout)
			}
			return usagef("shell %q is not known: want bash, zsh, fish or powershell", args[0])
		},
	}
}
