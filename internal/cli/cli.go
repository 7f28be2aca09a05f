// Package cli is the command line of ois: one file per command, from arguments to exit status.
//
// A command reads its flags, calls what does the work, and prints: data on standard output, talk on
// standard error. It keeps no state of its own beyond the user's files, and touches the outside world only
// through Env, the file system and the network, so that a test can run it in its own process.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/oisproject/ois/internal/admin"
	"github.com/oisproject/ois/internal/client/message"
	"github.com/oisproject/ois/internal/datadir"
	"github.com/oisproject/ois/internal/job"
	"github.com/oisproject/ois/internal/seal"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/vfs"
)

// Exit statuses, the same for all commands; message.Overview tells users.
const (
	exitOK          = 0
	exitFailed      = 1 // something, or a part of it, did not work
	exitUsage       = 2
	exitNotFound    = 3
	exitDenied      = 4
	exitNetwork     = 5
	exitInterrupted = 130
)

// Env is what a command may touch of the process it runs in.
type Env struct {
	Args     []string // without the name of the program
	Stdin    io.Reader
	Stdout   io.Writer
	Stderr   io.Writer
	Getenv   func(string) string
	Terminal bool // a person reads Stderr
	// Columns is how wide that terminal is at present, 0 if nobody knows. It may be nil.
	Columns func() int
}

// OS returns the Env of this process.
func OS() Env {
	_, terminal := columns(os.Stderr)
	return Env{
		Args:     os.Args[1:],
		Stdin:    os.Stdin,
		Stdout:   os.Stdout,
		Stderr:   os.Stderr,
		Getenv:   os.Getenv,
		Terminal: terminal,
		Columns:  func() int { n, _ := columns(os.Stderr); return n },
	}
}

// An app is one run of the program.
type app struct {
	Env
	// parsed says that arguments and flags were understood: errors from then on are
	// about the work, those before about the usage.
	parsed bool
	// disk is where data directories lie.
	disk vfs.FS
	// still says that a store is opened to be looked at, so that nothing in it is changed unasked.
	still bool
	// secrets seals secrets, if a command opens a store itself.
	secrets *seal.Ring
	// wrap puts something between the demo, or a client command, and its server, unless it is nil.
	wrap func(http.RoundTripper) http.RoundTripper
	// goesOn says that what was interrupted can be continued.
	goesOn bool
	// shared is what client commands have in common; nil until one needs it.
	shared *house
}

// Main runs the command that env.Args name until it is done or ctx ends, and returns the exit status.
func Main(ctx context.Context, env Env) int {
	return (&app{Env: env, disk: vfs.Disk}).run(ctx)
}

func (a *app) run(ctx context.Context) int {
	a.Stdin = interruptible(ctx, a.Stdin)
	root := a.rootCommand()
	root.SetArgs(append([]string{}, a.Args...)) // not nil, which would mean os.Args
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	status := a.status(ctx, err)
	if readerLeft(err) {
		return status // who has seen enough is not told more
	}
	if status == exitInterrupted {
		err = errors.New(a.text("interrupted"))
	}
	fmt.Fprintf(a.Stderr, "%s: %v\n", cmd.CommandPath(), err)
	if status == exitUsage {
		fmt.Fprintf(a.Stderr, a.text("Run %q to see how it is used.")+"\n", cmd.CommandPath()+" --help")
	}
	if status == exitInterrupted && a.goesOn {
		fmt.Fprintln(a.Stderr, a.text("Run the same command again to go on from here."))
	}
	if hint := a.hint(err); hint != "" {
		fmt.Fprintln(a.Stderr, hint)
	}
	return status
}

// readerLeft reports whether err says that nobody reads our output any more, as in "ois demo | head -1".
func readerLeft(err error) bool {
	write, ok := errors.AsType[*fs.PathError](err)
	return ok && errors.Is(write, syscall.EPIPE)
}

