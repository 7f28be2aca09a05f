package invariants_test

import (
	"bytes"
	"testing"

	"github.com/oisproject/ois/internal/invariants"
)

func TestCheckPanicsOnlyWhenEnabled(t *testing.T) {
	invariants.Check(true, "never said")
	defer func() {
		if r := recover(); (r != nil) != invariants.Enabled {
			t.Errorf("Check(false) panicked with %v; Enabled is %t", r, invariants.Enabled)
		}
	}()
	invariants.Check(false, "one is %d", 2)
}

func TestScribbleOnlyWhenEnabled(t *testing.T) {
	b := []byte("lent")
	invariants.Scribble(b)
	if kept := bytes.Equal(b, []byte("lent")); kept == invariants.Enabled {
		t.Errorf("slice is %q after Scribble; Enabled is %t", b, invariants.Enabled)
	}
}
