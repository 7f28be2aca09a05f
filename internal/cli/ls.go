package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/oisproject/ois/internal/client/filter"
	"github.com/oisproject/ois/internal/client/progress"
	"github.com/oisproject/ois/internal/client/target"
	ois "github.com/oisproject/ois/sdk/go"
	"github.com/oisproject/ois/sdk/go/api"
)

type lsFlags struct {
	road
	recursive, human, versions, json bool
	filter                           filter.Filter
}

func (a *app) lsCommand() *cobra.Command {
	var f lsFlags
	cmd := &cobra.Command{
		Use:   "ls [ois://BUCKET[/PREFIX]]...",
		Short: "List buckets and objects",
		Long: `List your buckets, or the objects of a bucket whose keys start with a prefix. Keys that have a slash after that are shown as
their folders, unless --recursive is given. "ois find" prints names only, and knows more ways to choose them.`,
		Example: `  ois ls
  ois ls ois://photos/2026/
  ois ls -r --include '*.jpg' ois://photos --json`,
		ValidArgsFunction: a.completeTargets(&f.road, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{target.Scheme}
			}
			for _, arg := range args {
				if err := a.ls(cmd.Context(), &f, arg); err != nil {
					return err
				}
			}
			return nil
		},
	}
	a.roadFlags(cmd, &f.road)
	filterFlags(cmd, &f.filter)
	cmd.Flags().BoolVarP(&f.recursive, "recursive", "r", false, "list what is in folders, too")
	cmd.Flags().BoolVarP(&f.human, "human", "H", false, "print sizes in KiB, MiB and so on")
	cmd.Flags().BoolVar(&f.versions, "versions", false, "list all versions and delete markers")
	jsonFlag(cmd, &f.json)
	return cmd
}

// filterFlags adds --include and --exclude.
func filterFlags(cmd *cobra.Command, f *filter.Filter) {
	cmd.Flags().Var(f.Includes(), "include", "only names like `GLOB`, where * is any text; of several patterns the last one that fits decides")
	cmd.Flags().Var(f.Excludes(), "exclude", "no names like `GLOB`; one that ends in / is all that is in that folder")
}

// errFilter says that patterns were given for names that are all given.
var errFilter = usageError{errors.New("--include and --exclude choose what is in folders: want --recursive with them")}

func (a *app) ls(ctx context.Context, f *lsFlags, arg string) error {
	t, err := parseTarget(arg)
	if err != nil {
		return err
	}
	if !t.Remote {
		return usagef("%q is not in the service: want %sBUCKET/PREFIX", arg, target.Scheme)
	}
	s, err := a.service(ctx, f.road)
	if err != nil {
		return err
	}
	if t.Bucket == "" {
		return a.lsBuckets(ctx, f, s)
	}
	b, err := s.bucket(ctx, t.Bucket)
	if err != nil {
		return err
	}
	list := a.lsObjects
	if f.versions {
		list = a.lsVersions
	}
	found, err := list(ctx, f, b, t.Key)
	if err == nil && !found && t.Key != "" {
		return fmt.Errorf("%s: no object starts like that: %w", t, fs.ErrNotExist)
	}
	return err
}

