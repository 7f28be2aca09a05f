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
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(cli.Main(ctx, cli.OS()))
}
