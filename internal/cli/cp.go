package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/oisproject/ois/internal/client/entry"
	"github.com/oisproject/ois/internal/client/filter"
	"github.com/oisproject/ois/internal/client/local"
	"github.com/oisproject/ois/internal/client/target"
	ois "github.com/oisproject/ois/sdk/go"
)

type cpFlags struct {
	road
	batchFlags
	carryFlags
	recursive, follow bool
	move              bool
	filter            filter.Filter
}

func (a *app) cpCommand() *cobra.Command {
	var f cpFlags
	cmd := &cobra.Command{
		Use:   "cp SOURCE... TARGET",
		Short: "Copy files and objects to, from and within the service",
		Long: `Copy files to objects, objects to files, or objects to objects, many at once. A target that ends in a slash, is a bucket or is a folder takes the
sources under their names. With --recursive, what is in the source folder goes into the target folder; "-" is standard input or output.

A file is written under another name, .ois-*.part, until it is complete, and gets the time of modification of what the object was made of. Symbolic links are
skipped unless --follow-symlinks is given. What does not work does not stop the rest: the exit status is 1 then.`,
		Example: `  ois cp beach.jpg ois://photos/2026/
  ois cp -r --exclude '*.tmp' ./album ois://photos/2026/album
  ois cp -r ois://photos/2026 ./photos --limit-download 10MiB
  ois cp --continue film.mkv ois://films/`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.cp(cmd.Context(), &f, args) },
	}
	return a.cpFlags(cmd, &f)
}

func (a *app) mvCommand() *cobra.Command {
	f := cpFlags{move: true}
	cmd := &cobra.Command{
		Use:   "mv SOURCE... TARGET",
		Short: "Move files and objects",
		Long: `Move files to objects, objects to files, or give objects other names. It is like "ois cp", and each source is deleted as soon as it has arrived. An
object gets another name in one step, without being copied.`,
		Example: `  ois mv ois://photos/img_1.jpg ois://photos/2026/beach.jpg
  ois mv -r ./out ois://results/today/`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.cp(cmd.Context(), &f, args) },
	}
	return a.cpFlags(cmd, &f)
}

func (a *app) cpFlags(cmd *cobra.Command, f *cpFlags) *cobra.Command {
	cmd.Args = func(_ *cobra.Command, args []string) error {
		switch len(args) {
		case 0:
			return fmt.Errorf("SOURCE is missing")
		case 1:
			return fmt.Errorf("TARGET is missing after %q", args[0])
		}
		return nil
	}
	cmd.ValidArgsFunction = a.completeTargets(&f.road, true)
	a.roadFlags(cmd, &f.road)
	f.batchFlags.add(cmd)
	f.carryFlags.add(cmd, true)
	filterFlags(cmd, &f.filter)
	cmd.Flags().BoolVarP(&f.recursive, "recursive", "r", false, "copy what is in folders")
	cmd.Flags().BoolVar(&f.follow, "follow-symlinks", false, "take symbolic links for what they lead to")
	return cmd
}

func (a *app) cp(ctx context.Context, f *cpFlags, args []string) error {
	sources, to, err := parseCopy(args)
	if err != nil {
		return err
	}
	if err := f.check(sources, to); err != nil {
		return err
	}
	if sources[0].IsStream() {
		return a.put(ctx, &putFlags{road: f.road, carryFlags: f.carryFlags, batchFlags: f.batchFlags}, sources[0], to)
	}
	if to.IsStream() {
		return a.cat(ctx, &catFlags{road: f.road, carryFlags: f.carryFlags}, sources)
	}
	f.single = len(sources) == 1 && !f.recursive
	c, err := a.newCourier(ctx, f.road, f.batchFlags, &f.carryFlags)
	if err != nil {
		return err
	}
	return c.finish(ctx, c.copyAll(ctx, f, sources, to))
}

// parseCopy reads sources and a target, one of which must be in the service.
func parseCopy(args []string) (sources []target.Target, to target.Target, err error) {
	remote := false
	for i, arg := range args {
		t, err := parseTarget(arg)
		if err != nil {
			return nil, to, err
		}
		if t.Remote && t.Bucket == "" {
			return nil, to, usagef("%q names no bucket: want %sBUCKET/KEY", arg, target.Scheme)
		}
		if remote = remote || t.Remote; i == len(args)-1 {
			to = t
			break
		}
		if len(args) > 2 && t.IsStream() {
			return nil, to, usagef("\"-\" does not go together with other sources")
		}
		sources = append(sources, t)
	}
	if !remote {
		return nil, to, usagef("neither source nor target is in the service: want %sBUCKET/KEY for one of them", target.Scheme)
	}
	return sources, to, nil
}

