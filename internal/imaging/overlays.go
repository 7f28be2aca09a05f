package imaging

import (
	"context"
	"time"

	"github.com/oisproject/ois/internal/fault"
)

// The images of watermarks come from servers of users, which may be as slow as they like. They are fetched before an image takes its slot, so that
// a slow one holds up only others with such watermarks.
const (
	maxFetching  = 8                // pipelines that fetch, or work with what they have fetched, at the same time
	fetchLimit   = 10 * time.Second // for all images of a pipeline
	maxFetched   = MaxSource        // bytes of them
	fetchMessage = "action: watermark_image: the image at %q is not there within %v"
)

// overlays fetches the images of the watermarks of a pipeline. What it returns counts as memory in use until release.
func (p *Processor) overlays(ctx context.Context, pl *Pipeline) (images map[string][]byte, release func(), err error) {
	var urls []string
	for _, s := range pl.steps {
		if o, ok := s.(overlayStep); ok {
			urls = append(urls, o.url)
		}
	}
	if len(urls) == 0 {
		return nil, func() {}, nil
	}
	if p.fetch == nil {
		return nil, nil, fault.Newf(fault.NotImplemented, "action: watermark_image is not implemented on this server, which fetches nothing")
	}
	select {
	case p.fetching <- struct{}{}:
	default:
		return nil, nil, busy()
	}
	release = func() { <-p.fetching }
	limited, cancel := context.WithTimeout(ctx, fetchLimit)
	defer cancel()
	images = make(map[string][]byte)
	left := int64(maxFetched)
	for _, url := range urls {
		if images[url] != nil {
			continue
		}
		b, err := p.fetch(limited, url, left)
		if err == nil {
			images[url] = b
			left -= int64(len(b))
			continue
		}
		release()
		if limited.Err() != nil && ctx.Err() == nil {
			err = fault.Newf(fault.UpstreamFailed, fetchMessage, url, fetchLimit)
		}
		return nil, nil, err
	}
	return images, release, nil
}
