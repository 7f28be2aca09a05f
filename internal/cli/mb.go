package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/oisproject/ois/internal/client/target"
	ois "github.com/oisproject/ois/sdk/go"
)

func (a *app) mbCommand() *cobra.Command {
	var r road
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "mb ois://BUCKET...",
		Short:   "Make buckets",
		Long:    "Make buckets, in --zone or in the zone of the profile. At an endpoint that is an IP address, the server chooses the zone.",
		Example: "  ois mb ois://photos\n  ois mb --zone jn1a ois://photos-jn1a",
		Args:    someArgs(target.Scheme + "BUCKET"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.eachBucket(cmd.Context(), r, args, asJSON, "made", func(ctx context.Context, s *service, name string) error {
				return s.Bucket(name, s.zone).Create(ctx)
			})
		},
	}
	a.roadFlags(cmd, &r)
	jsonFlag(cmd, &asJSON)
	return cmd
}

// A bucketDone is what was done to a bucket, in JSON.
type bucketDone struct {
	Bucket string `json:"bucket"`
	Done   string `json:"done"`
}

// eachBucket does something to the buckets that args name.
func (a *app) eachBucket(
	ctx context.Context, r road, args []string, asJSON bool, done string, do func(context.Context, *service, string) error,
) error {
	for _, arg := range args {
		if _, err := parseBucket(arg); err != nil {
			return err
		}
	}
	s, err := a.service(ctx, r)
	if err != nil {
		return err
	}
	return a.each(ctx, args, done, func(ctx context.Context, arg string) error {
		name, err := parseBucket(arg)
		if err == nil {
			err = do(ctx, s, name)
		}
		if err == nil && asJSON {
			err = printJSON(a.Stdout, bucketDone{name, done})
		}
		return err
	})
}

func (a *app) rbCommand() *cobra.Command {
	var r road
	var force, yes, asJSON bool
	cmd := &cobra.Command{
		Use:   "rb ois://BUCKET...",
		Short: "Delete buckets",
		Long: `Delete buckets, which must be empty. With --force, all objects and unfinished uploads in them are deleted first. A person at a terminal
is asked before that, unless --yes is given; a program is not.`,
		Example:           "  ois rb ois://photos\n  ois rb --force --yes ois://photos-old",
		Args:              someArgs(target.Scheme + "BUCKET"),
		ValidArgsFunction: a.completeTargets(&r, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.eachBucket(cmd.Context(), r, args, asJSON, "deleted", func(ctx context.Context, s *service, name string) error {
				b, err := s.bucket(ctx, name)
				if err == nil && force {
					if err = a.confirm(yes, a.text("Delete the bucket %s with all that is in it?"), target.Scheme+name); err == nil {
						err = a.empty(ctx, s, b)
					}
				}
				if err != nil {
					return err
				}
				return b.Delete(ctx)
			})
		},
	}
	a.roadFlags(cmd, &r)
	jsonFlag(cmd, &asJSON)
	cmd.Flags().BoolVar(&force, "force", false, "delete all that is in the bucket first")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

// errDeclined says that a person was asked, and did not want it.
var errDeclined = errors.New("not confirmed; nothing was done")

// confirm asks a person whether something is meant, if there is a person and if --yes is not there.
func (a *app) confirm(yes bool, question string, args ...any) error {
	if yes || !a.Terminal {
		return nil
	}
	fmt.Fprintf(a.Stderr, question+" [y/N] ", args...)
	answer, err := bufio.NewReader(a.Stdin).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes", "是":
		return nil
	}
	return errDeclined
}

// empty deletes all objects, versions and uploads of a bucket.
func (a *app) empty(ctx context.Context, s *service, b *ois.Bucket) error {
	batch := a.newBatch(batchFlags{quiet: true})
	err := batch.removeAll(ctx, s, b, toDelete(remote(b.Objects(ctx, nil), ""), ""))
	if err := batch.finish(ctx, err); err != nil {
		return err
	}
	batch = a.newBatch(batchFlags{quiet: true})
	err = batch.removeAll(ctx, s, b, versionsOf(ctx, s, b, ""))
	if err := batch.finish(ctx, err); err != nil && !errors.Is(err, ois.ErrUnsupported) {
		return err
	}
	for u, err := range uploadsOf(ctx, s, b, "") {
		if err == nil {
			err = abortUpload(ctx, s, b, u.Key, u.UploadID)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
