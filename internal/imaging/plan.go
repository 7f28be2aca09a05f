package imaging

import (
	"math"
	"slices"

	"github.com/oisproject/ois/internal/fault"
)

// Bounds of an image at work, also of what stands between two operations.
const (
	maxPixels = 64 << 20
	maxSide   = 1 << 20
	maxMemory = 512 << 20
)

// A plan follows a pipeline without doing it: it knows of each result its size and what it takes.
type plan struct {
	f       *facts
	format  Format
	w, h    int
	alpha   bool
	changed bool // the pixels are no longer those of the source
}

// check refuses what cannot be done, or takes too much memory, before anything is decoded.
func check(f *facts, p *Pipeline) error {
	s := &plan{f: f, format: f.format, w: f.w, h: f.h, alpha: f.alpha}
	for _, next := range p.steps {
		if formats := takes(next); !slices.Contains(formats, s.format) {
			return fault.Newf(fault.InvalidArgument, "action: %s does not work on %s; it does on %s", nameOf(next), s.format, list(formats))
		}
		if err := s.step(next); err != nil {
			return err
		}
	}
	return nil
}

func (s *plan) step(next step) error {
	switch next := next.(type) {
	case infoStep, saveStep:
		return nil
	case formatStep:
		if next.format == s.format {
			return nil
		}
	}
	if err := s.begin(); err != nil {
		return err
	}
	w, h, extra := s.w, s.h, int64(0)
	switch next := next.(type) {
	case cropStep:
		if next.byOffset && (next.left >= w || next.top >= h) {
			return fault.Newf(fault.InvalidArgument, "action: crop: l and t are %d and %d, which is outside of the image of %dx%d pixels",
				next.left, next.top, w, h)
		}
		s.w, s.h = next.size(w, h)
	case rotateStep:
		if next.angle%180 != 0 {
			s.w, s.h = h, w
		}
	case resizeStep:
		inner, outer := next.sizes(w, h)
		s.w, s.h = outer.X, outer.Y
		extra = min(area(inner.X, h), area(w, inner.Y)) + area(inner.X, inner.Y)
		if s.alpha {
			extra += area(w, h)
		}
		if s.format == GIF {
			return s.animation(w, h)
		}
	case textStep:
		if s.format == PNG && s.alpha {
			return fault.Newf(fault.InvalidArgument, "action: watermark does not work on png with transparency")
		}
	case overlayStep:
		extra = maxOverlay
	case formatStep:
		s.format = next.format
		s.alpha = s.alpha && s.format != JPEG
	}
	return s.allow(area(w, h) + area(s.w, s.h) + extra)
}

// begin plans that the source is decoded and turned upright, if it is not already.
func (s *plan) begin() error {
	if s.changed || s.format == GIF {
		return nil
	}
	s.changed = true
	if s.f.orientation >= sideways {
		s.w, s.h = s.h, s.w
	}
	if err := s.allow(area(s.w, s.h)); err != nil {
		return err
	}
	memory := 4*area(s.w, s.h) + max(s.f.decoding, 4*area(s.w, s.h)) // the second is for turning it
	if memory > maxMemory {
		return fault.Newf(fault.InvalidArgument, "the image of %dx%d pixels takes %d MiB to decode; allowed: %d MiB", s.f.w, s.f.h, memory>>20, maxMemory>>20)
	}
	return nil
}

// allow checks the size of a result that takes so many pixels at once.
func (s *plan) allow(pixels int64) error {
	side := min(maxSide, maxSides[s.format])
	if s.w > side || s.h > side {
		return fault.Newf(fault.InvalidArgument, "action: a %s of %dx%d pixels is too large; allowed: %d for width and height", s.format, s.w, s.h, side)
	}
	if n := area(s.w, s.h); n > maxPixels {
		return fault.Newf(fault.InvalidArgument, "action: an image of %dx%d pixels is too large; allowed: %d pixels", s.w, s.h, maxPixels)
	}
	if 4*pixels > maxMemory {
		return fault.Newf(fault.InvalidArgument, "action: to make an image of %dx%d pixels takes %d MiB; allowed: %d MiB", s.w, s.h, 4*pixels>>20, maxMemory>>20)
	}
	return nil
}

// animation checks what it takes to resize a GIF of w by h. The frames of its result stay as one byte a pixel.
func (s *plan) animation(w, h int) error {
	frames := int64(s.f.frames)
	seen, made := area(w, h), area(s.w, s.h)
	if err := s.allow(made); err != nil {
		return err
	}
	if seen > maxPixels || seen+made > maxFramePixels/max(frames, 1) {
		return fault.Newf(fault.InvalidArgument, "action: resize: %d frames of %dx%d pixels are too many; allowed: %d pixels in all frames, before and after",
			frames, w, h, maxFramePixels)
	}
	if memory := s.f.decoding + frames*made + 12*(seen+made); memory > maxMemory {
		return fault.Newf(fault.InvalidArgument, "action: resize: %d frames take %d MiB; allowed: %d MiB", frames, memory>>20, maxMemory>>20)
	}
	return nil
}

func area(w, h int) int64 {
	if int64(w) > math.MaxInt32 || int64(h) > math.MaxInt32 {
		return math.MaxInt32 * math.MaxInt32 / 64
	}
	return int64(w) * int64(h)
}
