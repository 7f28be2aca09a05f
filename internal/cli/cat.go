package cli

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/oisproject/ois/internal/client/target"
	"github.com/oisproject/ois/sdk/go/transfer"
)

type catFlags struct {
	road
	carryFlags
	ranges, version string
}

func (a *app) catCommand() *cobra.Command {
	var f catFlags
	cmd := &cobra.Command{
		Use:   "cat ois://BUCKET/KEY...",
		Short: "Print objects",
		Long:  "Print objects one after another. Parts of large ones are read ahead, many at once, and printed in their order.",
		Example: `  ois cat ois://logs/2026/01/31.log | grep error
  ois cat --range 0-1023 ois://photos/2026/beach.jpg | file -`,
		Args:              someArgs(target.Scheme + "BUCKET/KEY"),
		ValidArgsFunction: a.completeTargets(&f.road, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			var list []target.Target
			for _, arg := range args {
				t, err := parseObject(arg)
				if err != nil {
					return err
				}
				list = append(list, t)
			}
			return a.cat(cmd.Context(), &f, list)
		},
	}
	a.roadFlags(cmd, &f.road)
	f.add(cmd, false)
	cmd.Flags().StringVar(&f.ranges, "range", "", "only the bytes `FIRST-LAST`, counted from 0, or FIRST- to the end, or -COUNT at the end")
	cmd.Flags().StringVar(&f.version, "version-id", "", "`ID` of the version; else the current one")
	return cmd
}

// parseRange reads the value of --range.
func parseRange(text string) (offset, length int64, err error) {
	if text == "" {
		return 0, 0, nil
	}
	first, last, ok := strings.Cut(text, "-")
	bad := usagef("--range %q is not allowed: want FIRST-LAST, FIRST- or -COUNT, such as 0-1023", text)
	number := func(s string) int64 {
		n, err := strconv.ParseUint(s, 10, 62)
		if err != nil {
			ok = false
		}
		return int64(n)
	}
	switch {
	case first == "" && last != "":
		offset = -number(last)
		ok = ok && offset < 0
	case last == "":
		offset = number(first)
	default:
		offset = number(first)
		length = number(last) - offset + 1
		ok = ok && length > 0
	}
	if !ok {
		return 0, 0, bad
	}
	return offset, length, nil
}

func (a *app) cat(ctx context.Context, f *catFlags, list []target.Target) error {
	if f.partSize == "" {
		f.partSize = "8MiB"
	}
	opts := &transfer.DownloadOptions{}
	var err error
	if opts.Offset, opts.Length, err = parseRange(f.ranges); err != nil {
		return err
	}
	for _, t := range list {
		if !t.Remote {
			return usagef("%s is a file of this machine: use the tools of the system", t)
		}
	}
	// What goes to a terminal, or through another program to it, would get mixed up with the line.
	bf := batchFlags{quiet: true, single: len(list) == 1, watched: isRegular(a.Stdout)}
	c, err := a.newCourier(ctx, f.road, bf, &f.carryFlags)
	if err != nil {
		return err
	}
	c.sizes = true
	opts.VersionID, opts.EncryptionKey = f.version, c.key
	return c.finish(ctx, c.catAll(ctx, list, opts))
}

func (c *courier) catAll(ctx context.Context, list []target.Target, opts *transfer.DownloadOptions) error {
	out := &counted{w: c.a.Stdout}
	for range list {
		c.meter.Found(0)
	}
	c.meter.Listed()
	for _, t := range list {
		s, err := c.remoteSide(ctx, t)
		if err == nil {
			_, err = c.m.For(s.bucket).Download(ctx, t.Key, out, opts)
		}
		if out.err != nil {
			return out.err
		}
		c.report(ctx, action{Name: "print", Source: t.String()}, err)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// counted keeps the error of a writer.
type counted struct {
	w   io.Writer
	err error
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	if err != nil {
		c.err = err
	}
	return n, err
}

type putFlags struct {
	road
	batchFlags
	carryFlags
}

func (a *app) putCommand() *cobra.Command {
	var f putFlags
	cmd := &cobra.Command{
		Use:   "put -|FILE ois://BUCKET/KEY",
		Short: "Write an object from standard input or a file",
		Long: `Write an object from a file, or from standard input, whose length need not be known: what is short goes out in one request, what is long in
parts while it comes in, in bounded memory. If anything fails there is no object.`,
		Example: `  tar cz album | ois put - ois://backup/album.tar.gz
  ois put --content-type text/plain notes ois://texts/notes`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return fmt.Errorf("want two arguments, \"-\" or the name of a file, and %sBUCKET/KEY", target.Scheme)
			}
			return nil
		},
		ValidArgsFunction: a.completeTargets(&f.road, true),
		RunE: func(cmd *cobra.Command, args []string) error {
			from, err := parseTarget(args[0])
			if err != nil {
				return err
			}
			to, err := parseTarget(args[1])
			if err != nil {
				return err
			}
			return a.put(cmd.Context(), &f, from, to)
		},
	}
	a.roadFlags(cmd, &f.road)
	f.batchFlags.add(cmd)
	f.carryFlags.add(cmd, true)
	return cmd
}

func (a *app) put(ctx context.Context, f *putFlags, from, to target.Target) error {
	if from.Remote {
		return usagef("%s is an object: \"ois cp\" copies it", from)
	}
	if !to.Remote || to.Bucket == "" || to.IsFolder() {
		return usagef("%q names no object: want %sBUCKET/KEY", to.String(), target.Scheme)
	}
	f.single = true
	c, err := a.newCourier(ctx, f.road, f.batchFlags, &f.carryFlags)
	if err != nil {
		return err
	}
	return c.finish(ctx, c.putOne(ctx, from, to))
}

func (c *courier) putOne(ctx context.Context, from, to target.Target) error {
	dest, err := c.remoteSide(ctx, to)
	if err != nil {
		return err
	}
	if !from.IsStream() {
		f := &freight{to: dest}
		if err := singleFile(f, from); err != nil {
			return err
		}
		return c.do(ctx, f.action(), func() error { return c.carry(ctx, f) })
	}
	c.meter.Listed()
	return c.do(ctx, action{Name: "upload", Source: "-", Target: to.String()}, func() error {
		opts := &transfer.UploadOptions{PutOptions: c.put}
		if opts.ContentType == "" {
			opts.ContentType = typeOf(to.Key)
		}
		_, err := c.m.For(dest.bucket).Upload(ctx, to.Key, stream(c.a.Stdin), opts)
		return err
	})
}

// stream hides that standard input may be a file, whose beginning somebody may have read.
func stream(r io.Reader) io.Reader {
	if isRegular(r) {
		return r
	}
	return struct{ io.Reader }{r}
}