func (a *app) lsBuckets(ctx context.Context, f *lsFlags, s *service) error {
	list, err := s.ListBuckets(ctx, &ois.ListBucketsOptions{Zone: f.zone})
	if err != nil {
		return err
	}
	for _, b := range list {
		if f.json {
			err = printJSON(a.Stdout, bucketRow{b.Name, b.Zone, b.Created})
		} else {
			_, err = fmt.Fprintf(a.Stdout, "%s  %-8s  %s\n", moment(b.Created), b.Zone, target.Scheme+b.Name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Rows of listings in JSON.
type (
	bucketRow struct {
		Bucket  string    `json:"bucket"`
		Zone    string    `json:"zone,omitempty"`
		Created time.Time `json:"created"`
	}
	folderRow struct {
		Bucket string `json:"bucket"`
		Prefix string `json:"prefix"`
	}
	objectRow struct {
		Bucket    string    `json:"bucket"`
		Key       string    `json:"key"`
		Size      int64     `json:"size"`
		Modified  time.Time `json:"modified"`
		ETag      string    `json:"etag,omitempty"`
		Type      string    `json:"content_type,omitempty"`
		Class     string    `json:"storage_class,omitempty"`
		Encrypted bool      `json:"encrypted,omitempty"`
	}
	versionRow struct {
		Bucket   string    `json:"bucket"`
		Key      string    `json:"key"`
		Version  string    `json:"version_id"`
		Latest   bool      `json:"latest"`
		Deleted  bool      `json:"delete_marker,omitempty"`
		Size     int64     `json:"size"`
		Modified time.Time `json:"modified"`
		ETag     string    `json:"etag,omitempty"`
	}
)

func newObjectRow(bucket string, o *ois.Object) objectRow {
	return objectRow{bucket, o.Key, o.Size, o.Modified, o.ETag, o.ContentType, o.StorageClass, o.Encrypted}
}

func (a *app) lsObjects(ctx context.Context, f *lsFlags, b *ois.Bucket, prefix string) (found bool, err error) {
	opts := &ois.ListOptions{Prefix: prefix, Delimiter: "/"}
	if f.recursive {
		opts.Delimiter = ""
	}
	for page, err := range b.Pages(ctx, opts) {
		if err != nil {
			return found, err
		}
		if err := a.lsPage(f, b.Name(), page); err != nil {
			return found, err
		}
		found = found || len(page.Objects)+len(page.Prefixes) > 0
	}
	return found, nil
}

// lsPage prints folders and objects of a page in the order of their names.
func (a *app) lsPage(f *lsFlags, bucket string, page *ois.Page) error {
	objects, folders := page.Objects, page.Prefixes
	for len(objects)+len(folders) > 0 {
		var err error
		if len(objects) == 0 || len(folders) > 0 && folders[0] < objects[0].Key {
			err = a.lsFolder(f, bucket, folders[0])
			folders = folders[1:]
		} else {
			err = a.lsObject(f, bucket, &objects[0])
			objects = objects[1:]
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *app) lsFolder(f *lsFlags, bucket, prefix string) error {
	if !f.filter.Passes(prefix) {
		return nil
	}
	if f.json {
		return printJSON(a.Stdout, folderRow{bucket, prefix})
	}
	_, err := fmt.Fprintf(a.Stdout, "%20s  %14s  %s\n", "", "FOLDER", printable(prefix))
	return err
}

func (a *app) lsObject(f *lsFlags, bucket string, o *ois.Object) error {
	if !f.filter.Passes(o.Key) {
		return nil
	}
	if f.json {
		return printJSON(a.Stdout, newObjectRow(bucket, o))
	}
	_, err := fmt.Fprintf(a.Stdout, "%s  %14s  %s\n", moment(o.Modified), sizeText(o.Size, f.human), printable(o.Key))
	return err
}

func (a *app) lsVersions(ctx context.Context, f *lsFlags, b *ois.Bucket, prefix string) (found bool, err error) {
	s, err := a.service(ctx, f.road)
	if err != nil {
		return false, err
	}
	in := &api.ListObjectVersionsInput{Zone: b.Zone(), Bucket: b.Name(), Prefix: prefix}
	if !f.recursive {
		in.Delimiter = "/"
	}
	for {
		out, err := s.API().ListObjectVersions(ctx, in)
		if err != nil {
			return found, err
		}
		for _, p := range out.CommonPrefixes {
			if err := a.lsFolder(f, b.Name(), p); err != nil {
				return found, err
			}
		}
		for i := range out.Keys {
			if err := a.lsVersion(f, b.Name(), &out.Keys[i]); err != nil {
				return found, err
			}
		}
		found = found || len(out.Keys)+len(out.CommonPrefixes) > 0
		if !out.HasMore || out.NextKeyMarker == "" {
			return found, nil
		}
		in.KeyMarker, in.VersionIDMarker = out.NextKeyMarker, out.NextVersionIDMarker
	}
}

func (a *app) lsVersion(f *lsFlags, bucket string, v *api.ObjectVersion) error {
	if !f.filter.Passes(v.Key) {
		return nil
	}
	at := v.Modified
	if f.json {
		return printJSON(a.Stdout, versionRow{bucket, v.Key, v.VersionID, v.IsLatest, v.DeleteMarker, v.Size, at, v.ETag})
	}
	size := sizeText(v.Size, f.human)
	if v.DeleteMarker {
		size = "DELETED"
	}
	_, err := fmt.Fprintf(a.Stdout, "%s  %14s  %s  %s\n", moment(at), size, v.VersionID, printable(v.Key))
	return err
}

func sizeText(n int64, human bool) string {
	if human {
		return progress.Size(n)
	}
	return strconv.FormatInt(n, 10)
}

// printable quotes a name that would break the line, or the screen.
func printable(name string) string {
	for _, r := range name {
		if !strconv.IsPrint(r) {
			return strconv.Quote(name)
		}
	}
	return name
}
