package history

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// play makes a history of lines like "A put x:=1", "A ok", which begin and end the call of a client; reads are "x=1"
// and tests "x!=1". "A refused" ends it without effect, "A declined x!=1" with no more than a test, and "crash" is a crash.
func play(t *testing.T, script string) *History {
	t.Helper()
	h := &History{}
	open := make(map[string]Call)
	for line := range strings.Lines(script) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case words[0] == "crash":
			h.Crash()
		case words[1] == "ok":
			open[words[0]].Found(assignments(t, words[2:], "="))
		case words[1] == "learnt":
			open[words[0]].Learnt(others(t, words[2:]))
		case words[1] == "declined":
			open[words[0]].Declined(others(t, words[2:]))
		case words[1] == "refused":
			open[words[0]].Refused()
		default:
			op := Op{Name: words[1], Writes: assignments(t, words[2:], ":="), Tests: others(t, words[2:])}
			op.Reads = assignments(t, slices.DeleteFunc(words[2:], func(w string) bool { return strings.ContainsAny(w, ":!") }), "=")
			open[words[0]] = h.Begin(op)
		}
	}
	return h
}

func assignments(t *testing.T, words []string, sign string) Keys {
	t.Helper()
	keys := make(Keys)
	for _, w := range words {
		k, v, ok := strings.Cut(w, sign)
		var n Value
		if !ok {
			continue
		}
		if _, err := fmt.Sscan(v, &n); err != nil {
			t.Fatalf("%q: %v", w, err)
		}
		keys[k] = n
	}
	return keys
}

// others returns the tests of words like "x!=1".
func others(t *testing.T, words []string) Tests {
	t.Helper()
	tests := make(Tests)
	for k, not := range assignments(t, words, "!=") {
		tests[k] = Test{fmt.Sprint("!=", not), func(v Value) bool { return v != not }}
	}
	return tests
}