// check refuses what would do harm.
func (f *cpFlags) check(sources []target.Target, to target.Target) error {
	switch {
	case sources[0].IsStream() || to.IsStream():
		return f.checkStream(to)
	case f.recursive && len(sources) > 1:
		return usagef("--recursive takes one source: run the command once for each")
	case !f.recursive && !f.filter.Empty():
		return errFilter
	}
	for _, s := range sources {
		switch {
		case !s.Remote && !to.Remote:
			return usagef("%s and %s are both files of this machine: use the tools of the system", s, to)
		case s.Remote && s.Key == "" && !f.recursive:
			return usagef("%s is a bucket: want --recursive to copy what is in it", s)
		case f.recursive && overlap(s, to):
			return usagef("%s is in %s: it would be copied into itself", to.Folder(), s.Folder())
		}
	}
	return checkNames(sources, to)
}

// checkStream refuses what cannot be done with a standard stream.
func (f *cpFlags) checkStream(to target.Target) error {
	switch {
	case f.move:
		return usagef("\"-\" cannot be moved: \"ois cp\" copies it")
	case f.recursive || !f.filter.Empty():
		return usagef("\"-\" is no folder: leave --recursive, --include and --exclude out")
	case to.IsStream() && (f.dryRun || f.json || f.verbose):
		return usagef("standard output is for the object: leave --dry-run, --json and --verbose out")
	}
	return nil
}

// takesMany reports whether sources keep their names in a target.
func takesMany(to target.Target) bool { return to.IsFolder() || !to.Remote && isDir(to.Path) }

// checkNames refuses sources that would overwrite each other.
func checkNames(sources []target.Target, to target.Target) error {
	if len(sources) > 1 && !takesMany(to) {
		return usagef("%s takes several sources only as a folder: write it with a slash at its end", to)
	}
	first := make(map[string]target.Target)
	for _, s := range sources {
		if other, ok := first[s.Base()]; ok {
			return usagef("%s and %s would both become %s: copy them one after the other, under names of their own", other, s, to.Join(s.Base()))
		}
		first[s.Base()] = s
	}
	return nil
}

// overlap reports whether the folder b is a, or in a.
func overlap(a, b target.Target) bool {
	return a.Remote && b.Remote && a.Bucket == b.Bucket && strings.HasPrefix(b.Folder().Key, a.Folder().Key)
}

func (c *courier) copyAll(ctx context.Context, f *cpFlags, sources []target.Target, to target.Target) error {
	if f.recursive && (sources[0].Remote || isDir(sources[0].Path)) {
		err := c.copyFolder(ctx, f, sources[0], to)
		c.meter.Listed()
		return err
	}
	var open []*side
	defer func() {
		c.group.Wait()
		c.sweep(ctx)
		for _, s := range open {
			_ = s.close() // nothing was written through the folder itself
		}
	}()
	for _, s := range sources {
		fr, err := c.plan(ctx, s, to, f.move)
		if err != nil {
			c.fail(ctx, action{Name: "copy", Source: s.String(), Target: to.String()}, err)
			continue
		}
		open = append(open, fr.to)
		if err := c.do(ctx, fr.action(), func() error { return c.carry(ctx, fr) }); err != nil {
			return err
		}
	}
	c.meter.Listed()
	return nil
}

// plan finds out what becomes of a single source.
func (c *courier) plan(ctx context.Context, s, to target.Target, move bool) (*freight, error) {
	f := &freight{move: move}
	var err error
	if s.Remote {
		if f.from, err = c.remoteSide(ctx, target.Target{Remote: true, Bucket: s.Bucket}); err != nil {
			return nil, err
		}
		info, err := f.from.bucket.Head(ctx, s.Key, &ois.HeadOptions{})
		if err != nil {
			return nil, err
		}
		f.e = entry.Entry{Key: s.Key, Size: info.Size, Modified: info.Modified, ETag: info.ETag, Class: info.StorageClass}
	} else if err = singleFile(f, s); err != nil {
		return nil, err
	}
	if takesMany(to) {
		f.toKey = s.Base()
	}
	if !to.Remote {
		return f, c.singleTarget(f, to)
	}
	if f.to, err = c.remoteSide(ctx, to); err != nil {
		return nil, err
	}
	same := s.Remote && s.Bucket == to.Bucket && s.Key == to.Key+f.toKey
	if changes := c.custom || c.put.StorageClass != ""; same && (move || !changes) { // what is moved is deleted
		return nil, usagef("source and target are both %s", s)
	}
	return f, nil
}

