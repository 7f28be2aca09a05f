package gen

import "testing"

// TestJSONOfLists writes lists as languages expect them: one without elements is no null.
func TestJSONOfLists(t *testing.T) {
	tests := []struct {
		value any
		want  string
	}{
		{[]string(nil), "[]"},
		{[]string{}, "[]"},
		{[]string{"a", "<b>"}, `["a","<b>"]`},
		{[]int{200}, "[200]"},
		{(*int64)(nil), "null"},
		{nil, "null"},
		{"", `""`},
	}
	for _, tt := range tests {
		if got, err := toJSON(tt.value); err != nil || got != tt.want {
			t.Errorf("%#v: got %s, %v; want %s", tt.value, got, err, tt.want)
		}
	}
}