// TestCheck decides histories of which a reader can see whether they are possible.
func TestCheck(t *testing.T) {
	const possible, impossible = true, false
	tests := []struct {
		name   string
		want   bool
		script string
	}{
		{"empty", possible, ``},
		{"nothing is there before the first write", possible, `
			A get
			A ok x=0`},
		{"what was never written is read", impossible, `
			A get
			A ok x=1`},
		{"reads beside a write see it or not", possible, `
			A put x:=1
			B get
			B ok x=0
			B get
			B ok x=1
			A ok`},
		{"a read goes back in time", impossible, `
			A put x:=1
			B get
			B ok x=1
			B get
			B ok x=0
			A ok`},
		{"stale read", impossible, `
			A put x:=1
			A ok
			A put x:=2
			A ok
			B get
			B ok x=1`},
		{"lost update", impossible, `
			A put x:=1
			A ok
			B get
			B ok x=0`},
		{"two readers see two writes in different orders", impossible, `
			A put x:=1
			B put x:=2
			C get
			C ok x=1
			C get
			C ok x=2
			D get
			D ok x=2
			D get
			D ok x=1
			A ok
			B ok`},
		{"deleted is deleted", impossible, `
			A put x:=1
			A ok
			A delete x:=0
			A ok
			B get
			B ok x=1`},
		{"a refused write is read", impossible, `
			A put x:=1
			A refused
			B get
			B ok x=1`},
		{"an unknown write happens late", possible, `
			A put x:=1
			B get
			B ok x=0
			B put x:=2
			B ok
			B get
			B ok x=2
			B get
			B ok x=1`},
		{"an unknown write happens twice", impossible, `
			A put x:=1
			B get
			B ok x=1
			B put x:=2
			B ok
			B get
			B ok x=1`},
		{"an unknown deletion happens late, or never", possible, `
			A put x:=1
			A ok
			A delete x:=0
			B get
			B ok x=1
			C get
			C ok x=0
			D put x:=2
			D ok
			D get
			D ok x=2`},
		{"an unknown deletion happens twice", impossible, `
			A put x:=1
			A ok
			A delete x:=0
			C get
			C ok x=0
			D put x:=2
			D ok
			D get
			D ok x=0`},
		{"a crash takes back what was acknowledged", impossible, `
			A put x:=1
			A ok
			crash
			A get
			A ok x=0`},
		{"a crash takes back what was read", impossible, `
			A put x:=1
			B get
			B ok x=1
			crash
			B get
			B ok x=0`},
		{"a crash settles what was under way", possible, `
			A put x:=1
			B put x:=2
			C delete x:=0
			crash
			D get
			D ok x=2
			D get
			D ok x=2`},
		{"a write under way happens after the crash", impossible, `
			A put x:=1
			crash
			B get
			B ok x=0
			B get
			B ok x=1`},
		{"a deletion under way happens after the crash", impossible, `
			A put x:=1
			A ok
			A delete x:=0
			crash
			B get
			B ok x=1
			B get
			B ok x=0`},
		{"a copy finds its source", possible, `
			A put x:=1
			A ok
			A copy x=1 y:=1
			A ok
			B get
			B ok y=1`},
		{"a copy of what was replaced before", impossible, `
			A put x:=1
			A ok
			B put x:=2
			B ok
			A copy x=1 y:=1
			A ok`},
		{"a move shows under both keys", impossible, `
			A put x:=1
			A ok
			A move x=1 x:=0 y:=1
			B get
			B ok y=1
			B get
			B ok x=1
			A ok`},
		{"a move shows under neither key", impossible, `
			A put x:=1
			A ok
			A move x=1 x:=0 y:=1
			B get
			B ok x=0
			B get
			B ok y=0
			A ok`},
		{"a move onto itself", possible, `
			A put x:=1
			A ok
			A move x=1 x:=1
			A ok
			B get
			B ok x=1`},
		{"a deletion of two keys does one half first", impossible, `
			A put x:=1
			A ok
			A put y:=2
			A ok
			A deletes x:=0 y:=0
			B get
			B ok x=0
			B get
			B ok y=2
			A ok`},
		{"a listing lacks what was there all the time", impossible, `
			A put x:=1
			A ok
			B list
			A put y:=2
			A ok
			B ok x=0 y=2`},
		{"a listing has what was deleted before", impossible, `
			A put x:=1
			A ok
			A delete x:=0
			A ok
			B list
			B ok x=1 y=0`},
		{"a listing of one page sees two moments", impossible, `
			A put x:=1
			A ok
			B list
			A delete x:=0
			A ok
			A put y:=2
			A ok
			B ok x=1 y=2`},
		{"keys that nothing connects are apart", impossible, `
			A put x:=1
			A ok
			B put y:=1
			B ok
			C get
			C ok x=1
			C get
			C ok y=0`},
		{"one of two origins of a value is unknown", possible, `
			A append x=0 x:=1
			B put y:=1
			C get
			C ok x=0
			A ok
			C get
			C ok x=1
			C get
			C ok y=0
			crash`},
		{"a test holds", possible, `
			A put x:=1 x!=2
			A ok
			B list
			B learnt x!=0`},
		{"a test does not hold where the write was", impossible, `
			A put x:=1
			A ok
			B put x:=2 x!=1
			B ok`},
		{"declined by what was there", possible, `
			A put x:=1
			A ok
			B put x:=2 x!=1
			B declined x!=0
			C get
			C ok x=1`},
		{"declined, and nothing was there", impossible, `
			B put x:=2
			B declined x!=0`},
		{"declined, and it was done", impossible, `
			A put x:=1
			A ok
			B put x:=2
			B declined x!=0
			C get
			C ok x=2`},
		{"declined by what nobody was told of", possible, `
			A put x:=1
			B put x:=2
			B declined x!=0
			A ok`},
		{"declined by what nobody was ever told of or found", possible, `
			A put x:=1
			B put x:=2
			B declined x!=0
			C delete x:=0
			C ok
			crash`},
		{"found is what only a write of which nobody was told allowed", possible, `
			A put x:=1
			B put x:=2 x!=0
			C get
			C ok x=2
			crash`},
		{"equal values of two writes", possible, `
			A put x:=1
			A ok
			A put x:=2
			A ok
			B put x:=1
			C get
			C ok x=1`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := play(t, tt.script).Check(time.Minute)
			if tt.want == possible && err != nil || tt.want == impossible && !errors.Is(err, ErrImpossible) {
				t.Errorf("Check = %v; want it to be possible: %v", err, tt.want)
			}
		})
	}
}

// TestForkKeepsItsOwnEnds forks a history as a loss of power does: what goes on in the one does not end in the other.
func TestForkKeepsItsOwnEnds(t *testing.T) {
	h := &History{}
	put := h.Begin(Op{Name: "put", Writes: Keys{"x": 1}})
	fork := h.Fork()
	put.Done()
	fork.Crash()
	for _, tt := range []struct {
		name string
		h    *History
		want error
	}{{"original", h, ErrImpossible}, {"fork", fork, nil}} {
		tt.h.Begin(Op{Name: "get"}).Found(Keys{"x": 0})
		if err := tt.h.Check(time.Minute); !errors.Is(err, tt.want) {
			t.Errorf("%s: Check = %v; want %v", tt.name, err, tt.want)
		}
	}
	if calls, unknown := fork.Len(); calls != 2 || unknown != 1 {
		t.Errorf("Len of the fork = %d, %d; want 2 calls, 1 of them unknown", calls, unknown)
	}
}

