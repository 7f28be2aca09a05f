package imaging

import (
	"encoding/base64"
	"image/color"
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/oisproject/ois/internal/fault"
)

// MaxOperations is how many operations a pipeline may have.
const MaxOperations = 10

// Bounds of arguments.
const (
	maxText     = 200   // letters of a watermark
	maxTextSize = 15000 // twentieths of a point
	maxURL      = 2048
)

// A Pipeline is operations on an image, each on the result of the one before.
type Pipeline struct{ steps []step }

// A step is one operation: one of the types below.
type step any

type (
	infoStep struct{}

	// A cropStep cuts by gravity, or from left and top.
	cropStep struct {
		w, h      int // 0 is that of the image
		gravity   int
		byOffset  bool
		left, top int
	}

	rotateStep struct{ angle int }

	resizeStep struct{ w, h, mode int }

	textStep struct {
		text    string
		size    int // twentieths of a point
		opacity float64
		colour  color.NRGBA
	}

	overlayStep struct {
		url       string
		left, top int
		opacity   float64
	}

	formatStep struct{ format Format }

	saveStep struct{ Target }
)

// A Target is where a result is to be stored.
type Target struct{ Bucket, Key string }

// Targets returns where the results of p are to be stored.
func (p *Pipeline) Targets() []Target {
	var targets []Target
	for _, s := range p.steps {
		if save, ok := s.(saveStep); ok {
			targets = append(targets, save.Target)
		}
	}
	return targets
}

// readers read the arguments of each operation.
var readers = map[string]func(*arguments) step{
	"info":            func(*arguments) step { return infoStep{} },
	"crop":            readCrop,
	"rotate":          readRotate,
	"resize":          readResize,
	"watermark":       readText,
	"watermark_image": readOverlay,
	"format":          readFormat,
	"save":            readSave,
}

// Parse reads a pipeline, "name:key_value,key_value|name...", which is percent-decoded already. An error is
// invalid_argument and names what is wrong.
func Parse(action string) (*Pipeline, error) {
	texts := strings.Split(action, "|")
	if last := len(texts) - 1; last > 0 && texts[last] == "" {
		texts = texts[:last]
	}
	if len(texts) > MaxOperations {
		return nil, fault.Newf(fault.InvalidArgument, "action has %d operations; allowed: 1 to %d", len(texts), MaxOperations)
	}
	p := &Pipeline{}
	for i, text := range texts {
		s, err := parseStep(text)
		if err != nil {
			return nil, err
		}
		if _, last := s.(infoStep); last && i < len(texts)-1 {
			return nil, fault.Newf(fault.InvalidArgument, "action: info is not the last operation; it tells about the result of those before")
		}
		p.steps = append(p.steps, s)
	}
	return p, nil
}

func parseStep(text string) (step, error) {
	name, rest, _ := strings.Cut(text, ":")
	read := readers[name]
	if read == nil {
		return nil, fault.Newf(fault.InvalidArgument, "action: the operation %q is not known; there are %s",
			name, strings.Join(slices.Sorted(maps.Keys(readers)), ", "))
	}
	a := &arguments{operation: name, values: make(map[string]string)}
	for pair := range strings.SplitSeq(rest, ",") {
		if pair == "" {
			continue
		}
		key, value, ok := strings.Cut(pair, "_")
		if !ok {
			a.fail("%q is not an argument; one is a name, an underscore and a value, such as w_300", pair)
			break
		}
		if _, twice := a.values[key]; twice {
			a.fail("the argument %s is there twice", key)
			break
		}
		a.values[key] = value
	}
	if a.err != nil {
		return nil, a.err
	}
	s := read(a)
	a.finish()
	return s, a.err
}

// Arguments are those of one operation. The first error stays.
type arguments struct {
	operation string
	values    map[string]string // those that were asked for are deleted
	known     []string
	err       error
}

func (a *arguments) fail(format string, args ...any) {
	if a.err == nil {
		a.err = fault.Newf(fault.InvalidArgument, "action: "+a.operation+": "+format, args...)
	}
}

// finish refuses arguments that nobody asked for.
func (a *arguments) finish() {
	for _, key := range slices.Sorted(maps.Keys(a.values)) {
		allowed := strings.Join(a.known, ", ")
		if allowed == "" {
			allowed = "none"
		}
		a.fail("the argument %q is not known; allowed: %s", key, allowed)
	}
}

// take returns the value of an argument; an empty one is as good as none.
func (a *arguments) take(key string) (value string, ok bool) {
	value = a.values[key]
	delete(a.values, key)
	a.known = append(a.known, key)
	return value, value != ""
}

// number returns a whole number up to most, 0 if there is none.
func (a *arguments) number(key, unit string, most int) (n int, ok bool) {
	value, ok := a.take(key)
	if !ok {
		return 0, false
	}
	v, err := strconv.ParseUint(value, 10, 31)
	if err != nil || int(v) > most {
		a.fail("%s is %q; allowed: a whole number of %s from 0 to %d", key, value, unit, most)
		return 0, false
	}
	return int(v), true
}

// maxArgument is the greatest number of pixels that can be asked for.
const maxArgument = 1<<31 - 1

