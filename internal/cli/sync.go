package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"strings"

	"github.com/spf13/cobra"

	"github.com/oisproject/ois/internal/client/entry"
	"github.com/oisproject/ois/internal/client/filter"
	"github.com/oisproject/ois/internal/client/local"
	"github.com/oisproject/ois/internal/client/merge"
	"github.com/oisproject/ois/internal/client/spool"
	"github.com/oisproject/ois/internal/client/target"
	"github.com/oisproject/ois/sdk/go/api"
)

type syncFlags struct {
	road
	batchFlags
	carryFlags
	comparer
	delete, force, follow bool
	maxDelete             int64
	filter                filter.Filter
}

func (a *app) syncCommand() *cobra.Command {
	var f syncFlags
	cmd := &cobra.Command{
		Use:   "sync SOURCE TARGET",
		Short: "Make one folder like another",
		Long: `Copy what is new or different from one folder to another: from a folder of files to one in a bucket, back, or between buckets. Both are listed
in the order of their keys and compared as the listings come, so that any number of files takes the same memory.

Of the same size, a file is the same as an object if it has not been touched since the object was written, or has the time of modification that is
kept with the object; --checksum compares the MD5 of objects that have one, --size-only nothing else.

With --delete, what the source does not have is deleted from the target, last, and only if all else went well. It is refused if the source has
nothing at all, or if it is more than --max-delete. What --exclude leaves out is neither copied nor deleted, and so are symbolic links of the source, with
what is below them, and whatever else is no file.`,
		Example: `  ois sync ./site ois://www --delete --exclude '.git/'
  ois sync ois://photos/2026 /backup/photos --checksum
  ois sync ois://photos ois://photos-copy --dry-run`,
		Args:              sourceAndTarget,
		ValidArgsFunction: a.completeTargets(&f.road, true),
		RunE:              func(cmd *cobra.Command, args []string) error { return a.sync(cmd.Context(), &f, args) },
	}
	a.roadFlags(cmd, &f.road)
	f.batchFlags.add(cmd)
	f.carryFlags.add(cmd, true)
	f.comparer.add(cmd)
	filterFlags(cmd, &f.filter)
	cmd.Flags().BoolVar(&f.delete, "delete", false, "delete what the source does not have")
	cmd.Flags().Int64Var(&f.maxDelete, "max-delete", -1, "delete nothing if it would be more than `NUMBER`; -1 is any number")
	cmd.Flags().BoolVar(&f.force, "force", false, "delete even if the source has nothing")
	cmd.Flags().BoolVar(&f.follow, "follow-symlinks", false, "take symbolic links for what they lead to")
	return cmd
}

// sourceAndTarget wants two arguments.
func sourceAndTarget(_ *cobra.Command, args []string) error {
	switch len(args) {
	case 0:
		return errors.New("SOURCE is missing")
	case 1:
		return fmt.Errorf("TARGET is missing after %q", args[0])
	case 2:
		return nil
	}
	return fmt.Errorf("unexpected argument %q after TARGET", args[2])
}

func (a *app) sync(ctx context.Context, f *syncFlags, args []string) error {
	source, to, err := parseFolders(args)
	if err != nil {
		return err
	}
	if !f.delete && (f.force || f.maxDelete >= 0) {
		return usagef("--force and --max-delete are about --delete, which is not there")
	}
	if err := f.check(); err != nil {
		return err
	}
	c, err := a.newCourier(ctx, f.road, f.batchFlags, &f.carryFlags)
	if err != nil {
		return err
	}
	return c.finish(ctx, c.sync(ctx, f, source, to))
}

// parseFolders reads a source and a target that are both folders.
func parseFolders(args []string) (source, to target.Target, err error) {
	sources, to, err := parseCopy(args)
	if err != nil {
		return source, to, err
	}
	source = sources[0]
	switch {
	case source.IsStream() || to.IsStream():
		return source, to, usagef("\"-\" is no folder")
	case overlap(source, to) || overlap(to, source):
		return source, to, usagef("%s and %s: one is in the other", source.Folder(), to.Folder())
	}
	return source, to, nil
}

// twoFolders are what is compared.
type twoFolders struct {
	from, to *side
	pairs    iter.Seq2[merge.Pair, error]
}

// compare lists two folders side by side.
func (c *courier) compare(ctx context.Context, source, to target.Target, follow bool, f *filter.Filter) (*twoFolders, error) {
	from, sources, err := c.openList(ctx, source, local.WalkOptions{Follow: follow, List: true})
	if err != nil {
		return nil, err
	}
	dest, targets, err := c.openList(ctx, to, local.WalkOptions{})
	if err != nil {
		return nil, err
	}
	files := !from.t.Remote || !dest.t.Remote
	passes := func(e entry.Entry) bool {
		// Objects that stand for folders have no counterpart among files, and nowhere if they are the folder that is compared.
		folder := e.Size == 0 && !e.Skipped && (e.Key == "" || files && strings.HasSuffix(e.Key, "/"))
		return f.Passes(e.Key) && !folder
	}
	inside := func(e entry.Entry) bool { return passes(e) && (e.Key != "" || !files) }
	if !to.Remote {
		targets = absent(targets)
	}
	return &twoFolders{from, dest, unskipped(merge.Lists(entry.Only(sources, passes), entry.Only(targets, inside)))}, nil
}

