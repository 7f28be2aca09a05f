package meta_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/oisproject/ois/internal/meta"
)

func TestCounter(t *testing.T) {
	for _, n := range []int64{0, 1, -1, math.MaxInt64, math.MinInt64} {
		if got, err := meta.Counter(meta.Row{Val: meta.AppendCounter(nil, n)}); err != nil || got != n {
			t.Errorf("Counter of %d = %d, %v; want the same", n, got, err)
		}
	}
	for _, val := range []string{"", "1234567", "123456789"} {
		if _, err := meta.Counter(meta.Row{Key: []byte("k"), Val: []byte(val)}); err == nil {
			t.Errorf("Counter of %d bytes = nil; want an error", len(val))
		}
	}
}

// TestCheckNamesWhatIsWrong checks the limits; metatest checks the rules with every engine.
func TestCheckNamesWhatIsWrong(t *testing.T) {
	limits := meta.Traits{MaxKey: 3, MaxValue: 4, MaxChange: 3, MaxBytes: 20}
	kv := func(key, val string) meta.KV { return meta.KV{Key: []byte(key), Val: []byte(val)} }
	live := func(key string) meta.Guard { return meta.Guard{Key: []byte(key), Kind: meta.Live} }
	for _, test := range []struct {
		name string
		c    meta.Change
		want string // part of the error; "" for none
	}{
		{"at the limits", meta.Change{Guards: []meta.Guard{live("abc")}, Sets: []meta.KV{kv("abc", "1234"), kv("abd", "1234")}}, ""},
		{"long key", meta.Change{Sets: []meta.KV{kv("abcd", "")}}, "key of 4 bytes, at most 3"},
		{"long dropped key", meta.Change{Drops: [][]byte{[]byte("abcd")}}, "key of 4 bytes, at most 3"},
		{"long guarded key", meta.Change{Guards: []meta.Guard{live("abcd")}}, "key of 4 bytes, at most 3"},
		{"long value", meta.Change{Sets: []meta.KV{kv("k", "12345")}}, `value of key "k" has 5 bytes, at most 4`},
		{"many", meta.Change{Guards: []meta.Guard{live("a"), live("a")}, Drops: [][]byte{{1}}, Adds: []meta.Delta{{Key: []byte("n")}}}, "4 guards, sets, drops and adds, at most 3"},
		{"large", meta.Change{Sets: []meta.KV{kv("a", "1234"), kv("b", "1234")}, Adds: []meta.Delta{{Key: []byte("abc")}}}, "21 bytes of keys and values, at most 20"},
		{"twice", meta.Change{Sets: []meta.KV{kv("a", ""), kv("b", ""), kv("a", "")}}, `key "a" is changed twice`},
	} {
		err := test.c.Check(limits)
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%s: Check = %v; want nil", test.name, err)
		case test.want != "" && (!errors.Is(err, meta.ErrInvalid) || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s: Check = %v; want ErrInvalid with %q", test.name, err, test.want)
		}
		if err := test.c.Check(meta.Traits{}); test.name != "twice" && err != nil {
			t.Errorf("%s: Check without limits = %v; want nil", test.name, err)
		}
	}
}
