package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/meta"
	"github.com/oisproject/ois/internal/sse"
)

// What the names of the headers of an encryption key begin with.
const (
	KeyHeaders       = "x-qs-encryption-customer-"
	SourceKeyHeaders = "x-qs-copy-source-encryption-customer-"
)

// CustomerKey reads the headers of an encryption key; nil if there are none.
func CustomerKey(prefix, algorithm, key, keyMD5 string) (*sse.Key, error) {
	k, err := sse.ParseKey(prefix, algorithm, key, keyMD5)
	if err != nil {
		return nil, fault.Newf(fault.InvalidArgument, "%w", err)
	}
	return k, nil
}

// An encryption says how the bytes of an object, a part or an upload are encrypted; nil means that they are not. It is not changed once it is
// in a row.
type encryption struct {
	cipher byte       // what package sse does is 1
	check  sse.Check  // tells the right key; zero in a part, whose upload or object has it
	salts  []sse.Salt // one for each extent, which is a whole run; or that of the data row
}

const cipherAES256GCM = 1

// newSeal returns the seal of an object that a body was received for.
func newSeal(key *sse.Key, b *body) *encryption {
	if key == nil {
		return nil
	}
	return &encryption{cipher: cipherAES256GCM, check: key.NewCheck(), salts: b.salts()}
}

// newPartSeal is newSeal for a part.
func newPartSeal(key *sse.Key, b *body) *encryption {
	if key == nil {
		return nil
	}
	return &encryption{cipher: cipherAES256GCM, salts: b.salts()}
}

// joined returns the seal of the object that an upload becomes, to which the parts add their salts.
func (s *encryption) joined() *encryption {
	if s == nil {
		return nil
	}
	return &encryption{cipher: s.cipher, check: s.check}
}

// add adds the salts of a part.
func (s *encryption) add(part *encryption) {
	if s != nil && part != nil {
		s.salts = append(s.salts, part.salts...)
	}
}

// algorithm is what headers say, nothing if there is no encryption.
func (s *encryption) algorithm() string {
	if s == nil {
		return ""
	}
	return sse.Algorithm
}

// unlock checks that key is the one for what is so called: none where nothing is encrypted.
func (s *encryption) unlock(what string, key *sse.Key) error {
	switch {
	case s == nil && key != nil:
		return fault.Newf(fault.InvalidArgument, "%s is not encrypted; want no encryption key for it", what)
	case s == nil:
		return nil
	case key == nil:
		return fault.Newf(fault.InvalidArgument, "%s is encrypted with a key of the customer; want the three headers of that key", what)
	case !s.check.Fits(key):
		return fault.Newf(fault.InvalidArgument, "%s is encrypted with another key", what)
	}
	return nil
}

// append adds three fields to a row, from field first on.
func (s *encryption) append(b []byte, first int) []byte {
	if s == nil {
		return b
	}
	b = appendUint(b, first, uint64(s.cipher))
	if s.check != (sse.Check{}) {
		b = appendItem(b, first+1, s.check[:])
	}
	for i := range s.salts {
		b = appendItem(b, first+2, s.salts[i][:])
	}
	return b
}

// seal reads one of the three fields of a seal, of which the first has the number first.
func (s *scanner) seal(p **encryption, first int) {
	if *p == nil {
		*p = &encryption{}
	}
	switch s.id - first {
	case 0:
		if s.num != cipherAES256GCM {
			s.fail(fmt.Errorf("cipher %d is unknown", s.num))
		}
		(*p).cipher = byte(s.num)
	case 1:
		if len(s.text) != len(sse.Check{}) {
			s.fail(fmt.Errorf("check of %d bytes, want %d", len(s.text), len(sse.Check{})))
			return
		}
		(*p).check = sse.Check(s.text)
	case 2:
		if len(s.text) != len(sse.Salt{}) {
			s.fail(fmt.Errorf("salt of %d bytes, want %d", len(s.text), len(sse.Salt{})))
			return
		}
		(*p).salts = append((*p).salts, sse.Salt(s.text))
	}
}

