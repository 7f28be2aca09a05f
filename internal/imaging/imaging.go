package imaging

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/op"
)

// MaxSource is how many bytes an image may have that is processed.
const MaxSource = op.LimitImageMaxBytes

// Bounds of what is under way at once.
const (
	maxOverlay = 16 << 20 // pixels of the image of a watermark
	maxHeld    = 256 << 20
	maxQueue   = 64
	patience   = 10 * time.Second // in the queue
	timeLimit  = 30 * time.Second // at work
)

// Options tune a Processor. The zero value is the default.
type Options struct {
	// Font is a TrueType or OpenType font, or a collection of some. Watermarks are written with it, and with the
	// fonts that are built in, Latin and simplified Chinese, where it lacks a letter.
	Font []byte

	// Fetch reads what is at an address, up to most bytes. It must not let users reach what the server reaches and
	// they do not. Nil refuses watermark_image.
	Fetch func(ctx context.Context, url string, most int64) ([]byte, error)

	// Parallel is how many images are processed at a time; 0 means half of the processors, at least 1.
	Parallel int
}

// A Processor runs pipelines. It may be used by many at once.
type Processor struct {
	fonts fonts
	fetch func(ctx context.Context, url string, most int64) ([]byte, error)

	slots   chan struct{} // one is taken by each image at work
	waiting atomic.Int64  // for a slot
	held    atomic.Int64  // bytes of results that are not closed

	fetching chan struct{} // one is taken by each pipeline with images of watermarks
}

// New returns a processor.
func New(o Options) (*Processor, error) {
	all, err := newFonts(o.Font)
	if err != nil {
		return nil, err
	}
	n := o.Parallel
	if n <= 0 {
		n = max(1, runtime.GOMAXPROCS(0)/2)
	}
	return &Processor{fonts: all, fetch: o.Fetch, slots: make(chan struct{}, n), fetching: make(chan struct{}, maxFetching)}, nil
}

// A Source is an image that is to be processed.
type Source struct {
	Size int64
	Open func(context.Context) (io.ReadCloser, error)
}

// A Result is an image, or what the operation info tells of one.
type Result struct {
	Type string // media type
	Data []byte
}

// Size returns how many pixels wide and high the image is, zero for what is none or has no size.
func (r *Result) Size() (width, height int) {
	f, err := readFacts(r.Data)
	if err != nil {
		return 0, 0
	}
	return f.w, f.h
}

// A Saved is a result that is to be stored.
type Saved struct {
	Target
	Result
}

// An Output is what a pipeline has made. Until Close it counts as memory in use.
type Output struct {
	Result
	Saved []Saved

	p *Processor
	n int64
}

// Close lets go of the output.
func (o *Output) Close() {
	if o.p != nil {
		o.p.held.Add(-o.n)
		o.p = nil
	}
}

// Process runs a pipeline. The caller closes the output.
//
// What is wrong with the image or with the pipeline is invalid_argument. If too many images are at work, it is
// service_unavailable, and nothing was done.
func (p *Processor) Process(ctx context.Context, src Source, pl *Pipeline) (*Output, error) {
	if src.Size > MaxSource {
		return nil, fault.Newf(fault.InvalidArgument, "the object has %d bytes; images of up to %d bytes are processed", src.Size, MaxSource)
	}
	overlays, release, err := p.overlays(ctx, pl)
	if err != nil {
		return nil, err
	}
	defer release()
	if err := p.enter(ctx); err != nil {
		return nil, err
	}
	defer func() { <-p.slots }()
	limited, cancel := context.WithTimeout(ctx, timeLimit)
	defer cancel()
	out, err := p.process(limited, src, pl, overlays)
	switch {
	case err == nil:
		return out, p.hold(out)
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case limited.Err() != nil:
		return nil, fault.Newf(fault.InvalidArgument, "the image takes longer than %v to process; ask for less", timeLimit)
	}
	return nil, err
}

// busy is the error for more images than can be processed.
func busy() error {
	return fault.Newf(fault.ServiceUnavailable, "too many images are being processed; try again")
}

