package cli

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

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

// completeCommand completes the names of commands that follow each other.
func completeCommand(help *cobra.Command, args []string, begin string) ([]cobra.Completion, cobra.ShellCompDirective) {
	cmd, rest, err := help.Root().Find(args)
	if err != nil || len(rest) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []cobra.Completion
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() && strings.HasPrefix(c.Name(), begin) {
			names = append(names, cobra.CompletionWithDesc(c.Name(), c.Short))
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// choiceFlag adds a flag with a few values that a shell can offer.
func choiceFlag(cmd *cobra.Command, value *string, name, preset, usage string, choices ...string) {
	cmd.Flags().StringVar(value, name, preset, usage)
	_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(choices, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
}

// unquoteUsages removes the backquotes that name the values of flags. The help makes use of them, a shell
// would show them.
func unquoteUsages(cmd *cobra.Command) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) { _, f.Usage = pflag.UnquoteUsage(f) })
	for _, c := range cmd.Commands() {
		unquoteUsages(c)
	}
}