// sealed checks that a seal has what it needs to open that many runs.
func (s *scanner) sealed(p *encryption, runs int, checked bool) {
	switch {
	case p == nil:
	case p.cipher == 0:
		s.fail(errors.New("encrypted without a cipher"))
	case len(p.salts) != runs:
		s.fail(fmt.Errorf("%d salts for %d encrypted runs", len(p.salts), runs))
	case checked != (p.check != sse.Check{}):
		s.fail(errors.New("check of the key is missing, or too much"))
	}
}

// runs returns how many salts an object must have.
func (o *objectRow) runs() int {
	if o.inline {
		return 1
	}
	return len(o.extents)
}

// dataLen returns how long the data row of a small object is.
func (o *objectRow) dataLen() int64 {
	if o.seal != nil {
		return sse.SealedLen(o.size)
	}
	return o.size
}

// A sealing is how the body of a request is encrypted.
type sealing struct {
	key  *sse.Key
	salt sse.Salt
}

// source returns what to store in a blob, and how long that is.
func (s *sealing) source(in *intake) (*sse.Sealer, int64) {
	length := in.length
	if length >= 0 {
		length = sse.SealedLen(length)
	}
	return s.key.NewSealer(s.salt, in.Next), length
}

// salts returns the salts of what the body has become.
func (b *body) salts() []sse.Salt {
	if b.sealing == nil || !b.stored && len(b.inline) == 0 {
		return nil
	}
	return []sse.Salt{b.sealing.salt}
}

// Unlock makes an encrypted object readable; without encryption there must be no key.
func (o *Object) Unlock(key *sse.Key) error { return o.unlock("the object", key) }

func (o *Object) unlock(what string, key *sse.Key) error {
	if err := o.row.seal.unlock(what, key); err != nil {
		return err
	}
	o.secret = key
	return nil
}

// CheckKey checks a key that need not have been sent.
func (i *ObjectInfo) CheckKey(key *sse.Key) error {
	if key == nil {
		return nil
	}
	return i.seal.unlock("the object", key)
}

// A run is an encrypted extent, and which of its bytes are wanted.
type run struct {
	extent
	salt   sse.Salt
	size   int64 // of the bytes that were encrypted
	from   int64
	wanted int64
}

// openSealed returns a reader over n bytes from off of an encrypted object.
func (o *Object) openSealed(ctx context.Context, off, n int64) (io.ReadCloser, error) {
	if err := o.row.seal.unlock("the object", o.secret); err != nil {
		return nil, err
	}
	if o.row.inline {
		plain, err := o.secret.Open(o.row.seal.salts[0], o.data)
		if err != nil {
			return nil, o.damaged(corrupt(err))
		}
		return io.NopCloser(bytes.NewReader(plain[off : off+n])), nil
	}
	var all []run
	err := o.runs(ctx, func(e extent, salt sse.Salt) error {
		size, ok := sse.PlainLen(e.n)
		if !ok || e.off != 0 {
			return fmt.Errorf("%w: no encrypted run has bytes %d to %d of blob %s", blob.ErrCorrupt, e.off, e.off+e.n, e.blob)
		}
		all = append(all, run{extent: e, salt: salt, size: size})
		return nil
	})
	if err != nil {
		return nil, o.damaged(err)
	}
	return &sealedReader{ctx: ctx, object: o, rest: cutRuns(all, off, n), left: n}, nil
}

// corrupt makes a damage that package sse has found one of a blob.
func corrupt(err error) error { return fmt.Errorf("%w: %w", blob.ErrCorrupt, err) }

// runs calls visit for the extents of an encrypted object. A held object keeps its part rows, so that any snapshot has them.
func (o *Object) runs(ctx context.Context, visit func(extent, sse.Salt) error) error {
	each := func(extents []extent, s *encryption) error {
		if len(extents) > 0 && s == nil {
			return fmt.Errorf("%w: a part is not encrypted, its object is", blob.ErrCorrupt)
		}
		for i, e := range extents {
			if err := visit(e, s.salts[i]); err != nil {
				return err
			}
		}
		return nil
	}
	if !o.row.parts {
		return each(o.row.extents, o.row.seal)
	}
	return o.bucket.store.view(ctx, func(snap meta.Snapshot) error {
		return walk(snap, partPrefix(o.row.ref), func(r meta.Row) error {
			p, err := decodePart(r.Val)
			if err != nil {
				return err
			}
			return each(p.extents, p.seal)
		})
	})
}

