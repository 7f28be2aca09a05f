package lifecycle

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/op"
)

func parse(t testing.TB, text string) []op.LifecycleRule {
	t.Helper()
	var rules []op.LifecycleRule
	if err := json.Unmarshal([]byte("["+text+"]"), &rules); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return rules
}

func check(t testing.TB, text string) []op.LifecycleRule {
	t.Helper()
	rules, err := Check(parse(t, text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return rules
}

// many returns n rules.
func many(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(`{"id":"r%d","status":"enabled","filter":{"prefix":"p%d/"},"expiration":{"days":1}}`, i, i))
	}
	return strings.Join(list, ",")
}

func TestRulesThatMayNotBeSet(t *testing.T) {
	long := strings.Repeat("x", 256)
	for name, c := range map[string]struct{ rules, why string }{
		"101":                {many(101), "rule has 101 rules; allowed: 100"},
		"no id":              {`{"id":"","status":"enabled","expiration":{"days":1}}`, "id has 0 bytes; allowed: 1 to 255"},
		"long id":            {`{"id":"` + long + `","status":"enabled","expiration":{"days":1}}`, "id has 256 bytes"},
		"status":             {`{"id":"a","status":"on","expiration":{"days":1}}`, `status "on" is unknown; allowed: enabled, disabled`},
		"long prefix":        {`{"id":"a","status":"enabled","filter":{"prefix":"` + strings.Repeat(long, 4) + `"},"expiration":{"days":1}}`, "prefix has 1024 bytes; allowed: 1023"},
		"two actions":        {`{"id":"a","status":"enabled","expiration":{"days":40},"transition":{"days":30,"storage_class":"STANDARD_IA"}}`, "it has 2 actions; allowed: one of expiration, transition, abort_"},
		"expiration today":   {`{"id":"a","status":"enabled","expiration":{"days":0}}`, "expiration.days is 0; allowed: 1 and more"},
		"negative":           {`{"id":"a","status":"enabled","noncurrent_version_expiration":{"days":-1}}`, "noncurrent_version_expiration.days is -1; allowed: 1"},
		"abort today":        {`{"id":"a","status":"enabled","abort_incomplete_multipart_upload":{"days_after_initiation":0}}`, "days_after_initiation is 0; allowed: 1"},
		"soon":               {`{"id":"a","status":"enabled","transition":{"days":29,"storage_class":"STANDARD_IA"}}`, "transition.days is 29; allowed: 30 and more"},
		"soon, noncurrent":   {`{"id":"a","status":"enabled","noncurrent_version_transition":{"days":29,"storage_class":"STANDARD_IA"}}`, "noncurrent_version_transition.days is 29"},
		"to standard":        {`{"id":"a","status":"enabled","transition":{"days":30,"storage_class":"STANDARD"}}`, `storage_class "STANDARD" is not allowed; allowed: STANDARD_IA`},
		"to nowhere":         {`{"id":"a","status":"enabled","transition":{"days":30,"storage_class":""}}`, `storage_class "" is not allowed`},
		"same id":            {`{"id":"a","status":"enabled","expiration":{"days":1}},{"id":"a","status":"enabled","filter":{"prefix":"x"},"expiration":{"days":1}}`, `rule[0] and rule[1] have the same id "a"`},
		"same prefix":        {`{"id":"a","status":"enabled","expiration":{"days":1}},{"id":"b","status":"disabled","filter":{"prefix":""},"expiration":{"days":2}}`, `"a" and "b" both have expiration for the prefix ""`},
		"same day":           {`{"id":"a","status":"enabled","filter":{"prefix":"x/"},"expiration":{"days":30}},{"id":"b","status":"enabled","filter":{"prefix":"x/y"},"transition":{"days":30,"storage_class":"STANDARD_IA"}}`, `"a" deletes after 30 days what rule "b" moves after 30`},
		"before, and after":  {`{"id":"b","status":"enabled","filter":{"prefix":"x/y"},"transition":{"days":40,"storage_class":"STANDARD_IA"}},{"id":"a","status":"enabled","expiration":{"days":1}}`, `"a" deletes after 1 days`},
		"before, noncurrent": {`{"id":"b","status":"enabled","noncurrent_version_transition":{"days":40,"storage_class":"STANDARD_IA"}},{"id":"a","status":"enabled","noncurrent_version_expiration":{"days":40}}`, `"a" deletes after 40 days`},
	} {
		_, err := Check(parse(t, c.rules))
		if fault.CodeOf(err) != fault.InvalidRequest || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: got %v; want invalid_request with %s", name, err, c.why)
		}
	}
}

