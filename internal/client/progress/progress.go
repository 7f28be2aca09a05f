// Package progress counts what a command has done, and shows it to a person who waits: one line that is drawn again and again and
// gone in the end.
package progress

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// A Meter counts. It is safe for concurrent use, and its zero value counts without showing anything.
type Meter struct {
	found, done, failed, same atomic.Int64 // items
	size, bytes               atomic.Int64 // of what was found, and of what has been moved
	listed                    atomic.Bool  // nothing more will be found
	start                     time.Time

	width func() int // of the screen in columns, 0 if it is not known; may be nil

	mu    sync.Mutex
	line  io.Writer // nil if nobody looks; guarded by mu
	drawn bool      // the line is on the screen; guarded by mu
	stop  chan struct{}
	ended chan struct{}
}

// interval is how often the line is drawn.
const interval = 200 * time.Millisecond

// Start begins to count time, and to draw on w unless that is nil. Stop must be called then. Width is how many columns w has at present, 0 if nobody
// knows; it may be nil.
func Start(w io.Writer, width func() int) *Meter {
	m := &Meter{start: time.Now(), line: w, width: width, stop: make(chan struct{}), ended: make(chan struct{})}
	if w == nil {
		close(m.ended)
		return m
	}
	go m.run()
	return m
}

func (m *Meter) run() {
	defer close(m.ended)
	t := time.NewTicker(interval)
	defer t.Stop()
	var s speed
	for {
		select {
		case <-m.stop:
			return
		case now := <-t.C:
			s.add(now, m.bytes.Load())
			m.draw(m.text(s.rate()))
		}
	}
}

// Stop clears the line.
func (m *Meter) Stop() {
	close(m.stop)
	<-m.ended
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clear()
}

// Found counts an item to work on, and its bytes.
func (m *Meter) Found(size int64) {
	m.found.Add(1)
	m.size.Add(size)
}

// Sized adds bytes to those that were found.
func (m *Meter) Sized(n int64) { m.size.Add(n) }

// Listed says that all has been found.
func (m *Meter) Listed() { m.listed.Store(true) }

// Done counts an item that was worked on.
func (m *Meter) Done() { m.done.Add(1) }

// Failed counts an item that was given up.
func (m *Meter) Failed() { m.failed.Add(1) }

// Same counts an item for which there was nothing to do. It has not been found before.
func (m *Meter) Same() { m.same.Add(1) }

// Moved counts bytes on their way. They are taken back, by a negative number, when they must be sent again.
func (m *Meter) Moved(n int64) { m.bytes.Add(n) }

// A Sum is what was counted.
type Sum struct {
	Done, Failed, Same, Bytes int64
	Time                      time.Duration
}

// Sum returns what was counted so far.
func (m *Meter) Sum() Sum {
	return Sum{m.done.Load(), m.failed.Load(), m.same.Load(), m.bytes.Load(), time.Since(m.start)}
}

// Through returns a writer that clears the line before it writes to w.
func (m *Meter) Through(w io.Writer) io.Writer { return &through{m, w} }

type through struct {
	m *Meter
	w io.Writer
}

func (t *through) Write(p []byte) (int, error) {
	t.m.mu.Lock()
	defer t.m.mu.Unlock()
	t.m.clear()
	return t.w.Write(p)
}

// clear needs mu.
func (m *Meter) clear() {
	if m.drawn {
		fmt.Fprint(m.line, "\r\x1b[K")
		m.drawn = false
	}
}

func (m *Meter) draw(text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	fmt.Fprint(m.line, "\r"+text+"\x1b[K")
	m.drawn = true
}

// text is the line: items, bytes, bytes a second, and when it will be over. On a narrow screen the bytes are left out first, then the rate: a line that
// is too long would go on in the next one, and could not be cleared.
func (m *Meter) text(rate float64) string {
	over := m.done.Load() + m.failed.Load() + m.same.Load()
	found, bytes, size := m.found.Load()+m.same.Load(), m.bytes.Load(), m.size.Load()
	more := "+"
	if m.listed.Load() {
		more = ""
	}
	items := fmt.Sprintf("%d/%d%s", over, found, more)
	rest := ""
	if n := m.failed.Load(); n > 0 {
		rest = fmt.Sprintf("  %d failed", n)
	}
	if m.listed.Load() && rate >= 1 && bytes < size {
		left := time.Duration(float64(size-bytes)/rate*float64(time.Second)) / time.Second
		rest += fmt.Sprintf("  ETA %d:%02d:%02d", left/3600, left/60%60, left%60)
	}
	of := ""
	if size > 0 || bytes == 0 { // nobody knows how much comes from a stream
		of = "/" + Size(size) + more
	}
	moved, speed := "  "+Size(bytes)+of, fmt.Sprintf("  %s/s", Size(int64(rate)))
	return m.fit(items+moved+speed+rest, items+speed+rest, items+rest)
}

// fit returns the first of some texts that fits on the screen, or as much of the last one as does. The last column stays free, since some terminals go on to
// the next line when something is written there.
func (m *Meter) fit(texts ...string) string {
	room := 0
	if m.width != nil {
		room = m.width() - 1
	}
	if room <= 0 {
		return texts[0]
	}
	for _, text := range texts {
		if len(text) <= room {
			return text
		}
	}
	return texts[len(texts)-1][:room]
}

// speed is how fast bytes have moved in the last seconds.
type speed struct {
	at    [25]time.Time
	bytes [25]int64
	n     int
}

func (s *speed) add(now time.Time, bytes int64) {
	i := s.n % len(s.at)
	s.at[i], s.bytes[i] = now, bytes
	s.n++
}

func (s *speed) rate() float64 {
	if s.n < 2 {
		return 0
	}
	last, first := (s.n-1)%len(s.at), 0
	if s.n > len(s.at) {
		first = s.n % len(s.at)
	}
	return max(0, float64(s.bytes[last]-s.bytes[first])/s.at[last].Sub(s.at[first]).Seconds())
}

// Size is a number of bytes as people read it.
func Size(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	v, unit := float64(n)/1024, 0
	for v >= 1023.95 && unit < len(units)-1 {
		v /= 1024
		unit++
	}
	return fmt.Sprintf("%.1f %ciB", v, units[unit])
}
