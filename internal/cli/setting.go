package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/oisproject/ois/internal/client/target"
	"github.com/oisproject/ois/sdk/go/api"
)

// A setting is one of those that a bucket has, with the operations on it. The contract knows them all; a test compares.
type setting struct {
	name             string
	get, put, remove *api.Operation // nil if there is none
}

var settings = []setting{
	{"acl", api.OpGetBucketACL, api.OpPutBucketACL, nil},
	{"cname", api.OpGetBucketCNAME, api.OpPutBucketCNAME, api.OpDeleteBucketCNAME},
	{"cors", api.OpGetBucketCORS, api.OpPutBucketCORS, api.OpDeleteBucketCORS},
	{"lifecycle", api.OpGetBucketLifecycle, api.OpPutBucketLifecycle, api.OpDeleteBucketLifecycle},
	{"logging", api.OpGetBucketLogging, api.OpPutBucketLogging, api.OpDeleteBucketLogging},
	{"mirror", api.OpGetBucketExternalMirror, api.OpPutBucketExternalMirror, api.OpDeleteBucketExternalMirror},
	{"notification", api.OpGetBucketNotification, api.OpPutBucketNotification, api.OpDeleteBucketNotification},
	{"policy", api.OpGetBucketPolicy, api.OpPutBucketPolicy, api.OpDeleteBucketPolicy},
	{"replication", api.OpGetBucketReplication, api.OpPutBucketReplication, api.OpDeleteBucketReplication},
	{"versioning", api.OpGetBucketVersioning, api.OpPutBucketVersioning, nil},
}

// settingNames are the names of the settings that have an operation.
func settingNames(has func(setting) *api.Operation) (names []string) {
	for _, s := range settings {
		if has(s) != nil {
			names = append(names, s.name)
		}
	}
	return names
}

// A settingVerb is what is done to settings.
type settingVerb struct {
	op   func(setting) *api.Operation
	body bool // it takes one
	do   func(context.Context, *api.Response) error
}

func (a *app) settingCommand(cmd *cobra.Command, v settingVerb) *cobra.Command {
	var r road
	names := settingNames(v.op)
	cmd.Args = func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) == 0:
			return fmt.Errorf("SETTING is missing: want %s", oneOf(names))
		case len(args) == 1:
			return fmt.Errorf("%sBUCKET is missing after %q", target.Scheme, args[0])
		case len(args) > 3 || len(args) == 3 && !v.body:
			return fmt.Errorf("unexpected argument %q", args[len(args)-1])
		}
		return nil
	}
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, begin string) ([]cobra.Completion, cobra.ShellCompDirective) {
		switch len(args) {
		case 0:
			return names, cobra.ShellCompDirectiveNoFileComp
		case 1:
			return a.completeTargets(&r, false)(cmd, args, begin)
		}
		return nil, cobra.ShellCompDirectiveDefault
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return a.setting(cmd.Context(), r, v, args) }
	a.roadFlags(cmd, &r)
	return cmd
}

// oneOf joins names as a sentence has them.
func oneOf(names []string) string {
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

func (a *app) setting(ctx context.Context, r road, v settingVerb, args []string) error {
	i := slices.IndexFunc(settings, func(s setting) bool { return s.name == args[0] && v.op(s) != nil })
	if i < 0 {
		return usagef("setting %q is not known here: want %s", args[0], oneOf(settingNames(v.op)))
	}
	bucket, err := parseBucket(args[1])
	if err != nil {
		return err
	}
	req := &api.Request{Op: v.op(settings[i]), Bucket: bucket, Query: api.Query{{Name: settings[i].name}}, Header: make(http.Header)}
	if v.body || settings[i].name == "cname" && req.Op == settings[i].remove {
		body, err := a.settingBody(args[2:])
		if err != nil {
			return err
		}
		req.Body, req.ContentLength = bytes.NewReader(body), int64(len(body))
		req.Header.Set("Content-Type", "application/json")
	}
	s, err := a.service(ctx, r)
	if err != nil {
		return err
	}
	b, err := s.bucket(ctx, bucket)
	if err != nil {
		return err
	}
	req.Zone = b.Zone()
	res, err := s.Call(ctx, req)
	if err != nil {
		return err
	}
	defer res.Body.Close() // it was only read
	return v.do(ctx, res)
}

// maxSetting is how many bytes a setting may have.
const maxSetting = 1 << 20

// settingBody reads the JSON of a setting from a file or from standard input.
func (a *app) settingBody(args []string) ([]byte, error) {
	in, name := a.Stdin, "standard input"
	if len(args) > 0 && args[0] != "-" {
		f, err := os.Open(args[0])
		if err != nil {
			return nil, err
		}
		defer f.Close() // it was only read
		in, name = f, args[0]
	}
	text, err := io.ReadAll(io.LimitReader(in, maxSetting+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > maxSetting:
		return nil, usagef("%s has more than %d bytes", name, maxSetting)
	case !json.Valid(text):
		return nil, usagef("%s is not JSON: %q prints a setting as it is written", name, "ois bucket get")
	}
	return text, nil
}

func (a *app) bucketGetCommand() *cobra.Command {
	return a.settingCommand(&cobra.Command{
		Use:     "get SETTING ois://BUCKET",
		Short:   "Print a setting of a bucket",
		Long:    "Print a setting of a bucket as JSON, as \"ois bucket put\" takes it: " + oneOf(settingNames(settingGet)) + ".",
		Example: "  ois bucket get lifecycle ois://logs > rules.json",
	}, settingVerb{op: settingGet, do: func(_ context.Context, res *api.Response) error {
		var text bytes.Buffer
		answer, err := io.ReadAll(io.LimitReader(res.Body, maxSetting))
		if err == nil {
			err = json.Compact(&text, answer)
		}
		if err != nil {
			return fmt.Errorf("the answer is not JSON: %w", err)
		}
		text.WriteByte('\n')
		_, err = text.WriteTo(a.Stdout)
		return err
	}})
}

func settingGet(s setting) *api.Operation    { return s.get }
func settingPut(s setting) *api.Operation    { return s.put }
func settingRemove(s setting) *api.Operation { return s.remove }

func (a *app) bucketPutCommand() *cobra.Command {
	return a.settingCommand(&cobra.Command{
		Use:   "put SETTING ois://BUCKET [FILE|-]",
		Short: "Set a setting of a bucket",
		Long: "Set a setting of a bucket to the JSON in a file or from standard input: " + oneOf(settingNames(settingPut)) +
			".\nThe API reference has their fields; docs/guide shows examples.",
		Example: `  ois bucket put lifecycle ois://logs rules.json
  echo '{"status":"ENABLED"}' | ois bucket put versioning ois://photos`,
	}, settingVerb{op: settingPut, body: true, do: nothing})
}

func (a *app) bucketDeleteCommand() *cobra.Command {
	return a.settingCommand(&cobra.Command{
		Use:     "delete SETTING ois://BUCKET",
		Short:   "Delete a setting of a bucket",
		Long:    "Delete a setting of a bucket: " + oneOf(settingNames(settingRemove)) + ".\nFor cname, standard input says which domain: {\"domain\":\"www.example.com\"}.",
		Example: "  ois bucket delete lifecycle ois://logs",
	}, settingVerb{op: settingRemove, do: nothing})
}

func nothing(context.Context, *api.Response) error { return nil }
