// Command ois is an object storage server and the tools around it.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/oisproject/ois/internal/cli"
)

func main() {
	signal.Ignore(syscall.SIGPIPE) // what cannot be written is an error, after which a command cleans up
	ends := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as with nohup
		ends = append(ends, syscall.SIGHUP) // the terminal is gone, and nothing half done should stay
	}
	ctx, stop := signal.NotifyContext(context.Background(), ends...)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(cli.Main(ctx, cli.OS()))
}