// unskipped leaves out what the source skips, such as symbolic links: it has them, so the target may have them, too, and what they lead to.
func unskipped(pairs iter.Seq2[merge.Pair, error]) iter.Seq2[merge.Pair, error] {
	return func(yield func(merge.Pair, error) bool) {
		var skipped entry.Skipped
		for p, err := range pairs {
			switch {
			case err != nil:
			case p.Source != nil && p.Source.Skipped:
				skipped.Add(p.Key)
				continue
			case p.Source == nil && skipped.Has(p.Key):
				continue
			}
			if !yield(p, err) {
				return
			}
		}
	}
}

// absent makes a folder that is not there an empty one.
func absent(list entry.List) entry.List {
	return func(yield func(entry.Entry, error) bool) {
		for e, err := range list {
			if entry.Ends(err) && errors.Is(err, fs.ErrNotExist) {
				return
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

func (c *courier) sync(ctx context.Context, f *syncFlags, source, to target.Target) (err error) {
	both, err := c.compare(ctx, source, to, f.follow, &f.filter)
	if err != nil {
		return err
	}
	if !source.Remote {
		if err := wantDir(source.Path); err != nil {
			return err
		}
	}
	if !to.Remote {
		if both.to, err = c.openTree(to.Path); err != nil {
			return err
		}
	}
	defer func() {
		c.group.Wait()
		_ = both.to.close() // nothing was written through the folder itself
	}()
	c.whole = true
	y := &syncing{courier: c, f: f, both: both}
	defer func() { err = errors.Join(err, y.extra.Close()) }()
	if err := y.copy(ctx); err != nil {
		return err
	}
	c.meter.Listed()
	c.group.Wait()
	if y.extra.Len() == 0 || ctx.Err() != nil {
		return ctx.Err()
	}
	return y.remove(ctx)
}

// A syncing is a sync under way.
type syncing struct {
	*courier
	f       *syncFlags
	both    *twoFolders
	shadows entry.Shadows
	sources int64
	extra   spool.Spool // what the target has and the source has not
}

// copy copies what is new or different, and notes what is too much.
func (y *syncing) copy(ctx context.Context) error {
	for p, err := range y.both.pairs {
		switch {
		case entry.Ends(err):
			return err
		case err != nil:
			var bad *entry.Bad
			errors.As(err, &bad)
			y.bad(ctx, bad.Key, err)
			continue
		case p.Source == nil:
			if y.f.delete {
				err = y.extra.Add(p.Key)
			}
		default:
			y.sources++
			err = y.pair(ctx, p)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// pair copies a source unless the target is like it.
func (y *syncing) pair(ctx context.Context, p merge.Pair) error {
	fr := &freight{from: y.both.from, to: y.both.to, e: *p.Source, toKey: p.Key}
	v := differ
	if p.Target != nil {
		v = y.f.glance(y.both.from, y.both.to, p.Source, p.Target)
	}
	switch v {
	case differ:
		return y.dispatch(ctx, fr, &y.shadows)
	case alike:
		y.meter.Same()
		return nil
	}
	return y.group.Go(ctx, func() {
		same, err := y.f.look(ctx, y.both.from, y.both.to, p.Source, p.Target, y.key)
		switch {
		case err == nil && same:
			err = errSame
		case err == nil && y.dryRun:
			c := fr.action()
			c.DryRun = true
			y.report(ctx, c, nil)
			return
		case err == nil:
			y.meter.Found(p.Source.Size)
			err = y.carry(ctx, fr)
		}
		y.report(ctx, fr.action(), err)
	})
}

// remove deletes what is too much, if that can be meant.
func (y *syncing) remove(ctx context.Context) error {
	n := y.extra.Len()
	switch {
	case y.failures() > 0:
		y.sayf("Nothing was deleted, since not all went well: %d would have been.", n)
		return nil
	case y.sources == 0 && !y.f.force:
		return fmt.Errorf("the source has nothing, so that all %d of the target would be deleted: nothing was; --force deletes them", n)
	case y.f.maxDelete >= 0 && n > y.f.maxDelete:
		return fmt.Errorf("%d would be deleted, more than --max-delete %d: nothing was", n, y.f.maxDelete)
	case y.both.to.t.Remote:
		return y.removeObjects(ctx)
	}
	return y.removeFiles(ctx)
}

func (y *syncing) removeObjects(ctx context.Context) error {
	to := y.both.to
	return y.removeAll(ctx, y.s, to.bucket, func(yield func(api.ObjectToDelete, error) bool) {
		for key, err := range y.extra.All() {
			if !yield(api.ObjectToDelete{Key: to.t.Key + key}, err) {
				return
			}
		}
	})
}

func (y *syncing) removeFiles(ctx context.Context) error {
	for key, err := range y.extra.All() {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		c := action{Name: "delete", Source: y.both.to.name(key)}
		if err := y.do(ctx, c, func() error { return y.both.to.tree.Remove(key) }); err != nil {
			return err
		}
	}
	return nil
}
