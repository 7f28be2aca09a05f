package pebblemeta

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/oisproject/ois/internal/meta"
)

// A failure is the end of an engine, if it has come.
type failure struct {
	fatal func(error)
	once  sync.Once
	cause atomic.Pointer[error]
	done  chan struct{} // closed when fatal knows cause
}

func (f *failure) init(fatal func(error)) {
	f.fatal = fatal
	f.done = make(chan struct{})
}

// set ends the engine. The first cause counts. Nothing is written from here on, and no outcome is told before fatal has returned.
func (f *failure) set(cause error) {
	f.once.Do(func() {
		err := fmt.Errorf("metadata engine has failed: %w", cause)
		f.cause.Store(&err)
		if f.fatal != nil {
			f.fatal(err)
		}
		close(f.done)
	})
}

// err returns the failure, or nil while there is none.
func (f *failure) err() error {
	if p := f.cause.Load(); p != nil {
		return *p
	}
	return nil
}

// after returns the failure if there is one, else err: Pebble may return nil from a
// call that has just reported a fatal error to its logger.
func (f *failure) after(err error) error {
	if failed := f.err(); failed != nil {
		return failed
	}
	return err
}

// unknown is the outcome of a change that was under way when the engine failed.
func (f *failure) unknown() error {
	<-f.done
	return fmt.Errorf("%w: %w", meta.ErrUnknown, f.err())
}

// guard returns what call returns, or the failure if that comes first: parts of Pebble
// wait for ever for a goroutine that a fatal error has stopped.
func (f *failure) guard(call func() error) error {
	if err := f.err(); err != nil {
		return err
	}
	result := make(chan error, 1)
	go func() { result <- call() }()
	select {
	case err := <-result:
		return f.after(err)
	case <-f.done:
		return f.err()
	}
}
