// Package spool keeps a list of any length on the disk, for commands that may use it only when all else is done.
package spool

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
)

// A Spool is a list of texts. It is not safe for concurrent use.
type Spool struct {
	file *os.File // nil until there is something to keep
	w    *bufio.Writer
	n    int64
}

// maxText is how many bytes a text may have. Keys have fewer.
const maxText = 1 << 16

// Add appends a text.
func (s *Spool) Add(text string) error {
	if len(text) > maxText {
		return fmt.Errorf("a name of %d bytes is too long", len(text))
	}
	if s.file == nil {
		f, err := os.CreateTemp("", "ois-*")
		if err != nil {
			return err
		}
		s.file, s.w = f, bufio.NewWriter(f)
	}
	s.n++
	_, err := s.w.Write(binary.AppendUvarint(nil, uint64(len(text))))
	if err == nil {
		_, err = s.w.WriteString(text)
	}
	return err
}

// Len is how many texts there are.
func (s *Spool) Len() int64 { return s.n }

// All yields the texts in the order in which they came.
func (s *Spool) All() iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if s.file == nil {
			return
		}
		if err := s.w.Flush(); err != nil {
			yield("", err)
			return
		}
		r := bufio.NewReader(io.NewSectionReader(s.file, 0, 1<<62))
		for range s.n {
			text, err := next(r)
			if !yield(text, err) || err != nil {
				return
			}
		}
	}
}

func next(r *bufio.Reader) (string, error) {
	n, err := binary.ReadUvarint(r)
	if err != nil || n > maxText {
		return "", errors.Join(errors.New("the temporary file is damaged"), err)
	}
	text := make([]byte, n)
	_, err = io.ReadFull(r, text)
	return string(text), err
}

// Close removes the list from the disk.
func (s *Spool) Close() error {
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	return errors.Join(err, os.Remove(s.file.Name()))
}
