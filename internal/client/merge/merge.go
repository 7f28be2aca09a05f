// Package merge compares two listings that are in the byte order of their keys, in one pass and in constant memory.
//
// Both may have any number of entries: of each, one is held. It does not judge whether two entries are alike, and does
// nothing about those that are not.
package merge

import (
	"errors"
	"fmt"
	"iter"

	"github.com/oisproject/ois/internal/client/entry"
)

// A Pair is what two listings have under one key. One of them may have nothing.
type Pair struct {
	Key    string
	Source *entry.Entry
	Target *entry.Entry
}

// ErrOrder says that a listing is not in order, so that nothing can be said about what is missing in it.
var ErrOrder = errors.New("the listing is not in the order of its keys")

// Lists merges two listings. Errors of single entries, [*entry.Bad], are yielded where they come, and others end the pairs.
func Lists(source, target entry.List) iter.Seq2[Pair, error] {
	return func(yield func(Pair, error) bool) {
		s, t := newSide(source, "source"), newSide(target, "target")
		defer s.stop()
		defer t.stop()
		for {
			for _, side := range []*side{s, t} {
				for side.advance() {
					err := side.take()
					if !yield(Pair{}, err) || entry.Ends(err) {
						return
					}
				}
			}
			if s.head == nil && t.head == nil {
				return
			}
			if !yield(next(s, t), nil) {
				return
			}
		}
	}
}

// next takes the lesser of two heads, or both if they are equal.
func next(s, t *side) (p Pair) {
	switch {
	case t.head == nil, s.head != nil && s.head.Key < t.head.Key:
		p = Pair{Key: s.head.Key, Source: s.head}
	case s.head == nil, t.head.Key < s.head.Key:
		p = Pair{Key: t.head.Key, Target: t.head}
	default:
		p = Pair{Key: s.head.Key, Source: s.head, Target: t.head}
	}
	if p.Source != nil {
		s.head = nil
	}
	if p.Target != nil {
		t.head = nil
	}
	return p
}

// A side is one of the listings.
type side struct {
	name string
	pull func() (entry.Entry, error, bool)
	stop func()
	head *entry.Entry // the next entry; nil if it must be pulled, or at the end
	err  error
	last string
	any  bool // there was an entry
	end  bool
}

func newSide(list entry.List, name string) *side {
	pull, stop := iter.Pull2(list)
	return &side{name: name, pull: pull, stop: stop}
}

// advance sees to it that there is a head, and reports whether there is an error instead.
func (s *side) advance() (failed bool) {
	if s.head != nil || s.end {
		return false
	}
	e, err, ok := s.pull()
	switch {
	case !ok:
		s.end = true
		return false
	case err != nil:
		s.err = err
		return true
	case s.any && e.Key <= s.last:
		s.err = fmt.Errorf("%s: %w: %q comes after %q", s.name, ErrOrder, e.Key, s.last)
		return true
	}
	s.head, s.last, s.any = &e, e.Key, true
	return false
}

func (s *side) take() (err error) {
	err, s.err = s.err, nil
	return err
}
