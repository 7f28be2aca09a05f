package cli

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/spf13/cobra"

	"github.com/oisproject/ois/internal/client/target"
	ois "github.com/oisproject/ois/sdk/go"
	"github.com/oisproject/ois/sdk/go/api"
)

func (a *app) uploadsCommand() *cobra.Command {
	return group("uploads", "List, abort and resume unfinished uploads",
		`A large object is uploaded in parts. Until the upload is completed there is no object, and its parts take room in the bucket. These commands
show such uploads, abort them, and go on with one.`,
		a.uploadsListCommand(), a.uploadsAbortCommand(), a.uploadsResumeCommand())
}

// uploadsOf lists the unfinished uploads of keys with a prefix.
func uploadsOf(ctx context.Context, s *service, b *ois.Bucket, prefix string) iter.Seq2[api.Upload, error] {
	return func(yield func(api.Upload, error) bool) {
		in := &api.ListMultipartUploadsInput{Zone: b.Zone(), Bucket: b.Name(), Prefix: prefix, Limit: 1000}
		for {
			out, err := s.API().ListMultipartUploads(ctx, in)
			if err != nil {
				yield(api.Upload{}, err)
				return
			}
			for _, u := range out.Uploads {
				if !yield(u, nil) {
					return
				}
			}
			if !out.HasMore || out.NextKeyMarker == "" {
				return
			}
			in.KeyMarker, in.UploadIDMarker = out.NextKeyMarker, out.NextUploadIDMarker
		}
	}
}

func abortUpload(ctx context.Context, s *service, b *ois.Bucket, key, id string) error {
	_, err := s.API().AbortMultipartUpload(ctx, &api.AbortMultipartUploadInput{Zone: b.Zone(), Bucket: b.Name(), Key: key, UploadID: id})
	return err
}

type uploadRow struct {
	Bucket  string    `json:"bucket"`
	Key     string    `json:"key"`
	Upload  string    `json:"upload_id"`
	Created time.Time `json:"created"`
}

func (a *app) uploadsListCommand() *cobra.Command {
	var r road
	var asJSON bool
	cmd := &cobra.Command{
		Use:               "ls ois://BUCKET[/PREFIX]...",
		Short:             "List unfinished uploads",
		Example:           "  ois uploads ls ois://photos",
		Args:              someArgs(target.Scheme + "BUCKET"),
		ValidArgsFunction: a.completeTargets(&r, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.service(cmd.Context(), r)
			if err != nil {
				return err
			}
			return a.eachTarget(cmd.Context(), r, args, func(ctx context.Context, b *ois.Bucket, t target.Target) error {
				for u, err := range uploadsOf(ctx, s, b, t.Key) {
					if err == nil && asJSON {
						err = printJSON(a.Stdout, uploadRow{t.Bucket, u.Key, u.UploadID, u.Created})
					} else if err == nil {
						_, err = fmt.Fprintf(a.Stdout, "%s  %s  %s\n", moment(u.Created), u.UploadID, printable(u.Key))
					}
					if err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	a.roadFlags(cmd, &r)
	jsonFlag(cmd, &asJSON)
	return cmd
}

type abortFlags struct {
	road
	batchFlags
	recursive bool
	id        string
	older     time.Duration
}

func (a *app) uploadsAbortCommand() *cobra.Command {
	var f abortFlags
	cmd := &cobra.Command{
		Use:   "abort ois://BUCKET/KEY...",
		Short: "Abort unfinished uploads",
		Long: `Abort the unfinished uploads of keys, or, with --recursive, of all keys in a folder or a bucket. Their parts are deleted. Whoever is
uploading them will fail.`,
		Example:           "  ois uploads abort ois://photos/film.mp4\n  ois uploads abort -r --older-than 24h ois://photos",
		Args:              someArgs(target.Scheme + "BUCKET/KEY"),
		ValidArgsFunction: a.completeTargets(&f.road, false),
		RunE:              func(cmd *cobra.Command, args []string) error { return a.uploadsAbort(cmd.Context(), &f, args) },
	}
	a.roadFlags(cmd, &f.road)
	f.add(cmd)
	cmd.Flags().BoolVarP(&f.recursive, "recursive", "r", false, "abort all uploads in the folder")
	cmd.Flags().StringVar(&f.id, "upload-id", "", "abort the upload with that `ID` only")
	cmd.Flags().DurationVar(&f.older, "older-than", 0, "only uploads that were begun longer than `TIME` ago, such as 24h")
	return cmd
}

func (a *app) uploadsAbort(ctx context.Context, f *abortFlags, args []string) error {
	parse := parseObject
	if f.recursive {
		parse = parseInside
	}
	var targets []target.Target
	for _, arg := range args {
		t, err := parse(arg)
		if err != nil {
			return err
		}
		if f.recursive {
			t = t.Folder()
		}
		targets = append(targets, t)
	}
	s, err := a.service(ctx, f.road)
	if err != nil {
		return err
	}
	f.single = len(targets) == 1 && !f.recursive
	b := a.newBatch(f.batchFlags)
	var end error
	for _, t := range targets {
		if end = b.abort(ctx, s, f, t); end != nil {
			break
		}
	}
	return b.finish(ctx, end)
}

// abort aborts the uploads of a target.
func (b *batch) abort(ctx context.Context, s *service, f *abortFlags, t target.Target) error {
	bucket, err := s.bucket(ctx, t.Bucket)
	if err != nil {
		return err
	}
	found := false
	for u, err := range uploadsOf(ctx, s, bucket, t.Key) {
		if err != nil {
			return err
		}
		if !f.recursive && u.Key != t.Key || f.id != "" && u.UploadID != f.id || f.older > 0 && time.Since(u.Created) < f.older {
			continue
		}
		found = true
		c := action{Name: "abort", Source: target.Target{Remote: true, Bucket: t.Bucket, Key: u.Key}.String()}
		if err := b.do(ctx, c, func() error { return abortUpload(ctx, s, bucket, u.Key, u.UploadID) }); err != nil {
			return err
		}
	}
	if !found && !f.recursive {
		return fmt.Errorf("there is no such unfinished upload: %w", errNone(t))
	}
	return nil
}
