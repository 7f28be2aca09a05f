package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/oisproject/ois/internal/client/filter"
	"github.com/oisproject/ois/internal/client/target"
	"github.com/oisproject/ois/internal/glob"
	ois "github.com/oisproject/ois/sdk/go"
)

type findFlags struct {
	road
	json                                bool
	name, larger, smaller, newer, older string
	filter                              filter.Filter

	from, to      int64     // sizes
	after, before time.Time // zero means any
}

func (a *app) findCommand() *cobra.Command {
	var f findFlags
	cmd := &cobra.Command{
		Use:   "find ois://BUCKET[/PREFIX]...",
		Short: "Find objects by name, size and age",
		Long: `Print the names of the objects under a prefix that fit all conditions. A time is a date such as 2026-01-31, a moment such as
2026-01-31T12:00:00Z, or a time before now such as 36h or 7d.`,
		Example: `  ois find ois://photos --name '*.jpg' --larger 10MiB
  ois find ois://logs/2026/ --older 30d | xargs -d '\n' ois rm`,
		Args:              someArgs(target.Scheme + "BUCKET"),
		ValidArgsFunction: a.completeTargets(&f.road, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.read(time.Now()); err != nil {
				return err
			}
			return a.eachTarget(cmd.Context(), f.road, args, func(ctx context.Context, b *ois.Bucket, t target.Target) error {
				return a.find(ctx, &f, b, t)
			})
		},
	}
	a.roadFlags(cmd, &f.road)
	filterFlags(cmd, &f.filter)
	jsonFlag(cmd, &f.json)
	cmd.Flags().StringVar(&f.name, "name", "", "the last part of the key is like `GLOB`")
	cmd.Flags().StringVar(&f.larger, "larger", "", "more bytes than `SIZE`, such as 10MiB")
	cmd.Flags().StringVar(&f.smaller, "smaller", "", "fewer bytes than `SIZE`")
	cmd.Flags().StringVar(&f.newer, "newer", "", "modified after `TIME`")
	cmd.Flags().StringVar(&f.older, "older", "", "modified before `TIME`")
	return cmd
}

// read gives the flags their meaning.
func (f *findFlags) read(now time.Time) (err error) {
	f.from, f.to = -1, -1
	if f.from, err = sizeFlag("larger", f.larger, -1); err != nil {
		return err
	}
	if f.to, err = sizeFlag("smaller", f.smaller, -1); err != nil {
		return err
	}
	if f.after, err = timeFlag("newer", f.newer, now); err != nil {
		return err
	}
	f.before, err = timeFlag("older", f.older, now)
	return err
}

// sizeFlag reads the size that a flag gives, or takes preset if it gives none.
func sizeFlag(name, text string, preset int64) (int64, error) {
	if text == "" {
		return preset, nil
	}
	n, ok := parseSize(text)
	if !ok {
		return 0, usagef("--%s %q is not allowed: want a number of bytes, or of KiB, MiB, GiB or TiB, such as 10MiB", name, text)
	}
	return n, nil
}

// timeFlag reads the time that a flag gives.
func timeFlag(name, text string, now time.Time) (t time.Time, err error) {
	if text == "" {
		return t, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return now.AddDate(0, 0, -int(n)), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	if t, err = parseTime(text); err != nil {
		return t, usagef("--%s %q is not allowed: want a date such as 2026-01-31, a moment such as 2026-01-31T12:00:00Z, or a time before now such as 36h or 7d", name, text)
	}
	return t, nil
}

// fits reports whether an object is one of those that are looked for.
func (f *findFlags) fits(o *ois.Object, prefix string) bool {
	base := o.Key[strings.LastIndexByte(o.Key, '/')+1:]
	return (f.name == "" || glob.Like(f.name, base)) &&
		(f.from < 0 || o.Size > f.from) && (f.to < 0 || o.Size < f.to) &&
		(f.after.IsZero() || o.Modified.After(f.after)) && (f.before.IsZero() || o.Modified.Before(f.before)) &&
		f.filter.Passes(strings.TrimPrefix(o.Key, prefix))
}

func (a *app) find(ctx context.Context, f *findFlags, b *ois.Bucket, t target.Target) error {
	for o, err := range b.Objects(ctx, &ois.ListOptions{Prefix: t.Key}) {
		if err != nil {
			return err
		}
		if !f.fits(&o, t.Key) {
			continue
		}
		if f.json {
			err = printJSON(a.Stdout, newObjectRow(t.Bucket, &o))
		} else {
			_, err = fmt.Fprintln(a.Stdout, printable(target.Target{Remote: true, Bucket: t.Bucket, Key: o.Key}.String()))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