// cutRuns returns the runs that hold n bytes from off, and says which of their bytes those are.
func cutRuns(list []run, off, n int64) []run {
	var part []run
	for _, r := range list {
		if n <= 0 {
			break
		}
		if off >= r.size {
			off -= r.size
			continue
		}
		r.from, r.wanted = off, min(r.size-off, n)
		part = append(part, r)
		off, n = 0, n-r.wanted
	}
	return part
}

// A sealedReader reads runs one after another. Memory has what was decrypted for the time of a chunk.
type sealedReader struct {
	ctx    context.Context // of the request: Read has none
	object *Object
	rest   []run
	src    *extentReader // of rest[0]; nil before its first byte
	open   *sse.Opener   // of src
	plain  []byte        // not read yet
	left   int64         // bytes that are still to come
	err    error
}

// next makes the next bytes those that are not read yet.
func (r *sealedReader) next() {
	for r.err == nil && len(r.plain) == 0 {
		if r.open == nil {
			r.openFirst()
			continue
		}
		plain, err := r.open.Next()
		switch {
		case err == io.EOF: //nolint:errorlint // exactly: whoever wraps it means a failure
			r.err = r.closeFirst()
		case errors.Is(err, sse.ErrDamaged):
			r.err = r.object.damaged(fmt.Errorf("blob %s: %w", r.rest[0].blob, corrupt(err)))
		case err != nil:
			r.err = err // extentReader names the object
		}
		r.plain = plain
	}
}

func (r *sealedReader) openFirst() {
	if len(r.rest) == 0 {
		if r.err = io.EOF; r.left > 0 {
			r.err = r.object.damaged(fmt.Errorf("%w: its last %d bytes are nowhere", blob.ErrCorrupt, r.left))
		}
		return
	}
	f := &r.rest[0]
	off, n := sse.Span(f.size, f.from, f.wanted)
	r.src = &extentReader{ctx: r.ctx, object: r.object, rest: []extent{{blob: f.blob, off: off, n: n}}, left: n}
	r.open = r.object.secret.NewOpener(f.salt, f.size, f.from, f.wanted, r.src)
}

func (r *sealedReader) closeFirst() error {
	r.open.Close()
	err := r.src.Close()
	r.open, r.src, r.rest = nil, nil, r.rest[1:]
	return err
}

func (r *sealedReader) take(n int) {
	r.plain = r.plain[n:]
	r.left -= int64(n)
}

func (r *sealedReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, r.err
	}
	if r.next(); len(r.plain) == 0 {
		return 0, r.err
	}
	n := copy(p, r.plain)
	r.take(n)
	return n, nil
}

// WriteTo implements io.WriterTo, which spares copying.
func (r *sealedReader) WriteTo(w io.Writer) (written int64, err error) {
	for r.next(); len(r.plain) > 0; r.next() {
		n, err := w.Write(r.plain)
		written += int64(n)
		if r.take(n); err != nil {
			return written, err
		}
	}
	if r.err == io.EOF { //nolint:errorlint // from openFirst itself
		return written, nil
	}
	return written, r.err
}

func (r *sealedReader) Close() error {
	if r.err == nil {
		r.err = errClosed
	}
	r.plain = nil
	if r.open == nil {
		return nil
	}
	return r.closeFirst()
}

// recode reads n bytes from off of the object and receives them as the body of a request, encrypted with another key, or with none. It
// must be unlocked.
func (o *Object) recode(ctx context.Context, off, n int64, key *sse.Key, inline int) (*body, error) {
	r, err := o.Open(ctx, off, n)
	if err != nil {
		return nil, err
	}
	src := &noted{r: r}
	b, err := o.bucket.store.receiveSealed(ctx, key, src, n, "", inline)
	if src.err != nil {
		err = src.err // it is no fault of a client's body
	}
	if failed := r.Close(); err == nil && failed != nil {
		o.bucket.store.forget(b, failed)
		b.release()
		return nil, failed
	}
	if err != nil {
		return nil, err
	}
	b.recoded = true
	return b, nil
}

// A noted reader remembers why it failed.
type noted struct {
	r   io.Reader
	err error
}

func (n *noted) Read(p []byte) (int, error) {
	m, err := n.r.Read(p)
	if err != nil && err != io.EOF {
		n.err = err
	}
	return m, err
}
