package conformance

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// Conditions on writes are an extension. Only a service that announces it is asked; others ignore the headers.

// newConditional starts a test of conditional writes in a bucket with the object a.txt, whose content is old.
func newConditional(t *testing.T) *bucket {
	t.Helper()
	b := start(t).newBucket()
	if a := b.put("a.txt", "old").want(http.StatusCreated); !strings.Contains(a.header.Get("X-Ois-Extensions"), "conditional-write") {
		t.Skip("the service does not announce conditional-write")
	}
	return b
}

func (a *answer) wantCondition() {
	a.t.Helper()
	a.wantFault(http.StatusPreconditionFailed, "precondition_failed")
}

func TestConditionalPutObeysItsCondition(t *testing.T) {
	b := newConditional(t)
	b.put("a.txt", "new", "If-None-Match: *").wantCondition()
	b.put("a.txt", "new", "If-None-Match: "+etagOf("old")).wantCondition()
	b.put("a.txt", "new", "If-None-Match: W/"+etagOf("old")).wantCondition()
	b.put("a.txt", "new", "If-Match: "+etagOf("other")).wantCondition()
	b.put("a.txt", "new", "If-Match: W/"+etagOf("old")).wantCondition()
	b.put("a.txt", "new", "If-Match: *", "If-None-Match: "+etagOf("old")).wantCondition()
	b.put("b.txt", "new", "If-Match: *").wantCondition()
	b.put("b.txt", "new", "If-Match: "+etagOf("old")).wantCondition()
	b.get("a.txt").want(http.StatusOK).wantBody("old")
	b.wantMissing("b.txt")
	b.put("a.txt", "new", `If-Match: "x", `+etagOf("old")).want(http.StatusCreated)
	b.put("a.txt", "newer", "If-Match: *", "If-None-Match: "+etagOf("old")).want(http.StatusCreated)
	b.put("b.txt", "new", "If-None-Match: *").want(http.StatusCreated)
	b.get("a.txt").want(http.StatusOK).wantBody("newer")
}

func TestConditionsOfOtherWrites(t *testing.T) {
	b := newConditional(t)
	b.fill("src")
	copied, moved := "X-QS-Copy-Source: "+b.path("src"), "X-QS-Move-Source: "+b.path("src")
	u := b.initiate("a.txt")
	u.part(0, "part").want(http.StatusCreated)
	list := `{"object_parts":[{"part_number":0}]}`
	for _, header := range []string{"If-None-Match: *", `If-Match: "x"`} {
		b.put("a.txt", "", copied, header).wantCondition()
		b.put("a.txt", "", moved, header).wantCondition()
		b.send("POST", u.suffix(), list, header).wantCondition()
	}
	b.send("DELETE", object("a.txt"), "", `If-Match: "x"`).wantCondition()
	b.send("DELETE", object("missing"), "", "If-Match: *").wantCondition()
	b.get("a.txt").want(http.StatusOK).wantBody("old")
	b.get("src").want(http.StatusOK)

	same := "If-Match: " + etagOf("old")
	b.put("a.txt", "", copied, same).want(http.StatusCreated)
	b.put("a.txt", "old").want(http.StatusCreated)
	b.put("a.txt", "", moved, same).want(http.StatusCreated)
	b.wantMissing("src")
	b.put("a.txt", "old").want(http.StatusCreated)
	b.send("POST", u.suffix(), list, same).want(http.StatusCreated)
	b.get("a.txt").want(http.StatusOK).wantBody("part")
	b.put("a.txt", "old").want(http.StatusCreated)
	b.send("DELETE", object("a.txt"), "", same).want(http.StatusNoContent)
	b.wantMissing("a.txt")
}

// TestConditionsThatAreNotObeyedAreRefused: to ignore one would lose what was to stay.
func TestConditionsThatAreNotObeyedAreRefused(t *testing.T) {
	b := newConditional(t)
	for _, header := range []string{"If-Unmodified-Since: " + now(), "If-Match: ,", "If-None-Match:"} {
		b.put("a.txt", "new", header).want(http.StatusBadRequest, http.StatusNotImplemented)
	}
	b.send("DELETE", object("a.txt"), "", "If-Unmodified-Since: "+now()).want(http.StatusBadRequest, http.StatusNotImplemented)
	b.get("a.txt").want(http.StatusOK).wantBody("old")
}

func TestOfManyConditionalPutsOneWins(t *testing.T) {
	b := newConditional(t)
	const many = 32
	statuses := make([]int, many)
	var all sync.WaitGroup
	for i := range many {
		all.Go(func() { statuses[i] = b.put("lock", fmt.Sprint(i), "If-None-Match: *").status })
	}
	all.Wait()
	winner := -1
	for i, status := range statuses {
		switch {
		case status == http.StatusCreated && winner < 0:
			winner = i
		case status == http.StatusCreated:
			t.Errorf("writers %d and %d have both won", winner, i)
		case status != http.StatusPreconditionFailed:
			t.Errorf("writer %d got %d; want 201 or 412", i, status)
		}
	}
	if winner < 0 {
		t.Fatal("nobody has won")
	}
	b.get("lock").want(http.StatusOK).wantBody(fmt.Sprint(winner))
}

func TestConditionalPutDoesNotAskForABodyThatCannotWin(t *testing.T) {
	b := newConditional(t)
	c := b.dial()
	r := b.request("PUT", "/a.txt", "", "If-None-Match: *", "Expect: 100-continue", "Content-Length: 100000")
	c.send(r.text(b.service))
	a, err := c.read("PUT")
	if err != nil {
		t.Fatal(err)
	}
	a.to = "PUT that waits for 100 Continue"
	a.wantCondition()
}
