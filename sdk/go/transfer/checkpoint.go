package transfer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// A checkpoint is the note about one transfer of a file, in a file of its own:
//
//	FOLDER/ID.json   the note; it is replaced as a whole, by a rename
//	FOLDER/ID.lock   locked as long as a process works on the transfer
//
// The id is a hash of what the transfer is about. The note of an upload is written once: which parts are
// there is known to the service, and what is in them is compared with the file. That of
// a download lists the parts whose bytes are synced, in a temporary file beside the target.
type checkpoint struct {
	path string // of the note
	lock io.Closer
}

const (
	checkpointVersion = 1
	maxCheckpoint     = 8 << 20 // bytes of a note
)

// A note is what a checkpoint holds.
type note struct {
	Version   int    `json:"version"`
	Direction string `json:"direction"`
	Endpoint  string `json:"endpoint"`
	Zone      string `json:"zone,omitempty"`
	Bucket    string `json:"bucket"`
	Key       string `json:"key"`
	Path      string `json:"path"` // absolute

	Size     int64  `json:"size"` // of the source
	PartSize int64  `json:"part_size"`
	Options  string `json:"options,omitempty"` // a hash of what else matters

	// Of an upload.
	Modified time.Time `json:"modified,omitzero"` // of the file
	UploadID string    `json:"upload_id,omitempty"`

	// Of a download.
	ETag string     `json:"etag,omitempty"`
	Done [][2]int64 `json:"done,omitempty"` // first and last of the parts that are there, ascending
}

// about is the note of a transfer, without what is to be found out.
func (m *Manager) about(d Direction, key, path string) (*note, error) {
	abs, err := filepath.Abs(path)
	return &note{
		Version: checkpointVersion, Direction: d.String(), Endpoint: m.b.Client().Endpoint(), Zone: m.b.Zone(),
		Bucket: m.b.Name(), Key: key, Path: abs,
	}, err
}

// id names the transfer, whatever has become of its source.
func (n *note) id() string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q %q %q %q", n.Direction, n.Endpoint, n.Zone, n.Bucket, n.Key, n.Path)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// same reports whether two notes are about the same source, and the reason if they are not.
func (n *note) same(o *note) (reason string) {
	switch {
	case n.id() != o.id():
		return "the checkpoint is another transfer's"
	case n.Size != o.Size || !n.Modified.Equal(o.Modified) || n.ETag != o.ETag:
		return "the source has changed"
	case n.Options != o.Options || n.Direction == Down.String() && n.PartSize != o.PartSize:
		return "the options have changed"
	}
	return ""
}

// hashOf is a hash of what matters to a transfer besides its source.
func hashOf(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // options are plain values
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:16])
}

// errLocked is the cause when somebody works on the same transfer.
var errLocked = errors.New("another transfer of the same file is under way")

// openCheckpoint locks the checkpoint of a transfer. The caller closes it.
func openCheckpoint(folder string, n *note) (*checkpoint, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	c := &checkpoint{path: filepath.Join(folder, n.id()+".json")}
	var err error
	if c.lock, err = lockFile(filepath.Join(folder, n.id()+".lock")); err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	return c, nil
}

// hasNote reports whether there is a note about a transfer.
func (m *Manager) hasNote(n *note) bool {
	if m.o.Checkpoint == "" {
		return false
	}
	_, err := os.Stat(filepath.Join(m.o.Checkpoint, n.id()+".json"))
	return err == nil
}

// close lets others work on the transfer.
func (c *checkpoint) close() { _ = c.lock.Close() } // nothing was written to it

// read returns the note. It is nil if there is none, and an error if it makes no sense.
func (c *checkpoint) read() (*note, error) {
	f, err := os.Open(c.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	defer f.Close() // it was only read
	data, err := io.ReadAll(io.LimitReader(f, maxCheckpoint+1))
	if err != nil {
		return nil, err
	}
	return parseNote(data)
}

// parseNote reads a note, and refuses one that no transfer can have written.
func parseNote(data []byte) (*note, error) {
	if len(data) > maxCheckpoint {
		return nil, fmt.Errorf("more than %d bytes", maxCheckpoint)
	}
	n := &note{}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(n); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, errors.New("there is more behind the note")
	}
	if n.Version != checkpointVersion {
		return nil, fmt.Errorf("version %d; want %d", n.Version, checkpointVersion)
	}
	if n.Size < 0 || n.PartSize <= 0 || n.PartSize > maxPart {
		return nil, fmt.Errorf("size %d in parts of %d", n.Size, n.PartSize)
	}
	return n, n.checkParts()
}

// checkParts checks what depends on the direction.
func (n *note) checkParts() error {
	switch n.Direction {
	case Up.String():
		if n.UploadID == "" || n.PartSize < minPart || n.count() > maxParts || n.Done != nil {
			return fmt.Errorf("no upload in %d parts of %d", n.count(), n.PartSize)
		}
	case Down.String():
		if !strong(n.ETag) || n.UploadID != "" {
			return fmt.Errorf("no download of an object with the ETag %q", n.ETag)
		}
	default:
		return fmt.Errorf("direction %q", n.Direction)
	}
	next := int64(0)
	for _, span := range n.Done {
		if span[0] < next || span[1] < span[0] || span[1] >= n.count() {
			return fmt.Errorf("parts %d to %d of %d", span[0], span[1], n.count())
		}
		next = span[1] + 1
	}
	return nil
}

// count is how many parts there are.
func (n *note) count() int64 { return max(n.Size-1, 0)/n.PartSize + 1 }

// write replaces the note, and returns when it is on the disk.
func (c *checkpoint) write(n *note) error {
	data, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	temp := c.path + ".tmp" // nobody else writes it: the checkpoint is locked
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	_, err = f.Write(append(data, '\n'))
	if serr := settle(f, nil); err == nil {
		err = serr
	}
	if err == nil {
		err = rename(temp, c.path)
	}
	if err != nil {
		return fmt.Errorf("checkpoint: %w", removed(temp, err))
	}
	return nil
}

// remove removes the note, when the transfer is over.
func (c *checkpoint) remove() error {
	if err := os.Remove(c.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return nil
}

// An UnfinishedError tells that a transfer failed and can be continued: the same call with the
// same checkpoint folder goes on where it stopped.
type UnfinishedError struct {
	UploadID   string // of the multipart upload, which is kept; empty for downloads
	Checkpoint string // the file that notes how far it came
	Err        error  // why it failed
}

// Error tells why the transfer failed, and that it can be continued.
func (e *UnfinishedError) Error() string {
	what := "the download"
	if e.UploadID != "" {
		what = "upload " + e.UploadID
	}
	return fmt.Sprintf("%v (%s can be continued; checkpoint %s)", e.Err, what, e.Checkpoint)
}

// Unwrap returns why the transfer failed.
func (e *UnfinishedError) Unwrap() error { return e.Err }
