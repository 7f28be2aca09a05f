package cli

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/oisproject/ois/internal/client/message"
)

// headings are what stands above the parts of a help.
var headings = []string{
	"Usage:", "Aliases:", "Examples:", "Available Commands:", "Additional Commands:", "Global Flags:", "Flags:",
	"for more information about a command.", "Buckets and objects:", "The server:",
}

// text returns what is said to a person in his language.
func (a *app) text(english string) string { return message.Of(a.Getenv).Text(english) }

// translate gives commands and flags their short help in the language of the person.
func (a *app) translate(root *cobra.Command) {
	if message.Of(a.Getenv) == message.English {
		return
	}
	var pairs []string
	for _, h := range headings {
		pairs = append(pairs, h, a.text(h))
	}
	pairs = append(pairs, `Use "{{.CommandPath}}`, a.text("Use")+` "{{.CommandPath}}`)
	root.SetUsageTemplate(strings.NewReplacer(pairs...).Replace(root.UsageTemplate()))
	for _, g := range root.Groups() {
		g.Title = a.text(g.Title)
	}
	a.translateCommand(root)
}

func (a *app) translateCommand(cmd *cobra.Command) {
	cmd.Short = a.text(cmd.Short)
	cmd.InitDefaultHelpFlag()
	cmd.InitDefaultVersionFlag()
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		switch f.Name { // those that cobra describes
		case "help":
			f.Usage = a.text("explain the command")
		case "version":
			f.Usage = a.text("Print the version")
		default:
			f.Usage = a.text(f.Usage)
		}
	})
	for _, c := range cmd.Commands() {
		a.translateCommand(c)
	}
}