// choice returns one of several numbers.
func (a *arguments) choice(key string, allowed ...int) (n int, ok bool) {
	value, ok := a.take(key)
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(value)
	if err != nil || !slices.Contains(allowed, n) {
		var texts []string
		for _, n := range allowed {
			texts = append(texts, strconv.Itoa(n))
		}
		a.fail("%s is %q; allowed: %s", key, value, strings.Join(texts, ", "))
	}
	return n, true
}

// opacity returns the argument p; more than 1 counts as 1.
func (a *arguments) opacity() float64 {
	const standard = 0.25
	value, ok := a.take("p")
	if !ok {
		return standard
	}
	v, err := strconv.ParseFloat(value, 64)
	if err != nil || v < 0 || math.IsNaN(v) {
		a.fail("p is %q; allowed: a number above 0 and up to 1", value)
	}
	if v == 0 {
		return standard
	}
	return min(v, 1)
}

// text returns an argument that is written in base64, without padding or with it. A "+" that was sent
// bare has arrived as a space.
func (a *arguments) text(key string) (string, bool) {
	value, ok := a.take(key)
	if !ok {
		return "", false
	}
	plain := strings.NewReplacer(" ", "+", "-", "+", "_", "/").Replace(strings.TrimRight(value, "="))
	b, err := base64.RawStdEncoding.DecodeString(plain)
	if err != nil || !utf8.Valid(b) {
		a.fail("%s is %q, which is not base64 of text in UTF-8", key, value)
	}
	return string(b), true
}

func (a *arguments) need(key string, ok bool) {
	if !ok {
		a.fail("the argument %s is missing", key)
	}
}

func readCrop(a *arguments) step {
	var s cropStep
	s.w, _ = a.number("w", "pixels", maxArgument)
	s.h, _ = a.number("h", "pixels", maxArgument)
	var byGravity, left, top bool
	s.gravity, byGravity = a.choice("g", 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
	s.left, left = a.number("l", "pixels", maxArgument)
	s.top, top = a.number("t", "pixels", maxArgument)
	switch {
	case s.gravity != 0 && (s.left != 0 || s.top != 0):
		a.fail("g and l or t do not go together; g says where the rectangle lies, l and t where it begins")
	case s.left != 0 || s.top != 0:
		s.byOffset = true
	case !byGravity && (left || top):
		s.byOffset = true // from the upper left corner
	}
	return s
}

func readRotate(a *arguments) step {
	angle, ok := a.choice("a", 0, 90, 180, 270)
	a.need("a", ok)
	return rotateStep{angle}
}

func readResize(a *arguments) step {
	var s resizeStep
	s.w, _ = a.number("w", "pixels", maxArgument)
	s.h, _ = a.number("h", "pixels", maxArgument)
	s.mode, _ = a.choice("m", 0, 1, 2)
	if s.w == 0 && s.h == 0 {
		a.fail("w and h are missing; at least one must be above 0")
	}
	return s
}

func readText(a *arguments) step {
	const standard = 150
	var s textStep
	var ok bool
	s.text, ok = a.text("t")
	a.need("t", ok)
	if n := utf8.RuneCountInString(s.text); n > maxText {
		a.fail("t has %d letters; allowed: 1 to %d", n, maxText)
	}
	if strings.ContainsFunc(s.text, unicode.IsControl) {
		a.fail("t is %q; line breaks and other control characters are not allowed", s.text)
	}
	if s.size, _ = a.number("d", "twentieths of a point", maxTextSize); s.size == 0 {
		s.size = standard
	}
	s.opacity = a.opacity()
	s.colour = color.NRGBA{A: 255}
	if value := a.values["c"]; strings.HasPrefix(value, "#") {
		a.take("c")
		s.colour = a.colour(value)
	} else if value, ok := a.text("c"); ok {
		s.colour = a.colour(value)
	}
	return s
}

// colour reads a colour such as #ff0000.
func (a *arguments) colour(value string) color.NRGBA {
	v, err := strconv.ParseUint(strings.TrimPrefix(value, "#"), 16, 24)
	if err != nil || len(value) != len("#rrggbb") || value[0] != '#' {
		a.fail("c is the colour %q; allowed: one such as #ff0000, in base64", value)
	}
	return color.NRGBA{uint8(v >> 16), uint8(v >> 8), uint8(v), 255}
}

func readOverlay(a *arguments) step {
	var s overlayStep
	var ok bool
	s.url, ok = a.text("u")
	a.need("u", ok)
	u, err := url.Parse(s.url)
	if ok && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || len(s.url) > maxURL) {
		a.fail("u is the address %q; allowed: one such as https://example.com/logo.png, of up to %d bytes, in base64", s.url, maxURL)
	}
	s.left, _ = a.number("l", "pixels", maxArgument)
	s.top, _ = a.number("t", "pixels", maxArgument)
	s.opacity = a.opacity()
	return s
}

func readFormat(a *arguments) step {
	value, ok := a.take("t")
	a.need("t", ok)
	f := Format(value)
	if !slices.Contains(written, f) {
		a.fail("t is %q; allowed: %s", value, list(written))
	}
	return formatStep{f}
}

func readSave(a *arguments) step {
	var s saveStep
	var bucket, key bool
	s.Bucket, bucket = a.take("b")
	s.Key, key = a.take("k")
	a.need("b", bucket)
	a.need("k", key)
	return s
}

// list joins the names of formats.
func list(formats []Format) string {
	texts := make([]string, len(formats))
	for i, f := range formats {
		texts[i] = string(f)
	}
	return strings.Join(texts, ", ")
}
