package pebblemeta

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// Limits of a rowCache. Rows of a few hundred bytes make it some megabytes.
const (
	cacheShards = 16
	shardRows   = 256
	cacheRow    = separateFrom // bytes of key and value; larger ones are not kept
)

// A rowCache keeps rows, and the knowledge that there is none, as they were read a moment ago. Nearly every request reads the row of its
// bucket, and what a writer has just read its guards ask for again: each time that saves an iterator of Pebble's.
//
// What it holds is exactly what is committed. Commits are numbered, and a snapshot has the number of the commit before it. What was read
// at n is kept only if n is the number still. It is good for those who read at n or later, until a commit changes its key: the
// leader calls committed before it publishes a snapshot.
type rowCache struct {
	seed   maphash.Seed
	commit atomic.Uint64 // the number of the last commit
	shards [cacheShards]cacheShard
}

type cacheShard struct {
	mu   sync.Mutex
	rows map[string]*cachedRow // guarded by mu
	ring [shardRows]*cachedRow // in the order in which places are used again; guarded by mu
	hand int                   // guarded by mu
}

// A cachedRow is what is stored at a key; nil if nothing is.
type cachedRow struct {
	key    string
	stored []byte
	since  uint64 // commit at which it was read
	used   bool   // since the hand passed by; guarded by the shard's mu
}

func (c *rowCache) init() {
	c.seed = maphash.MakeSeed()
	for i := range c.shards {
		c.shards[i].rows = make(map[string]*cachedRow)
	}
}

func (c *rowCache) hash(key []byte) uint64 { return maphash.Bytes(c.seed, key) }

func (c *rowCache) shard(key []byte) *cacheShard { return &c.shards[c.hash(key)%cacheShards] }

// get returns what is stored at key for those who read at commit n; known is false if the cache cannot tell.
func (c *rowCache) get(key []byte, n uint64) (stored []byte, known bool) {
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rows[string(key)]
	if r == nil || r.since > n {
		return nil, false
	}
	r.used = true
	return r.stored, true
}

// put keeps what was read at commit n. It takes stored over.
func (c *rowCache) put(key, stored []byte, n uint64) {
	if len(key)+len(stored) > cacheRow {
		return
	}
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.commit.Load() != n || s.rows[string(key)] != nil {
		return
	}
	for r := s.ring[s.hand]; r != nil && r.used; r = s.ring[s.hand] {
		r.used = false
		s.hand = (s.hand + 1) % shardRows
	}
	if old := s.ring[s.hand]; old != nil && s.rows[old.key] == old {
		delete(s.rows, old.key)
	}
	r := &cachedRow{key: string(key), stored: stored, since: n}
	s.rows[r.key], s.ring[s.hand] = r, r
	s.hand = (s.hand + 1) % shardRows
}

// committed counts a commit that has changed keys, and returns its number.
func (c *rowCache) committed(changed [][]byte) (n uint64) {
	n = c.commit.Add(1) // first: from here on nothing is kept that was read before
	for _, key := range changed {
		c.shard(key).forget(key)
	}
	return n
}

func (s *cacheShard) forget(key []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.rows, string(key))
}
