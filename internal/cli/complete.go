package cli

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/oisproject/ois/internal/client/target"
	ois "github.com/oisproject/ois/sdk/go"
)

// Completion must not make a person wait, nor print a thousand names.
const (
	completeTime = 3 * time.Second
	completeMost = 200
)

// completeTargets returns a function that completes names of buckets and objects as they are in the service, and, where files
// are wanted as well, leaves all other words to the shell.
func (a *app) completeTargets(r *road, files bool) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, begin string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if !strings.HasPrefix(begin, target.Scheme) {
			_, scheme := strings.CutPrefix(target.Scheme, begin) // it may become one
			if files && (begin == "" || !scheme) {
				return nil, cobra.ShellCompDirectiveDefault
			}
			return []cobra.Completion{target.Scheme}, cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completeTime)
		defer cancel()
		names := a.namesFrom(ctx, *r, begin)
		directive := cobra.ShellCompDirectiveNoFileComp
		if slices.ContainsFunc(names, func(n string) bool { return strings.HasSuffix(n, "/") }) {
			directive |= cobra.ShellCompDirectiveNoSpace
		}
		return names, directive
	}
}

// namesFrom lists what begins like that, up to the next slash. Errors are not for a person who is typing.
func (a *app) namesFrom(ctx context.Context, r road, begin string) (names []cobra.Completion) {
	s, err := a.service(ctx, r)
	if err != nil {
		return nil
	}
	bucket, key, inside := strings.Cut(strings.TrimPrefix(begin, target.Scheme), "/")
	if !inside {
		buckets, _ := s.ListBuckets(ctx, nil)
		for _, b := range buckets {
			if strings.HasPrefix(b.Name, bucket) {
				names = append(names, target.Scheme+b.Name+"/")
			}
		}
		return names
	}
	b, err := s.bucket(ctx, bucket)
	if err != nil {
		return nil
	}
	for page, err := range b.Pages(ctx, &ois.ListOptions{Prefix: key, Delimiter: "/", PageSize: completeMost}) {
		if err != nil {
			return nil
		}
		for _, o := range page.Objects {
			names = append(names, target.Scheme+bucket+"/"+o.Key)
		}
		for _, p := range page.Prefixes {
			names = append(names, target.Scheme+bucket+"/"+p)
		}
		break
	}
	// A shell takes each line for a name.
	names = slices.DeleteFunc(names, func(name string) bool { return printable(name) != name })
	slices.Sort(names)
	return names
}

// completeProfiles offers the names of the files in ~/.ois/profiles.
func (a *app) completeProfiles(_ *cobra.Command, _ []string, begin string) (names []cobra.Completion, _ cobra.ShellCompDirective) {
	files, _ := filepath.Glob(filepath.Join(a.Getenv("HOME"), ".ois", "profiles", "*.yaml"))
	for _, f := range files {
		if name := strings.TrimSuffix(filepath.Base(f), ".yaml"); strings.HasPrefix(name, begin) {
			names = append(names, name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
