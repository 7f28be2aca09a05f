package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/oisproject/ois/internal/client/progress"
	"github.com/oisproject/ois/internal/client/target"
	ois "github.com/oisproject/ois/sdk/go"
)

func (a *app) statCommand() *cobra.Command {
	var r road
	var asJSON bool
	var version string
	var key secretKey
	cmd := &cobra.Command{
		Use:               "stat ois://BUCKET[/KEY]...",
		Short:             "Show what is known of objects and buckets",
		Long:              "Show all that is known of an object without reading it: size, times, type, metadata. Of a bucket: what is in it.",
		Example:           "  ois stat ois://photos/2026/beach.jpg\n  ois stat --json ois://photos",
		Args:              someArgs(target.Scheme + "BUCKET/KEY"),
		ValidArgsFunction: a.completeTargets(&r, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			bytes, err := key.read(a.Getenv)
			if err != nil {
				return err
			}
			opts := &ois.HeadOptions{VersionID: version, EncryptionKey: bytes}
			return a.eachTarget(cmd.Context(), r, args, func(ctx context.Context, b *ois.Bucket, t target.Target) error {
				if t.Key == "" {
					return a.statBucket(ctx, b, asJSON)
				}
				return a.statObject(ctx, b, t, opts, asJSON)
			})
		},
	}
	a.roadFlags(cmd, &r)
	jsonFlag(cmd, &asJSON)
	cmd.Flags().StringVar(&version, "version-id", "", "`ID` of the version; else the current one")
	key.add(cmd)
	return cmd
}

// eachTarget does something to each argument. Errors do not stop the others.
func (a *app) eachTarget(ctx context.Context, r road, args []string, do func(context.Context, *ois.Bucket, target.Target) error) error {
	targets := make([]target.Target, len(args))
	for i, arg := range args {
		var err error
		if targets[i], err = parseInside(arg); err != nil {
			return err
		}
	}
	s, err := a.service(ctx, r)
	if err != nil {
		return err
	}
	failed := &itemsError{}
	for i, t := range targets {
		b, err := s.bucket(ctx, t.Bucket)
		if err == nil {
			err = do(ctx, b, t)
		}
		if err != nil && (len(targets) == 1 || ctx.Err() != nil || readerLeft(err)) {
			return err
		}
		if err == nil {
			failed.done++
			continue
		}
		fmt.Fprintf(a.Stderr, "%s: %v\n", t, err)
		status := a.status(ctx, err)
		if i > 0 && status != failed.status {
			status = exitFailed
		}
		failed.failed, failed.status = failed.failed+1, status
	}
	switch {
	case failed.failed == 0:
		return nil
	case failed.done > 0:
		failed.status = exitFailed
	}
	return failed
}

type objectStat struct {
	objectRow
	Version     string            `json:"version_id,omitempty"`
	Cache       string            `json:"cache_control,omitempty"`
	Disposition string            `json:"content_disposition,omitempty"`
	Encoding    string            `json:"content_encoding,omitempty"`
	Language    string            `json:"content_language,omitempty"`
	Expires     string            `json:"expires,omitempty"`
	Position    *int64            `json:"next_position,omitempty"`
	Metadata    map[string]string `json:"metadata,omitempty"`
}

func (a *app) statObject(ctx context.Context, b *ois.Bucket, t target.Target, opts *ois.HeadOptions, asJSON bool) error {
	i, err := b.Head(ctx, t.Key, opts)
	if err != nil {
		return err
	}
	s := objectStat{
		objectRow: objectRow{t.Bucket, t.Key, i.Size, i.Modified, i.ETag, i.ContentType, i.StorageClass, i.Encrypted},
		Version:   i.VersionID, Cache: i.CacheControl, Disposition: i.ContentDisposition, Encoding: i.ContentEncoding,
		Language: i.ContentLanguage, Expires: i.Expires, Metadata: i.Metadata,
	}
	if i.Appendable {
		s.Position = &i.NextPosition
	}
	if asJSON {
		return printJSON(a.Stdout, s)
	}
	rows := [][]string{
		{"name", t.String()},
		{"size", fmt.Sprintf("%d (%s)", i.Size, progress.Size(i.Size))},
		{"modified", moment(i.Modified)},
		{"etag", i.ETag},
		{"type", i.ContentType},
		{"storage class", i.StorageClass},
		{"version", i.VersionID},
		{"cache control", i.CacheControl},
		{"disposition", i.ContentDisposition},
		{"encoding", i.ContentEncoding},
		{"language", i.ContentLanguage},
		{"expires", i.Expires},
	}
	if i.Encrypted {
		rows = append(rows, []string{"encrypted", "with a key of its owner"})
	}
	if i.Appendable {
		rows = append(rows, []string{"next position", strconv.FormatInt(i.NextPosition, 10)})
	}
	for _, name := range slices.Sorted(maps.Keys(i.Metadata)) {
		rows = append(rows, []string{"meta " + name, i.Metadata[name]})
	}
	return printTable(a.Stdout, slices.DeleteFunc(rows, func(r []string) bool { return r[1] == "" }))
}

type bucketStat struct {
	Bucket  string      `json:"bucket"`
	Zone    string      `json:"zone"`
	Status  string      `json:"status,omitempty"`
	Created time.Time   `json:"created"`
	Count   int64       `json:"count"`
	Size    int64       `json:"size"`
	Classes []classStat `json:"storage_classes,omitempty"`
}

type classStat struct {
	Class string `json:"storage_class"`
	Count int64  `json:"count"`
	Size  int64  `json:"size"`
}

func classStats(classes map[string]ois.ClassStatistics) (list []classStat) {
	for _, name := range slices.Sorted(maps.Keys(classes)) {
		list = append(list, classStat{name, classes[name].Count, classes[name].Size})
	}
	return list
}

func (a *app) statBucket(ctx context.Context, b *ois.Bucket, asJSON bool) error {
	s, err := b.Statistics(ctx)
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(a.Stdout, bucketStat{b.Name(), s.Zone, s.Status, s.Created, s.Count, s.Size, classStats(s.Classes)})
	}
	return printTable(a.Stdout, [][]string{
		{"name", target.Scheme + b.Name()},
		{"zone", s.Zone},
		{"created", moment(s.Created)},
		{"status", s.Status},
		{"objects", strconv.FormatInt(s.Count, 10)},
		{"size", fmt.Sprintf("%d (%s)", s.Size, progress.Size(s.Size))},
	})
}