// A usageError is about what was typed.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// status returns the exit status that err stands for.
func (a *app) status(ctx context.Context, err error) int {
	_, usage := errors.AsType[usageError](err)
	items, some := errors.AsType[*itemsError](err)
	_, network := errors.AsType[*net.OpError](err) // net.Error would match any error of the system
	switch {
	case !a.parsed, usage:
		return exitUsage
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return exitInterrupted
	case some:
		return items.status
	case errors.Is(err, fs.ErrPermission):
		return exitDenied
	case errors.Is(err, store.ErrUserNotExist), errors.Is(err, store.ErrKeyNotExist), errors.Is(err, store.ErrBucketNotExist),
		errors.Is(err, admin.ErrNoWebsite), errors.Is(err, job.ErrUnknown),
		errors.Is(err, datadir.ErrNotExist), errors.Is(err, fs.ErrNotExist):
		return exitNotFound
	case network, isNetwork(err):
		return exitNetwork
	}
	return exitFailed
}

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:               "ois COMMAND",
		Short:             "Object storage in one file",
		Long:              a.text(message.Overview),
		Version:           readVersion().Version,
		Args:              cobra.ArbitraryArgs,
		RunE:              runGroup,
		PersistentPreRun:  func(*cobra.Command, []string) { a.parsed = true },
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},

		DisableFlagsInUseLine:      true,
		SuggestionsMinimumDistance: typos,
	}
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	root.SetIn(a.Stdin)
	root.SetOut(a.Stdout)
	root.SetErr(a.Stderr)
	root.SetVersionTemplate("ois {{.Version}}\n")
	root.SetUsageTemplate(strings.Replace(root.UsageTemplate(), cobraSecondUse, "", 1))
	help := helpCommand(root)
	help.Short = a.text(help.Short)
	root.SetHelpCommand(help)
	root.AddGroup(&cobra.Group{ID: clientGroup, Title: "Buckets and objects:"}, &cobra.Group{ID: serverGroup, Title: "The server:"})
	root.AddCommand(grouped(clientGroup, append(a.clientCommands(), a.bucketCommand())...)...)
	root.AddCommand(grouped(serverGroup, a.serveCommand(), a.demoCommand(), a.userCommand(), a.keyCommand(), a.websiteCommand(), a.fsckCommand(),
		a.backupCommand(), a.restoreCommand(), a.jobCommand())...)
	root.AddCommand(a.versionCommand(), a.completionCommand(), a.manCommand())
	a.translate(root)
	if len(a.Args) > 0 && strings.HasPrefix(a.Args[0], cobra.ShellCompRequestCmd) {
		unquoteUsages(root)
	}
	return root
}

// typos is how many letters of the name of a command may be wrong for a hint at it.
const typos = 2

// cobraSecondUse shows the use of a command with others below it once more.
const cobraSecondUse = `{{if .HasAvailableSubCommands}}
  {{.CommandPath}} [command]{{end}}`

// group returns a command that only holds others.
func group(name, short, long string, commands ...*cobra.Command) *cobra.Command {
	g := &cobra.Command{
		Use: name + " COMMAND", Short: short, Long: long, Args: cobra.ArbitraryArgs, RunE: runGroup,
		DisableFlagsInUseLine: true, SuggestionsMinimumDistance: typos,
	}
	g.AddCommand(commands...)
	return g
}

// runGroup runs a command that needs another after it.
func runGroup(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	hint := ""
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		// The first letter is seldom wrong.
		i := max(0, slices.IndexFunc(near, func(name string) bool { return strings.HasPrefix(name, args[0][:min(1, len(args[0]))]) }))
		hint = fmt.Sprintf("; did you mean %q?", near[i])
	}
	return usagef("there is no command %q%s", args[0], hint)
}

func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]...",
		Short: "Explain a command",
		Args:  cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			cmd, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return usagef("there is no command %q to explain", strings.Join(args, " "))
			}
			cmd.InitDefaultHelpFlag()
			return cmd.Help()
		},
		ValidArgsFunction: completeCommand,
	}
}

// noArgs refuses arguments.
func noArgs(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("unexpected argument %q", args[0])
	}
	return nil
}

// oneArg wants one argument of that name.
func oneArg(name string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) == 0 || args[0] == "":
			return fmt.Errorf("%s is missing", name)
		case len(args) > 1:
			return fmt.Errorf("unexpected argument %q after %s", args[1], name)
		}
		return nil
	}
}

// someArgs wants one argument of that name, or more of them.
func someArgs(name string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return fmt.Errorf("%s is missing", name)
		}
		return nil
	}
}
