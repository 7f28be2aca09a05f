package cli

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"strings"

	"github.com/spf13/cobra"

	"github.com/oisproject/ois/internal/client/entry"
	"github.com/oisproject/ois/internal/client/filter"
	"github.com/oisproject/ois/internal/client/target"
	ois "github.com/oisproject/ois/sdk/go"
	"github.com/oisproject/ois/sdk/go/api"
)

type rmFlags struct {
	road
	batchFlags
	recursive, yes, versions bool
	version                  string
	filter                   filter.Filter
}

func (a *app) rmCommand() *cobra.Command {
	var f rmFlags
	cmd := &cobra.Command{
		Use:   "rm ois://BUCKET/KEY...",
		Short: "Delete objects",
		Long: `Delete objects. With --recursive, all objects in a folder, a thousand in a request; if that is a whole bucket, a person at a terminal is
asked first, and a program must give --yes. It is no error if an object is not there. In a bucket with versions the objects get delete markers; --versions erases all
versions for good.`,
		Example: `  ois rm ois://photos/2026/beach.jpg
  ois rm -r --include '*.tmp' ois://photos/2026/
  ois rm -r --dry-run ois://photos
  ois rm -r --yes ois://photos`,
		Args:              someArgs(target.Scheme + "BUCKET/KEY"),
		ValidArgsFunction: a.completeTargets(&f.road, false),
		RunE:              func(cmd *cobra.Command, args []string) error { return a.rm(cmd.Context(), &f, args) },
	}
	a.roadFlags(cmd, &f.road)
	f.add(cmd)
	filterFlags(cmd, &f.filter)
	cmd.Flags().BoolVarP(&f.recursive, "recursive", "r", false, "delete what is in folders")
	cmd.Flags().BoolVarP(&f.yes, "yes", "y", false, "do not ask")
	cmd.Flags().BoolVar(&f.versions, "versions", false, "erase all versions, with --recursive")
	cmd.Flags().StringVar(&f.version, "version-id", "", "erase the version with that `ID`")
	return cmd
}

func (a *app) rm(ctx context.Context, f *rmFlags, args []string) error {
	targets, err := f.targets(args)
	if err != nil {
		return err
	}
	for _, t := range targets {
		if t.Key != "" || f.dryRun || f.yes {
			continue
		}
		if !a.Terminal {
			return usagef(a.text("%s is a whole bucket, and there is nobody to ask: --yes deletes all objects in it"), t)
		}
		if err := a.confirm(f.yes, a.text("Delete all objects in %s?"), t); err != nil {
			return err
		}
	}
	s, err := a.service(ctx, f.road)
	if err != nil {
		return err
	}
	f.single = len(targets) == 1 && !f.recursive
	b := a.newBatch(f.batchFlags)
	return b.finish(ctx, b.remove(ctx, s, f, targets))
}

// targets reads the arguments, and checks them all before anything is deleted.
func (f *rmFlags) targets(args []string) (list []target.Target, err error) {
	if f.versions && !f.recursive {
		return nil, usagef("--versions needs --recursive; --version-id erases one version of an object")
	}
	if f.version != "" && (f.recursive || len(args) > 1) {
		return nil, usagef("--version-id is for one object")
	}
	if !f.recursive && !f.filter.Empty() {
		return nil, errFilter
	}
	for _, arg := range args {
		t, err := parseInside(arg)
		switch {
		case err != nil:
			return nil, err
		case f.recursive:
			t = t.Folder()
		case t.Key == "":
			return nil, usagef("%s is a bucket: want --recursive to delete what is in it, or \"ois rb\"", t)
		}
		list = append(list, t)
	}
	return list, nil
}

// remove deletes what the targets name.
func (b *batch) remove(ctx context.Context, s *service, f *rmFlags, targets []target.Target) error {
	for len(targets) > 0 {
		bucket, err := s.bucket(ctx, targets[0].Bucket)
		if err != nil {
			return err
		}
		n := 1 // targets that go together
		for !f.recursive && n < len(targets) && targets[n].Bucket == targets[0].Bucket {
			n++
		}
		if err := b.removeAll(ctx, s, bucket, f.objects(ctx, s, bucket, targets[:n])); err != nil {
			return err
		}
		targets = targets[n:]
	}
	return nil
}

// objects are what is to be deleted: those that targets name, or what is in the folder that one names.
func (f *rmFlags) objects(ctx context.Context, s *service, b *ois.Bucket, targets []target.Target) iter.Seq2[api.ObjectToDelete, error] {
	prefix := targets[0].Key
	if !f.recursive {
		return func(yield func(api.ObjectToDelete, error) bool) {
			for _, t := range targets {
				if !yield(api.ObjectToDelete{Key: t.Key, VersionID: f.version}, nil) {
					return
				}
			}
		}
	}
	list := toDelete(remote(b.Objects(ctx, &ois.ListOptions{Prefix: prefix}), prefix), prefix)
	if f.versions {
		list = versionsOf(ctx, s, b, prefix)
	}
	return func(yield func(api.ObjectToDelete, error) bool) {
		for o, err := range list {
			if (err != nil || f.filter.Passes(strings.TrimPrefix(o.Key, prefix))) && !yield(o, err) {
				return
			}
		}
	}
}

