package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/oisproject/ois/internal/client/target"
	ois "github.com/oisproject/ois/sdk/go"
)

func (a *app) treeCommand() *cobra.Command {
	var r road
	var asJSON, folders bool
	var depth int
	cmd := &cobra.Command{
		Use:               "tree ois://BUCKET[/PREFIX]...",
		Short:             "Show folders and objects as a tree",
		Long:              "Show the folders and objects under a prefix as a tree.",
		Example:           "  ois tree ois://photos\n  ois tree --depth 2 --folders ois://photos/2026/",
		Args:              someArgs(target.Scheme + "BUCKET"),
		ValidArgsFunction: a.completeTargets(&r, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			if depth < 0 {
				return usagef("--depth %d is not allowed: want 0, which is any, or more", depth)
			}
			return a.eachTarget(cmd.Context(), r, args, func(ctx context.Context, b *ois.Bucket, t target.Target) error {
				w := &treeWalk{a: a, b: b, depth: depth, folders: folders, json: asJSON}
				if !asJSON {
					if _, err := fmt.Fprintln(a.Stdout, printable(t.Folder().String())); err != nil {
						return err
					}
				}
				return w.folder(ctx, t.Folder().Key, "", 1)
			})
		},
	}
	a.roadFlags(cmd, &r)
	jsonFlag(cmd, &asJSON)
	cmd.Flags().IntVarP(&depth, "depth", "d", 0, "show only so many `LEVELS`; 0 is all")
	cmd.Flags().BoolVar(&folders, "folders", false, "show folders only")
	return cmd
}

// A treeWalk draws a tree, folder by folder. It holds one entry of each folder on the way.
type treeWalk struct {
	a       *app
	b       *ois.Bucket
	depth   int
	folders bool
	json    bool
}

// folder draws what is in a folder, behind an indentation.
func (w *treeWalk) folder(ctx context.Context, prefix, indent string, level int) error {
	if w.depth > 0 && level > w.depth {
		return nil
	}
	held, has := "", false
	draw := func(last bool) error {
		branch, below := "├── ", "│   "
		if last {
			branch, below = "└── ", "    "
		}
		if err := w.line(prefix+held, indent+branch+printable(held)); err != nil {
			return err
		}
		if strings.HasSuffix(held, "/") {
			return w.folder(ctx, prefix+held, indent+below, level+1)
		}
		return nil
	}
	for page, err := range w.b.Pages(ctx, &ois.ListOptions{Prefix: prefix, Delimiter: "/"}) {
		if err != nil {
			return err
		}
		for _, name := range w.names(page, prefix) {
			if has {
				if err := draw(false); err != nil {
					return err
				}
			}
			held, has = name, true
		}
	}
	if has {
		return draw(true)
	}
	return nil
}

// names are those on a page in their order, without the prefix.
func (w *treeWalk) names(page *ois.Page, prefix string) (list []string) {
	objects, folders := page.Objects, page.Prefixes
	for len(objects)+len(folders) > 0 {
		if len(objects) == 0 || len(folders) > 0 && folders[0] < objects[0].Key {
			list = append(list, folders[0][len(prefix):])
			folders = folders[1:]
			continue
		}
		if name := objects[0].Key[len(prefix):]; name != "" && !w.folders {
			list = append(list, name)
		}
		objects = objects[1:]
	}
	return list
}

func (w *treeWalk) line(key, text string) error {
	if w.json {
		return printJSON(w.a.Stdout, struct {
			Name string `json:"name"`
		}{target.Target{Remote: true, Bucket: w.b.Name(), Key: key}.String()})
	}
	_, err := fmt.Fprintln(w.a.Stdout, text)
	return err
}
