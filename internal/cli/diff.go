package cli

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/spf13/cobra"

	"github.com/oisproject/ois/internal/client/entry"
	"github.com/oisproject/ois/internal/client/filter"
	"github.com/oisproject/ois/internal/client/merge"
)

type diffFlags struct {
	road
	batchFlags
	carryFlags
	comparer
	follow bool
	filter filter.Filter
}

func (a *app) diffCommand() *cobra.Command {
	f := diffFlags{batchFlags: batchFlags{quiet: true}, carryFlags: carryFlags{concurrency: workers, partSize: "8MiB"}}
	cmd := &cobra.Command{
		Use:   "diff SOURCE TARGET",
		Short: "Show how two folders differ",
		Long: `Compare two folders as "ois sync" does, and print what is not alike: "<" before what only the source has, ">" before what only the target has, "!"
before what differs. The exit status is 1 if there is anything to print. Nothing is changed.`,
		Example:           "  ois diff ./site ois://www\n  ois diff --checksum ois://photos /backup/photos",
		Args:              sourceAndTarget,
		ValidArgsFunction: a.completeTargets(&f.road, true),
		RunE: func(cmd *cobra.Command, args []string) error {
			source, to, err := parseFolders(args)
			if err == nil {
				err = f.check()
			}
			if err != nil {
				return err
			}
			c, err := a.newCourier(cmd.Context(), f.road, f.batchFlags, &f.carryFlags)
			if err != nil {
				return err
			}
			d := &diffing{courier: c, f: &f}
			if d.both, err = c.compare(cmd.Context(), source, to, f.follow, &f.filter); err == nil {
				err = d.run(cmd.Context())
			}
			if err := c.finish(cmd.Context(), err); err != nil {
				return err
			}
			if n := d.differences.Load(); n > 0 {
				return fmt.Errorf("%d differ", n)
			}
			return nil
		},
	}
	a.roadFlags(cmd, &f.road)
	f.comparer.add(cmd)
	f.key.add(cmd)
	filterFlags(cmd, &f.filter)
	jsonFlag(cmd, &f.json)
	cmd.Flags().BoolVar(&f.follow, "follow-symlinks", false, "take symbolic links for what they lead to")
	return cmd
}

// A diffing is a comparison that is printed.
type diffing struct {
	*courier
	f           *diffFlags
	both        *twoFolders
	differences atomic.Int64
}

type difference struct {
	Key  string `json:"key"`
	Kind string `json:"difference"`
}

// Kinds of differences, as JSON has them, and their marks.
const (
	onlySource = "only_in_source"
	onlyTarget = "only_in_target"
	different  = "different"
)

var marks = map[string]string{onlySource: "<", onlyTarget: ">", different: "!"}

func (d *diffing) tell(key, kind string) error {
	d.differences.Add(1)
	if d.json {
		return d.printJSON(difference{key, kind})
	}
	return d.println(marks[kind] + " " + printable(key))
}

func (d *diffing) run(ctx context.Context) error {
	for p, err := range d.both.pairs {
		switch {
		case entry.Ends(err):
			return err
		case err != nil:
			var bad *entry.Bad
			errors.As(err, &bad)
			d.bad(ctx, bad.Key, err)
			continue
		case p.Target == nil:
			err = d.tell(p.Key, onlySource)
		case p.Source == nil:
			err = d.tell(p.Key, onlyTarget)
		default:
			err = d.pair(ctx, p)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *diffing) pair(ctx context.Context, p merge.Pair) error {
	switch d.f.glance(d.both.from, d.both.to, p.Source, p.Target) {
	case differ:
		return d.tell(p.Key, different)
	case alike:
		return nil
	}
	return d.group.Go(ctx, func() {
		same, err := d.f.look(ctx, d.both.from, d.both.to, p.Source, p.Target, d.key)
		if err != nil {
			d.report(ctx, action{Name: "compare", Source: d.both.from.name(p.Key), Target: d.both.to.name(p.Key)}, err)
		} else if !same {
			_ = d.tell(p.Key, different) // kept in outErr
		}
	})
}
