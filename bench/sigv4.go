package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"sync/atomic"
	"time"
)

const (
	region   = "us-east-1"
	unsigned = "UNSIGNED-PAYLOAD"
)

// A v4Key signs by AWS Signature Version 4. It is safe for concurrent use.
type v4Key struct {
	id, secret string
	today      atomic.Pointer[v4Day]
}

// v4Day is the key of one day.
type v4Day struct {
	date string // as in 20060102
	key  []byte
}

func (k *v4Key) day(date string) *v4Day {
	if d := k.today.Load(); d != nil && d.date == date {
		return d
	}
	key := []byte("AWS4" + k.secret)
	for _, part := range []string{date, region, "s3", "aws4_request"} {
		key = mac(key, part)
	}
	d := &v4Day{date: date, key: key}
	k.today.Store(d)
	return d
}

// authorization returns the value of the header of that name. Headers are pairs of a name in
// lower case and a value, in the order of their names.
func (k *v4Key) authorization(r *request, headers [][2]string, payload string, now time.Time) string {
	var canonical, names strings.Builder
	canonical.WriteString(r.method + "\n" + r.path + "\n" + r.query + "\n")
	for i, h := range headers {
		canonical.WriteString(h[0] + ":" + h[1] + "\n")
		if i > 0 {
			names.WriteByte(';')
		}
		names.WriteString(h[0])
	}
	sum := sha256.Sum256([]byte(canonical.String() + "\n" + names.String() + "\n" + payload))
	day := k.day(now.Format("20060102"))
	scope := day.date + "/" + region + "/s3/aws4_request"
	text := "AWS4-HMAC-SHA256\n" + now.Format(v4Time) + "\n" + scope + "\n" + hex.EncodeToString(sum[:])
	return "AWS4-HMAC-SHA256 Credential=" + k.id + "/" + scope + ",SignedHeaders=" + names.String() +
		",Signature=" + hex.EncodeToString(mac(day.key, text))
}

const v4Time = "20060102T150405Z"

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