func TestRulesThatMayBeSet(t *testing.T) {
	long := strings.Repeat("x", 255)
	for name, rules := range map[string]string{
		"none":          ``,
		"100":           many(100),
		"longest id":    `{"id":"` + long + `","status":"EnAbled","filter":{},"expiration":{"days":1}}`,
		"nulls":         `{"id":"a","status":"disabled","filter":{"prefix":null},"expiration":{"days":1},"transition":null,"state":null,"created":null}`,
		"a day later":   `{"id":"a","status":"enabled","expiration":{"days":31}},{"id":"b","status":"enabled","transition":{"days":30,"storage_class":"standard_ia"}}`,
		"others' keys":  `{"id":"a","status":"enabled","filter":{"prefix":"x/y"},"expiration":{"days":1}},{"id":"b","status":"enabled","filter":{"prefix":"x/"},"transition":{"days":30,"storage_class":"STANDARD_IA"}}`,
		"other things":  `{"id":"a","status":"enabled","noncurrent_version_expiration":{"days":1}},{"id":"b","status":"enabled","transition":{"days":30,"storage_class":"STANDARD_IA"}}`,
		"no action":     `{"id":"a","status":"enabled"},{"id":"b","status":"enabled","expiration":null},{"id":"c","status":"enabled","expiration":{"days":1}}`,
		"far away":      `{"id":"a","status":"enabled","expiration":{"days":9223372036854775807}}`,
		"all, one each": `{"id":"a","status":"enabled","expiration":{"days":99}},{"id":"b","status":"enabled","transition":{"days":30,"storage_class":"STANDARD_IA"}},{"id":"c","status":"enabled","abort_incomplete_multipart_upload":{"days_after_initiation":1}},{"id":"d","status":"enabled","noncurrent_version_expiration":{"days":99}},{"id":"e","status":"enabled","noncurrent_version_transition":{"days":30,"storage_class":"STANDARD_IA"}}`,
	} {
		got, err := Check(parse(t, rules))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, r := range got {
			if r.Status != Enabled && r.Status != Disabled || r.Transition != nil && r.Transition.StorageClass != "STANDARD_IA" || r.State != "" || r.Created != 0 {
				t.Errorf("%s: kept as %+v; want the letter case of the API, and nothing that the server sets", name, r)
			}
		}
	}
}

var start = time.Date(2026, 1, 1, 12, 0, 0, 500e6, time.UTC)

// TestUnchangedRulesStayAsTheyAre: only those that are new or changed begin to wait.
func TestUnchangedRulesStayAsTheyAre(t *testing.T) {
	old := Renew(nil, check(t, `{"id":"same","status":"enabled","filter":{"prefix":"a"},"expiration":{"days":5}},{"id":"days","status":"enabled","filter":{"prefix":"b"},"expiration":{"days":5}},{"id":"status","status":"disabled","filter":{"prefix":"c"},"expiration":{"days":5}},{"id":"prefix","status":"enabled","filter":{"prefix":"d"},"expiration":{"days":5}},{"id":"action","status":"enabled","filter":{"prefix":"e"},"expiration":{"days":5}}`), start)
	for i := range old {
		if old[i].State != Unchecked || old[i].Created != start.Unix() {
			t.Errorf("a new rule is %+v; want it unchecked, and set now", old[i])
		}
		old[i].State = Ready
	}
	later := start.Add(time.Hour)
	rules := Renew(old, check(t, `{"id":"days","status":"enabled","filter":{"prefix":"b"},"expiration":{"days":6}},{"id":"same","status":"Enabled","filter":{"prefix":"a"},"expiration":{"days":5},"state":"unchecked","created":1},{"id":"status","status":"enabled","filter":{"prefix":"c"},"expiration":{"days":5}},{"id":"prefix","status":"enabled","filter":{"prefix":"dd"},"expiration":{"days":5}},{"id":"action","status":"enabled","filter":{"prefix":"e"},"abort_incomplete_multipart_upload":{"days_after_initiation":5}},{"id":"new","status":"enabled","filter":{"prefix":"f"},"expiration":{"days":5}}`), later)
	for _, r := range rules {
		state, created := Unchecked, later.Unix()
		if r.ID == "same" {
			state, created = Ready, start.Unix()
		}
		if r.State != state || r.Created != created {
			t.Errorf("rule %s is %s, set at %d; want %s, %d", r.ID, r.State, r.Created, state, created)
		}
	}
}

func TestRulesTakeEffectAfterADay(t *testing.T) {
	rules := Renew(nil, check(t, `{"id":"on","status":"enabled","expiration":{"days":1}},{"id":"off","status":"disabled","filter":{"prefix":"x"},"expiration":{"days":1}}`), start)
	for after, want := range map[time.Duration]bool{
		0: false, 24 * time.Hour: false, 24*time.Hour + time.Second: true, -time.Hour: false, 1e5 * time.Hour: true,
	} {
		p := At(rules, start.Add(after))
		if p.Empty() == want || p.Due(Expire, "k", start.AddDate(-1, 0, 0)) != want {
			t.Errorf("%v after a rule was set, it has effect: %v; want %v", after, !want, want)
		}
		changed := p.MarkReady(rules)
		if changed != want || (rules[0].State == Ready) != want || rules[1].State != Unchecked {
			t.Errorf("%v after it was set, a rule is %s, a disabled one %s", after, rules[0].State, rules[1].State)
		}
		if want && p.MarkReady(rules) {
			t.Error("what is ready becomes ready again")
		}
		rules[0].State = Unchecked
	}
}

