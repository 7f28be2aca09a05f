package imaging

import (
	"bytes"
	"slices"

	"github.com/oisproject/ois/internal/fault"
)

// A Format is a kind of image.
type Format string

// The formats.
const (
	JPEG Format = "jpeg"
	PNG  Format = "png"
	WebP Format = "webp"
	TIFF Format = "tiff"
	GIF  Format = "gif"
	SVG  Format = "svg"
	PDF  Format = "pdf"
)

// written are the formats that can be asked for.
var written = []Format{JPEG, PNG, WebP, TIFF}

// mediaTypes are the media types of the formats.
var mediaTypes = map[Format]string{
	JPEG: "image/jpeg", PNG: "image/png", WebP: "image/webp", TIFF: "image/tiff",
	GIF: "image/gif", SVG: "image/svg+xml", PDF: "application/pdf",
}

// maxSides are the greatest width and height of each format that is written.
var maxSides = map[Format]int{JPEG: 65535, PNG: 1<<31 - 1, WebP: 16383, TIFF: 65535, GIF: 65535}

// formatOf tells the format of a file by its first bytes.
func formatOf(b []byte) (Format, error) {
	switch {
	case bytes.HasPrefix(b, []byte("\xff\xd8\xff")):
		return JPEG, nil
	case bytes.HasPrefix(b, []byte("\x89PNG\r\n\x1a\n")):
		return PNG, nil
	case len(b) >= 16 && string(b[:4]) == "RIFF" && string(b[8:12]) == "WEBP":
		return WebP, nil
	case bytes.HasPrefix(b, []byte("II*\x00")), bytes.HasPrefix(b, []byte("MM\x00*")):
		return TIFF, nil
	case bytes.HasPrefix(b, []byte("GIF87a")), bytes.HasPrefix(b, []byte("GIF89a")):
		return GIF, nil
	case bytes.HasPrefix(b, []byte("%PDF-")):
		return PDF, nil
	case isSVG(b):
		return SVG, nil
	}
	return "", fault.Newf(fault.InvalidArgument, "the object is not an image of a known format: jpeg, png, webp, tiff, gif, svg, pdf")
}

// takes returns the formats that an operation works on.
func takes(s step) []Format {
	switch s.(type) {
	case infoStep:
		return []Format{JPEG, PNG, WebP, TIFF, GIF, SVG}
	case resizeStep:
		return append(slices.Clone(written), GIF)
	case saveStep:
		return []Format{JPEG, PNG, WebP, TIFF, GIF, SVG, PDF}
	}
	return written
}

// nameOf returns the name of an operation.
func nameOf(s step) string {
	switch s.(type) {
	case infoStep:
		return "info"
	case cropStep:
		return "crop"
	case rotateStep:
		return "rotate"
	case resizeStep:
		return "resize"
	case textStep:
		return "watermark"
	case overlayStep:
		return "watermark_image"
	case formatStep:
		return "format"
	}
	return "save"
}