// enter waits for a slot.
func (p *Processor) enter(ctx context.Context) error {
	select {
	case p.slots <- struct{}{}:
		return nil
	default:
	}
	if p.waiting.Add(1) > maxQueue {
		p.waiting.Add(-1)
		return busy()
	}
	defer p.waiting.Add(-1)
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-timer.C:
		return busy()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// hold counts the bytes of an output.
func (p *Processor) hold(o *Output) error {
	o.n = int64(len(o.Data))
	for _, s := range o.Saved {
		o.n += int64(len(s.Data))
	}
	if p.held.Add(o.n) > maxHeld {
		p.held.Add(-o.n)
		return busy()
	}
	o.p = p
	return nil
}

// process reads the source and does the work. A decoder that panics has met an image that its authors have not
// thought of; that costs this request, not the server.
func (p *Processor) process(ctx context.Context, src Source, pl *Pipeline, overlays map[string][]byte) (out *Output, err error) {
	defer func() {
		if r := recover(); r != nil {
			out, err = nil, fmt.Errorf("%w: panic: %v\n%s", fault.Newf(fault.InvalidArgument, "the image cannot be processed"), r, debug.Stack())
		}
	}()
	b, err := read(ctx, src)
	if err != nil {
		return nil, err
	}
	f, err := readFacts(b)
	if err != nil {
		return nil, err
	}
	if err := check(f, pl); err != nil {
		return nil, err
	}
	w := &work{p: p, source: b, facts: f, format: f.format, alpha: f.alpha, encoded: b, overlays: overlays}
	for _, s := range pl.steps {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := w.do(ctx, s); err != nil {
			return nil, err
		}
	}
	return w.finish(ctx)
}

func read(ctx context.Context, src Source) ([]byte, error) {
	r, err := src.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b := bytes.NewBuffer(make([]byte, 0, src.Size+bytes.MinRead))
	_, err = b.ReadFrom(io.LimitReader(r, MaxSource+1))
	if err == nil && b.Len() > MaxSource {
		err = errors.New("the source is larger than it said")
	}
	return b.Bytes(), err
}

// A work is a pipeline at work on an image.
type work struct {
	p      *Processor
	source []byte
	facts  *facts

	pixels  *image.NRGBA // nil until an operation needs them
	format  Format
	alpha   bool   // transparency may be there
	encoded []byte // nil if the pixels have changed since

	overlays map[string][]byte // images of watermarks, by address

	saved  []Saved
	result *info // of the last operation, if that is info
}

func (w *work) do(ctx context.Context, s step) error {
	switch s := s.(type) {
	case infoStep:
		i := w.info()
		w.result = &i
		return nil
	case saveStep:
		b, err := w.encode(ctx)
		w.saved = append(w.saved, Saved{s.Target, Result{mediaTypes[w.format], b}})
		return err
	case formatStep:
		if s.format == w.format {
			return nil
		}
	case resizeStep:
		if w.format == GIF {
			return w.resizeGIF(ctx, &s)
		}
	}
	if w.pixels == nil {
		m, err := decode(ctx, w.source, w.facts)
		if err != nil {
			return err
		}
		w.pixels, w.source = m, nil
	}
	w.encoded = nil
	return w.change(ctx, s)
}

// change does an operation on the pixels.
func (w *work) change(ctx context.Context, s step) (err error) {
	switch s := s.(type) {
	case cropStep:
		w.pixels, err = s.run(ctx, w.pixels)
	case rotateStep:
		w.pixels, err = turn(ctx, w.pixels, turns[s.angle])
	case resizeStep:
		w.pixels, err = s.run(ctx, w.pixels, w.alpha)
	case textStep:
		err = s.run(ctx, w.pixels, w.p.fonts)
	case overlayStep:
		err = w.overlay(ctx, &s)
	case formatStep:
		w.format = s.format
		if s.format == JPEG && w.alpha {
			w.pixels = flat(w.pixels)
			w.alpha = false
		}
	}
	return err
}

// resizeGIF makes another GIF, which is the source of what follows.
func (w *work) resizeGIF(ctx context.Context, s *resizeStep) error {
	b, err := resizeGIF(ctx, w.source, w.facts, s)
	if err != nil {
		return err
	}
	w.source, w.encoded = b, b
	w.facts, err = readFacts(b)
	return err
}

// overlay lays the image of a watermark over.
func (w *work) overlay(ctx context.Context, s *overlayStep) error {
	b := w.overlays[s.url]
	f, err := readFacts(b)
	if err == nil && decoders[f.format] == nil {
		err = fault.Newf(fault.InvalidArgument, "it is a %s", f.format)
	}
	if err == nil && (area(f.w, f.h) > maxOverlay || f.decoding > maxMemory/2) {
		err = fault.Newf(fault.InvalidArgument, "it has %dx%d pixels; allowed: %d in all", f.w, f.h, maxOverlay)
	}
	var other *image.NRGBA
	if err == nil {
		other, err = decode(ctx, b, f)
	}
	if err != nil && ctx.Err() == nil {
		return fault.Newf(fault.InvalidArgument, "action: watermark_image: the image at %q cannot be used: %w", s.url, err)
	}
	if err != nil {
		return err
	}
	return s.lay(ctx, w.pixels, other)
}

// encode returns the image as it is now.
func (w *work) encode(ctx context.Context) ([]byte, error) {
	if w.encoded == nil {
		b, err := encode(ctx, w.pixels, w.format, w.facts.profile)
		if err != nil {
			return nil, err
		}
		w.encoded = b
	}
	return w.encoded, nil
}

// info tells about the image as it is now. What the camera wrote goes with the pixels that it took.
func (w *work) info() info {
	if w.pixels == nil {
		return w.facts.info()
	}
	return info{
		Width: w.pixels.Rect.Dx(), Height: w.pixels.Rect.Dy(), Orientation: upright, Alpha: w.alpha, Type: w.format, Space: "srgb",
	}
}

func (w *work) finish(ctx context.Context) (*Output, error) {
	if w.result != nil {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(w.result); err != nil {
			return nil, err
		}
		return &Output{Result: Result{"application/json", bytes.TrimSpace(b.Bytes())}, Saved: w.saved}, nil
	}
	b, err := w.encode(ctx)
	if err != nil {
		return nil, err
	}
	return &Output{Result: Result{mediaTypes[w.format], b}, Saved: w.saved}, nil
}
