package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/oisproject/ois/internal/client/filter"
	"github.com/oisproject/ois/internal/client/target"
	ois "github.com/oisproject/ois/sdk/go"
)

type duFlags struct {
	road
	json, human, byClass bool
	depth                int
	filter               filter.Filter
}

func (a *app) duCommand() *cobra.Command {
	var f duFlags
	cmd := &cobra.Command{
		Use:   "du ois://BUCKET[/PREFIX]...",
		Short: "Add up the sizes of objects",
		Long: `Print how many bytes and objects there are under a prefix: one line for it, and with --depth one for each folder below it. The objects
are listed one by one; "ois stat" shows what the service knows of a whole bucket.`,
		Example:           "  ois du -H ois://photos\n  ois du --depth 1 --by-class ois://photos/2026/",
		Args:              someArgs(target.Scheme + "BUCKET"),
		ValidArgsFunction: a.completeTargets(&f.road, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.depth < 0 {
				return usagef("--depth %d is not allowed: want 0 or more", f.depth)
			}
			return a.eachTarget(cmd.Context(), f.road, args, func(ctx context.Context, b *ois.Bucket, t target.Target) error {
				return a.du(ctx, &f, b, t)
			})
		},
	}
	a.roadFlags(cmd, &f.road)
	filterFlags(cmd, &f.filter)
	jsonFlag(cmd, &f.json)
	cmd.Flags().BoolVarP(&f.human, "human", "H", false, "print sizes in KiB, MiB and so on")
	cmd.Flags().BoolVar(&f.byClass, "by-class", false, "print a line for each storage class")
	cmd.Flags().IntVarP(&f.depth, "depth", "d", 0, "print folders down to this `LEVEL` below the prefix")
	return cmd
}

// A use is how much there is under a name.
type use struct {
	Name    string `json:"name"`
	Class   string `json:"storage_class,omitempty"`
	Bytes   int64  `json:"bytes"`
	Objects int64  `json:"objects"`
}

// du adds up. Keys come in order, so that of each level only the present folder is held.
func (a *app) du(ctx context.Context, f *duFlags, b *ois.Bucket, t target.Target) error {
	open := []*sumOf{newSum("")}
	closeDown := func(to int) error {
		for len(open) > to {
			last := open[len(open)-1]
			open = open[:len(open)-1]
			if err := a.printUse(f, t, last); err != nil {
				return err
			}
		}
		return nil
	}
	for e, err := range remote(b.Objects(ctx, &ois.ListOptions{Prefix: t.Key}), t.Key) {
		if err != nil {
			return err
		}
		if !f.filter.Passes(e.Key) {
			continue
		}
		folders := foldersOf(e.Key, f.depth)
		same := 0
		for same < len(folders) && same+1 < len(open) && open[same+1].name == folders[same] {
			same++
		}
		if err := closeDown(same + 1); err != nil {
			return err
		}
		for _, name := range folders[same:] {
			open = append(open, newSum(name))
		}
		for _, s := range open {
			s.add(f.byClass, e.Class, e.Size)
		}
	}
	return closeDown(0)
}

// foldersOf returns the folders that a key is in, outermost first, at most depth of them.
func foldersOf(key string, depth int) (list []string) {
	for i := range len(key) {
		if len(list) == depth {
			break
		}
		if key[i] == '/' {
			list = append(list, key[:i+1])
		}
	}
	return list
}

// A sumOf is the use of a folder by storage class.
type sumOf struct {
	name    string
	classes map[string]*use
}

func newSum(name string) *sumOf { return &sumOf{name, make(map[string]*use)} }

func (s *sumOf) add(byClass bool, class string, size int64) {
	if !byClass {
		class = ""
	}
	u := s.classes[class]
	if u == nil {
		u = &use{Class: class}
		s.classes[class] = u
	}
	u.Bytes += size
	u.Objects++
}

func (a *app) printUse(f *duFlags, t target.Target, s *sumOf) error {
	if len(s.classes) == 0 {
		s.classes[""] = &use{}
	}
	for _, class := range slices.Sorted(maps.Keys(s.classes)) {
		u := s.classes[class]
		u.Name = t.String() + s.name
		if t.Key == "" && s.name != "" {
			u.Name = t.String() + "/" + s.name
		}
		var err error
		if f.json {
			err = printJSON(a.Stdout, u)
		} else {
			line := fmt.Sprintf("%14s  %9d  %s  %s", sizeText(u.Bytes, f.human), u.Objects, class, printable(u.Name))
			_, err = fmt.Fprintln(a.Stdout, strings.Replace(line, "    ois://", "  ois://", 1))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
