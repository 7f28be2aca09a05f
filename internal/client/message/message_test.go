package message

import (
	"regexp"
	"slices"
	"testing"
)

func TestTheLocaleDecides(t *testing.T) {
	for _, test := range []struct {
		all, messages, lang string
		want                Language
	}{
		{"", "", "", English},
		{"", "", "zh_CN.UTF-8", Chinese},
		{"", "", "zh", Chinese},
		{"", "", "zh-Hans", Chinese},
		{"", "", "zh.UTF-8", Chinese},
		{"C", "", "zh_CN.UTF-8", English},
		{"", "en_US.UTF-8", "zh_CN.UTF-8", English},
		{"zh_TW", "en_US.UTF-8", "", Chinese},
		{"", "", "zha_CN", English},
	} {
		env := map[string]string{"LC_ALL": test.all, "LC_MESSAGES": test.messages, "LANG": test.lang}
		if got := Of(func(name string) string { return env[name] }); got != test.want {
			t.Errorf("%+v: got %d", test, got)
		}
	}
}

// verbs and special find what both languages of a message must have alike: the first in the same order.
var (
	verbs   = regexp.MustCompile("%[a-z]")
	special = regexp.MustCompile("`[^`]*`|--[a-z-]+|\\$?OIS_[A-Z_]+|~/[a-z./A-Z]+|ois [a-z]+")
)

func TestBothLanguagesSayTheSame(t *testing.T) {
	for english, text := range chinese {
		a, b := special.FindAllString(english, -1), special.FindAllString(text, -1)
		slices.Sort(a)
		slices.Sort(b)
		a, b = append(a, verbs.FindAllString(english, -1)...), append(b, verbs.FindAllString(text, -1)...)
		if english != Overview && !slices.Equal(a, b) {
			t.Errorf("%q has %q; %q has %q", english, a, text, b)
		}
		if text == "" || Chinese.Text(english) != text || English.Text(english) != english {
			t.Errorf("%q is %q in Chinese", english, text)
		}
	}
	if got := Chinese.Text("not there"); got != "not there" {
		t.Errorf("a message that is not there is %q", got)
	}
}