func singleFile(f *freight, s target.Target) error {
	info, err := os.Stat(s.Path) // a link that is named is meant
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return usagef("%s is a folder: want --recursive", s)
	case !info.Mode().IsRegular():
		return usagef("%s is neither a file nor a folder: \"ois put -\" takes what a program writes", s)
	}
	dir, name := local.Split(s.Path)
	f.from = &side{t: target.Target{Path: dir}}
	f.e = entry.Entry{Key: name, Size: info.Size(), Modified: info.ModTime()}
	return nil
}

// singleTarget opens the folder that a file is to lie in.
func (c *courier) singleTarget(f *freight, to target.Target) (err error) {
	dir := to.Path
	if f.toKey == "" {
		dir, f.toKey = local.Split(to.Path)
		err := wantDir(dir)
		if errors.Is(err, fs.ErrNotExist) && !c.dryRun {
			return fmt.Errorf("%w: make it first", err)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if f.toKey == "" {
		return usagef("the key %q has no last part to name a file by: name the file", f.e.Key)
	}
	f.to, err = c.openTree(dir)
	return err
}

// copyFolder copies what is in a folder.
func (c *courier) copyFolder(ctx context.Context, f *cpFlags, s, to target.Target) (err error) {
	from, list, err := c.openList(ctx, s, local.WalkOptions{Follow: f.follow})
	if err != nil {
		return err
	}
	dest, err := c.openDest(ctx, to)
	if err != nil {
		return err
	}
	defer func() {
		c.group.Wait()
		c.sweep(ctx)
		_ = dest.close() // nothing was written through the folder itself
	}()
	c.whole = true
	var shadows entry.Shadows
	found := false
	for e, err := range list {
		if entry.Ends(err) {
			return err
		}
		found = true
		if err != nil {
			c.bad(ctx, from.name(e.Key), err)
			continue
		}
		if e.Key == "" && e.Size == 0 || !f.filter.Passes(e.Key) {
			continue
		}
		fr := &freight{from: from, to: dest, e: e, toKey: e.Key, move: f.move}
		if err := c.dispatch(ctx, fr, &shadows); err != nil {
			return err
		}
	}
	if !found && s.Remote && s.Key != "" {
		return errNone(s.Folder())
	}
	return nil
}

// dispatch has a freight carried, unless no file can have its name.
func (c *courier) dispatch(ctx context.Context, f *freight, shadows *entry.Shadows) error {
	err := f.intoSource()
	if !f.to.t.Remote {
		err = local.CheckKey(f.toKey)
		if file, ok := shadows.Of(f.toKey); err == nil && ok {
			err = fmt.Errorf("there is also an object %q: it cannot be a file and a folder", file)
		}
	}
	if err != nil {
		c.meter.Found(0)
		c.fail(ctx, f.action(), err)
		return nil
	}
	return c.do(ctx, f.action(), func() error { return c.carry(ctx, f) })
}

// intoSource refuses a target that is in the folder of the sources: it may be the name of one of them, which nobody has read yet.
func (f *freight) intoSource() error {
	key := f.to.t.Key + f.toKey
	if !f.from.t.Remote || !f.to.t.Remote || f.from.t.Bucket != f.to.t.Bucket || !strings.HasPrefix(key, f.from.t.Key) {
		return nil
	}
	return fmt.Errorf("%s is in the source itself: run a command for it alone, afterwards", f.to.name(f.toKey))
}

// openList opens a folder to read from.
func (c *courier) openList(ctx context.Context, t target.Target, opts local.WalkOptions) (*side, entry.List, error) {
	if t.Remote {
		t = t.Folder()
		s, err := c.remoteSide(ctx, t)
		if err != nil {
			return nil, nil, err
		}
		return s, remote(s.bucket.Objects(ctx, &ois.ListOptions{Prefix: t.Key}), t.Key), nil
	}
	opts.Skip = func(name, why string) {
		if c.verbose {
			c.sayf("skipped %s: %s", filepath.Join(t.Path, filepath.FromSlash(name)), why)
		}
	}
	return &side{t: t}, local.Walk(ctx, t.Path, opts), nil
}

// openDest opens a folder to write to.
func (c *courier) openDest(ctx context.Context, t target.Target) (*side, error) {
	if t.Remote {
		return c.remoteSide(ctx, t.Folder())
	}
	return c.openTree(t.Path)
}