func TestDue(t *testing.T) {
	now := start.AddDate(1, 0, 0)
	rules := check(t, `{"id":"a","status":"enabled","filter":{"prefix":"tmp/"},"expiration":{"days":7}},{"id":"b","status":"enabled","filter":{"prefix":"tmp/old/"},"expiration":{"days":3}},{"id":"c","status":"enabled","filter":{"prefix":"tmp/old/never/"},"expiration":{"days":9223372036854775807}},{"id":"d","status":"enabled","filter":{"prefix":"tmp/"},"abort_incomplete_multipart_upload":{"days_after_initiation":1}},{"id":"e","status":"enabled","filter":{"prefix":"arch/"},"transition":{"days":30,"storage_class":"STANDARD_IA"}}`)
	p := At(Renew(nil, rules, start), now)
	days := func(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }
	for _, c := range []struct {
		action Action
		key    string
		age    time.Duration
		want   bool
	}{
		{Expire, "tmp/k", days(7), true},
		{Expire, "tmp/k", days(7) - time.Millisecond, false},
		{Expire, "tmp", days(70), false},
		{Expire, "other/k", days(70), false},
		{Expire, "tmp/old/k", days(3), true}, // the rule that is due first
		{Expire, "tmp/old/never/k", days(3), true},
		{Expire, "tmp/k", -days(70), false}, // modified in the future
		{Expire, "arch/k", days(70), false},
		{Transition, "arch/k", days(30), true},
		{Transition, "arch/k", days(30) - time.Millisecond, false},
		{Abort, "tmp/k", days(1), true},
		{Abort, "arch/k", days(70), false},
		{ExpireNoncurrent, "tmp/k", days(70), false},
	} {
		if got := p.Due(c.action, c.key, now.Add(-c.age)); got != c.want {
			t.Errorf("%v of %s, %v old: %v; want %v", c.action, c.key, c.age, got, c.want)
		}
	}
	if !p.Due(Expire, "tmp/k", time.Time{}) {
		t.Error("what is older than can be counted is not due")
	}
	if got, want := p.Prefixes(Expire, Transition), []string{"arch/", "tmp/"}; !slices.Equal(got, want) {
		t.Errorf("Prefixes = %q; want %q, without those that others cover", got, want)
	}
	if got := p.Prefixes(ExpireNoncurrent); len(got) != 0 {
		t.Errorf("Prefixes of no rule = %q", got)
	}
}

// FuzzCheck checks that whatever is taken stays the same when it is set again, and can be kept and read back.
func FuzzCheck(f *testing.F) {
	for _, text := range []string{
		`[{"id":"a","status":"ENABLED","filter":{"prefix":"x"},"expiration":{"days":1}}]`,
		`[{"id":"a","status":"enabled","filter":{},"transition":{"days":30,"storage_class":"standard_ia"}},{"id":"b","status":"disabled","expiration":{"days":31}}]`,
		`[{"id":"a","status":"enabled","abort_incomplete_multipart_upload":{"days_after_initiation":1},"state":"ready","created":5}]`,
		`[{"id":"a","status":"enabled","noncurrent_version_expiration":{"days":1}},{"id":"b","status":"enabled","noncurrent_version_transition":{"days":31,"storage_class":"STANDARD_IA"}}]`,
	} {
		f.Add(text, "tmp/key", int64(1e9))
	}
	f.Fuzz(func(t *testing.T, text, key string, age int64) {
		var rules []op.LifecycleRule
		if json.Unmarshal([]byte(text), &rules) != nil {
			return
		}
		kept, err := Check(rules)
		if err != nil {
			if fault.CodeOf(err) != fault.InvalidRequest {
				t.Errorf("%s: %v", text, err)
			}
			return
		}
		again, err := Check(kept)
		if err != nil || !reflect.DeepEqual(again, kept) {
			t.Fatalf("%s: kept as %+v, and that as %+v, %v", text, kept, again, err)
		}
		now := start.AddDate(10, 0, 0)
		set := Renew(nil, kept, start)
		if renewed := Renew(set, kept, now); !reflect.DeepEqual(renewed, set) {
			t.Errorf("%s: set again is %+v; want %+v", text, renewed, set)
		}
		p := At(set, now)
		since := now.Add(-time.Duration(age))
		for a := Expire; a < actionEnd; a++ {
			covered := slices.ContainsFunc(p.Prefixes(a), func(prefix string) bool { return strings.HasPrefix(key, prefix) })
			if p.Due(a, key, since) && (!covered || age < int64(24*time.Hour)) {
				t.Errorf("%s: %v of %q is due after %v", text, a, key, time.Duration(age))
			}
		}
	})
}
