package cli

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/oisproject/ois/internal/client/target"
	ois "github.com/oisproject/ois/sdk/go"
)

func (a *app) presignCommand() *cobra.Command {
	var r road
	var o ois.PresignOptions
	var method, contentType, saveAs string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "presign ois://BUCKET/KEY...",
		Short: "Make a link that works without keys for a while",
		Long: `Print an address from which everybody who has it can get the object, or, with --method PUT, put it, until it expires. Nothing is sent to the
service: whether there is such an object shows when the address is used.`,
		Example: `  ois presign --expires 24h ois://photos/2026/beach.jpg
  curl -T beach.jpg "$(ois presign --method PUT ois://photos/2026/beach.jpg)"`,
		Args:              someArgs(target.Scheme + "BUCKET/KEY"),
		ValidArgsFunction: a.completeTargets(&r, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkPresign(method, o.Expires); err != nil {
				return err
			}
			if contentType != "" {
				o.Header = http.Header{"Content-Type": {contentType}}
			}
			if saveAs != "" {
				o.ResponseContentDisposition = mime.FormatMediaType("attachment", map[string]string{"filename": saveAs})
			}
			for _, arg := range args {
				if _, err := parseObject(arg); err != nil {
					return err
				}
			}
			s, err := a.service(cmd.Context(), r)
			if err != nil {
				return err
			}
			if !s.keys {
				return usageError{errors.New(a.noKeys())}
			}
			return a.eachTarget(cmd.Context(), r, args, func(ctx context.Context, b *ois.Bucket, t target.Target) error {
				link, err := b.Presign(ctx, method, t.Key, &o)
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(a.Stdout, presigned{t.String(), method, link, time.Now().Add(o.Expires).UTC().Truncate(time.Second)})
				}
				_, err = fmt.Fprintln(a.Stdout, link)
				return err
			})
		},
	}
	a.roadFlags(cmd, &r)
	jsonFlag(cmd, &asJSON)
	choiceFlag(cmd, &method, "method", http.MethodGet, "`METHOD` of the request: GET, PUT, HEAD or DELETE", http.MethodGet, http.MethodPut, http.MethodHead, http.MethodDelete)
	cmd.Flags().DurationVarP(&o.Expires, "expires", "e", 15*time.Minute, "`TIME` that the link works, such as 24h")
	cmd.Flags().StringVar(&o.Host, "host", "", "`HOST` that the link points to instead of the endpoint")
	cmd.Flags().StringVar(&o.VersionID, "version-id", "", "`ID` of the version; else the current one")
	cmd.Flags().StringVar(&contentType, "content-type", "", "`TYPE` that a PUT must send")
	cmd.Flags().StringVar(&saveAs, "save-as", "", "`NAME` under which browsers save the object")
	return cmd
}

type presigned struct {
	Name    string    `json:"name"`
	Method  string    `json:"method"`
	URL     string    `json:"url"`
	Expires time.Time `json:"expires"`
}

func checkPresign(method string, expires time.Duration) error {
	switch method {
	case http.MethodGet, http.MethodPut, http.MethodHead, http.MethodDelete:
	default:
		return usagef("--method %q is not known: want GET, PUT, HEAD or DELETE", method)
	}
	if expires <= 0 {
		return usagef("--expires %v is not allowed: want a time such as 24h", expires)
	}
	return nil
}