// remote makes entries of a listing, named relative to a prefix.
func remote(list iter.Seq2[ois.Object, error], prefix string) entry.List {
	return func(yield func(entry.Entry, error) bool) {
		for o, err := range list {
			e := entry.Entry{Key: strings.TrimPrefix(o.Key, prefix), Size: o.Size, Modified: o.Modified, ETag: o.ETag, Class: o.StorageClass, Encrypted: o.Encrypted}
			if !yield(e, err) {
				return
			}
		}
	}
}

// toDelete makes keys of entries.
func toDelete(list entry.List, prefix string) iter.Seq2[api.ObjectToDelete, error] {
	return func(yield func(api.ObjectToDelete, error) bool) {
		for e, err := range list {
			if !yield(api.ObjectToDelete{Key: prefix + e.Key}, err) {
				return
			}
		}
	}
}

// maxDelete is how many objects a request can delete.
const maxDelete = 1000

// removeAll deletes objects, a thousand in a request, and several requests at once.
func (b *batch) removeAll(ctx context.Context, s *service, bucket *ois.Bucket, objects iter.Seq2[api.ObjectToDelete, error]) error {
	var full []api.ObjectToDelete
	for o, err := range objects {
		if err != nil {
			return errors.Join(b.send(ctx, s, bucket, full), err)
		}
		if full = append(full, o); len(full) == maxDelete {
			if err := b.send(ctx, s, bucket, full); err != nil {
				return err
			}
			full = nil
		}
	}
	return b.send(ctx, s, bucket, full)
}

// send deletes some objects in one request, when a worker is free.
func (b *batch) send(ctx context.Context, s *service, bucket *ois.Bucket, objects []api.ObjectToDelete) error {
	if len(objects) == 0 {
		return nil
	}
	deletion := func(o api.ObjectToDelete) action {
		return action{Name: "delete", Source: target.Target{Remote: true, Bucket: bucket.Name(), Key: o.Key}.String(), DryRun: b.dryRun}
	}
	for range objects {
		b.meter.Found(0)
	}
	if b.dryRun {
		for _, o := range objects {
			b.report(ctx, deletion(o), nil)
		}
		return b.broken()
	}
	return b.group.Go(ctx, func() {
		failed, err := deleteObjects(ctx, s, bucket, objects)
		for _, o := range objects {
			is := err
			if is == nil {
				is = failed[o]
			}
			b.report(ctx, deletion(o), is)
		}
	})
}

// deleteObjects deletes at most a thousand objects. It returns which of them it could not delete, or an error of all.
func deleteObjects(
	ctx context.Context, s *service, bucket *ois.Bucket, objects []api.ObjectToDelete,
) (failed map[api.ObjectToDelete]error, err error) {
	out, err := s.API().DeleteMultipleObjects(ctx, &api.DeleteMultipleObjectsInput{
		Zone: bucket.Zone(), Bucket: bucket.Name(), Objects: objects, Quiet: true,
	})
	if err != nil {
		return nil, err
	}
	failed = make(map[api.ObjectToDelete]error)
	for _, f := range out.Errors {
		is := &ois.Error{
			Op: api.OpDeleteMultipleObjects.Name, Bucket: bucket.Name(), Key: f.Key, Code: f.Code, Message: f.Message, RequestID: out.RequestID,
		}
		known := false
		for _, o := range objects {
			if o.Key == f.Key && (o.VersionID == f.VersionID || f.VersionID == "" || o.VersionID == "") {
				failed[o], known = is, true
			}
		}
		if !known {
			return nil, is // whatever it is about, not all went well
		}
	}
	return failed, nil
}

// versionsOf lists all versions and delete markers.
func versionsOf(ctx context.Context, s *service, b *ois.Bucket, prefix string) iter.Seq2[api.ObjectToDelete, error] {
	return func(yield func(api.ObjectToDelete, error) bool) {
		in := &api.ListObjectVersionsInput{Zone: b.Zone(), Bucket: b.Name(), Prefix: prefix, Limit: maxDelete}
		for {
			out, err := s.API().ListObjectVersions(ctx, in)
			if err != nil {
				yield(api.ObjectToDelete{}, err)
				return
			}
			for _, v := range out.Keys {
				if !yield(api.ObjectToDelete{Key: v.Key, VersionID: v.VersionID}, nil) {
					return
				}
			}
			if !out.HasMore || out.NextKeyMarker == "" {
				return
			}
			in.KeyMarker, in.VersionIDMarker = out.NextKeyMarker, out.NextVersionIDMarker
		}
	}
}

// errNone is that a command found nothing to work on.
func errNone(t target.Target) error {
	return &fs.PathError{Op: "list", Path: t.String(), Err: fs.ErrNotExist}
}
