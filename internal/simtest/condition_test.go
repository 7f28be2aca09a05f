package simtest

import (
	"context"
	"fmt"
	"strings"

	"github.com/oisproject/ois/internal/etag"
	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/simtest/history"
)

// condition draws what a worker demands of a key that nobody else writes, and says whether that holds. Most demand nothing.
func (w *worker) condition(ctx context.Context, key string, there bool) (c etag.Condition, holds bool, err error) {
	const stranger = `"00000000000000000000000000000000"`
	tag := stranger
	if there {
		info, err := w.bucket.Stat(ctx, key)
		if err != nil {
			return c, false, err
		}
		tag = info.ETag
	}
	switch w.rand.IntN(16) {
	case 0:
		return etag.Condition{Match: "*"}, there, nil
	case 1:
		return etag.Condition{Match: tag}, there, nil
	case 2:
		return etag.Condition{Match: stranger}, false, nil
	case 3:
		return etag.Condition{NoneMatch: "*"}, !there, nil
	case 4:
		return etag.Condition{NoneMatch: tag}, !there, nil
	case 5:
		return etag.Condition{NoneMatch: stranger}, true, nil
	}
	return c, true, nil
}

// write is do for an operation on a key that obeys conditions. Where they do not hold nothing may happen, so nothing is noted.
func (w *worker) write(ctx context.Context, key string, change map[string]uint64, operation func(etag.Condition) error) error {
	c, holds, err := w.condition(ctx, key, w.state[key] != absent)
	if err != nil {
		return err
	}
	if to, ok := change[key]; ok && to == absent && c.NoneMatch != "" { // a deletion has no such condition
		c, holds = etag.Condition{}, true
	}
	if !holds {
		return declined(func() error { return operation(c) })
	}
	err = w.do(change, func() error { return operation(c) })
	if fault.CodeOf(err) == fault.PreconditionFailed {
		return fmt.Errorf("%w: %s: %w", errWrong, key, err)
	}
	return err
}

// declined does an operation of which the conditions do not hold.
func declined(operation func() error) error {
	switch err := operation(); {
	case err == nil:
		return fmt.Errorf("%w: done, though a condition did not hold", errWrong)
	case fault.CodeOf(err) != fault.PreconditionFailed:
		return err
	}
	return nil
}

// What a client demands of a key, and what it learns of it if that holds, and if not.
type demand struct {
	etag.Condition
	met, unmet history.Tests
}

// demand draws what a client demands of a key. Most demand nothing.
func (c *client) demand(ctx context.Context, key string) demand {
	nothing := history.Test{Name: "=nothing", Holds: func(v history.Value) bool { return v == history.Nothing }}
	something := history.Test{Name: "=something", Holds: func(v history.Value) bool { return v != history.Nothing }}
	n := c.rand.IntN(12)
	switch n {
	case 0, 1:
		return demand{etag.Condition{NoneMatch: "*"}, history.Tests{key: nothing}, history.Tests{key: something}}
	case 2:
		return demand{etag.Condition{Match: "*"}, history.Tests{key: something}, history.Tests{key: nothing}}
	case 3, 4, 5:
	default:
		return demand{}
	}
	info, err := c.bucket.Stat(ctx, key)
	if err != nil {
		return demand{} // there is nothing
	}
	content := c.contents.Find(strings.Trim(info.ETag, `"`))
	if content == nil || content.Grown || content.Size < unique {
		return demand{} // it may have several ETags
	}
	equal := history.Test{Name: fmt.Sprintf("=bytes %d", content.Value), Holds: func(v history.Value) bool { return v/locks == content.Value }}
	other := history.Test{Name: fmt.Sprintf("=other than bytes %d", content.Value), Holds: func(v history.Value) bool { return v/locks != content.Value }}
	if n == 5 {
		return demand{etag.Condition{NoneMatch: info.ETag}, history.Tests{key: other}, history.Tests{key: equal}}
	}
	return demand{etag.Condition{Match: info.ETag}, history.Tests{key: equal}, history.Tests{key: other}}
}

// unique is the size from which on bytes that were drawn are unlike any others.
const unique = 16