// TestReport wants the error to show what does not fit.
func TestReport(t *testing.T) {
	h := play(t, `
		A put x:=7
		A ok
		B get
		B ok x=0`)
	err := h.Check(time.Minute)
	for _, want := range []string{"1 of 2 operations fit", "3-4 get x=0", "1-2 put x:=7"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Check = %v; want %q in it", err, want)
		}
	}
}

// A register is a right store, but for what break makes of it.
type register struct {
	mu   sync.Mutex
	keys Keys
	old  Keys // what the keys held before
	// stale and lost are how many of 100 reads and writes go wrong.
	stale, lost int
}

func (r *register) get(key string, rng *rand.Rand) Keys {
	r.mu.Lock()
	defer r.mu.Unlock()
	if rng.IntN(100) < r.stale {
		return Keys{key: r.old[key]}
	}
	return Keys{key: r.keys[key]}
}

func (r *register) put(key string, v Value, rng *rand.Rand) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if rng.IntN(100) < r.lost {
		return
	}
	r.old[key], r.keys[key] = r.keys[key], v
}

// hammer lets clients use a register, and returns what they noted. Of one write in 50 its client never hears.
func hammer(r *register, seed uint64, steps int) *History {
	r.keys, r.old = make(Keys), make(Keys)
	h := &History{}
	var all sync.WaitGroup
	for n := range 6 {
		rng := rand.New(rand.NewPCG(seed, uint64(n)))
		all.Go(func() {
			for i := range steps {
				key, v := string(rune('a'+rng.IntN(3))), Value(n*steps+i+1)
				switch rng.IntN(4) {
				case 0:
					v = Nothing
					fallthrough
				case 1:
					c := h.Begin(Op{Name: "put", Writes: Keys{key: v}})
					if r.put(key, v, rng); rng.IntN(50) > 0 {
						c.Done()
					}
				default:
					c := h.Begin(Op{Name: "get"})
					c.Found(r.get(key, rng))
				}
			}
		})
	}
	all.Wait()
	h.Crash()
	return h
}

// TestCheckTellsRightFromWrong checks long histories of a register that works, and of some that do not.
func TestCheckTellsRightFromWrong(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for _, tt := range []struct {
		name string
		r    *register
		want error
	}{
		{"right", &register{}, nil},
		{"stale reads", &register{stale: 5}, ErrImpossible},
		{"lost updates", &register{lost: 5}, ErrImpossible},
	} {
		h := hammer(tt.r, seed, 300)
		calls, unknown := h.Len()
		t.Logf("%s: %d calls, of which %d are unknown", tt.name, calls, unknown)
		if err := h.Check(time.Minute); !errors.Is(err, tt.want) {
			t.Errorf("%s: Check = %v; want %v", tt.name, err, tt.want)
		}
	}
}

// TestContents wants equal bytes to be one content, however they came about, and others to be refused.
func TestContents(t *testing.T) {
	var l Contents
	a, empty := l.Make(1, 100), l.Make(2, 0)
	if again := l.Make(3, 0); again != empty || a.Value == empty.Value || a.Value == Nothing {
		t.Errorf("Make = %+v, %+v, %+v; want two values, the last two the same", a, empty, again)
	}
	if c := l.Find(a.MD5); c != a || len(c.Bytes()) != 100 {
		t.Errorf("Find = %+v; want the content", c)
	}
	if c := l.Find("made-up"); c != nil {
		t.Errorf("Find = %+v; want nothing", c)
	}
	b, c := l.Extend(nil, 4, 10), l.Extend(nil, 5, 10)
	d := l.Extend(c, 6, 0)
	if b.Size == c.Size || d.Size <= c.Size || !bytes.Equal(d.Bytes(), append(c.Bytes(), d.Last()...)) {
		t.Errorf("Extend = %+v, %+v, %+v; want three sizes, and the last to begin with the one before", b, c, d)
	}
	if got, err := l.Learn("etag", d.Bytes()); got != d || err != nil || l.Find("etag") != d {
		t.Errorf("Learn = %+v, %v; want what was made, and to find it", got, err)
	}
	if got, err := l.Learn("etag", []byte("x")); err == nil {
		t.Errorf("Learn = %+v; want an error", got)
	}
}
