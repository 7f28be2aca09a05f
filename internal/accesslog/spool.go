package accesslog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/oisproject/ois/internal/vfs"
)

// A spool file is named HOUR-TIME-NUMBER.log: the hour as 2006010215, when the process that has made it began, in milliseconds since
// 1970, and the number of the file in that process; so names in order are pieces in order. Its first line is its
// Destination in JSON. The lines after it are those of the log.
const (
	hourForm   = "2006010215"
	spoolMode  = 0o600
	spoolDir   = 0o700
	maxHeading = 8 << 10 // bytes of the first line
)

// A spool writes spool files. It opens a file for each write: there is one a second at most for each bucket with a log, and no
// number of buckets takes more files than one.
type spool struct {
	mu    sync.Mutex
	l     *Log
	limit int64 // bytes of a piece
	began int64 // milliseconds since 1970
	last  int   // number of the last file
	made  bool  // the directory is there
	files map[spoolKey]*spoolFile
}

// A spoolFile is a file that is being written.
type spoolFile struct {
	name string
	size int64
}

func (s *spool) begin(l *Log) {
	s.l, s.limit, s.began, s.files = l, maxPiece, l.now().UnixMilli(), make(map[spoolKey]*spoolFile)
}

// write appends lines to the file of their key. After an error that file gets no more: its last line may be cut.
func (s *spool) write(k spoolKey, lines []byte) error {
	f := s.files[k]
	if f != nil && f.size+int64(len(lines)) > s.limit {
		f = nil
	}
	var err error
	if f == nil {
		if f, err = s.create(k); err != nil {
			return err
		}
		s.files[k] = f
	}
	if err := s.append(f, lines); err != nil {
		delete(s.files, k)
		return err
	}
	s.l.bytes.Add(int64(len(lines)))
	return nil
}

// create makes a file with its first line.
func (s *spool) create(k spoolKey) (*spoolFile, error) {
	if !s.made {
		if err := vfs.Mkdir(s.l.fs, s.l.dir, spoolDir); err != nil {
			return nil, err
		}
		s.made = true
	}
	heading, err := json.Marshal(k.Destination)
	if err != nil {
		return nil, err
	}
	heading = append(heading, '\n')
	if len(heading) > maxHeading {
		return nil, fmt.Errorf("heading of %d bytes; allowed: %d", len(heading), maxHeading)
	}
	for {
		s.last++
		name := fmt.Sprintf("%s-%013d-%06d.log", time.Unix(k.hour*3600, 0).UTC().Format(hourForm), s.began, s.last)
		file, err := s.l.fs.CreateNew(s.l.fs.PathJoin(s.l.dir, name), spoolMode)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		f := &spoolFile{name: name}
		n, err := file.Write(heading)
		f.size = int64(n)
		return f, errors.Join(err, file.Close())
	}
}

// append writes lines to the end of a file.
func (s *spool) append(f *spoolFile, lines []byte) error {
	file, err := s.l.fs.OpenReadWrite(s.l.fs.PathJoin(s.l.dir, f.name), category)
	if err != nil {
		return err
	}
	_, err = file.WriteAt(lines, f.size)
	f.size += int64(len(lines))
	return errors.Join(err, file.Close())
}

// category names who writes.
const category vfs.Category = "access-log"

// forget lets files of hours before one get no more lines.
func (s *spool) forget(hour int64) {
	for k := range s.files {
		if k.hour < hour {
			delete(s.files, k)
		}
	}
}

// parseName returns the hour of a spool file.
func parseName(name string) (hour time.Time, ok bool) {
	parts := strings.Split(strings.TrimSuffix(name, ".log"), "-")
	if len(parts) != 3 || !strings.HasSuffix(name, ".log") {
		return hour, false
	}
	for _, p := range parts[1:] {
		if _, err := strconv.ParseUint(p, 10, 64); err != nil {
			return hour, false
		}
	}
	hour, err := time.Parse(hourForm, parts[0])
	return hour, err == nil
}

// count returns how many lines there are.
func count(lines []byte) int { return bytes.Count(lines, []byte{'\n'}) }
