package server

import (
	"net/http"
	"strings"

	"github.com/oisproject/ois/internal/etag"
	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/op"
)

// extensions is what the header X-OIS-Extensions of every answer announces: writes obey their conditions.
var extensions = []string{"conditional-write"}

// checkFeatures looks at headers of a write that its operation may not know. To ignore one would store in the clear
// what was to be encrypted, or overwrite what was to stay. Conditions are judged for the first time, before a byte of
// the body is read; who waits to be asked for it need not send what cannot win.
func (x *exchange) checkFeatures() error {
	if x.r.Method != http.MethodPut && x.r.Method != http.MethodPost && x.r.Method != http.MethodDelete {
		return nil
	}
	var c etag.Condition
	var first string // of the headers that are refused, by name, so that equal requests have equal answers
	var refusal error
	for name, values := range x.r.Header {
		value := strings.Join(values, ", ")
		var err error
		switch {
		case strings.HasPrefix(name, "X-Qs-Encryption-Customer-"):
			err = x.checkKeyHeader(name, value, takesKey(x.operation))
		case strings.HasPrefix(name, "X-Qs-Copy-Source-Encryption-Customer-"):
			err = x.checkKeyHeader(name, value, x.operation == op.CopyObject || x.operation == op.CopyPart)
		case name == "If-Match":
			c.Match = value
			err = x.checkCondition(name, value, conditional(x.operation))
		case name == "If-None-Match":
			c.NoneMatch = value
			err = x.checkCondition(name, value, conditional(x.operation) && x.operation != op.DeleteObject)
		case name == "If-Unmodified-Since":
			err = x.checkCondition(name, value, false)
		}
		if err != nil && (refusal == nil || name < first) {
			first, refusal = name, err
		}
	}
	if refusal != nil {
		return refusal
	}
	if c.None() {
		return nil
	}
	return x.bucket.Judge(x.context(), x.address.Key, c)
}

// takesKey reports whether a write takes a key to encrypt with, or takes no notice of it because it has no bytes to encrypt.
func takesKey(id op.ID) bool {
	switch id {
	case op.PutObject, op.CopyObject, op.InitiateMultipartUpload, op.UploadMultipart, op.CopyPart,
		op.CompleteMultipartUpload, op.AbortMultipartUpload, op.DeleteObject:
		return true
	}
	return false
}

func (x *exchange) checkKeyHeader(name, value string, taken bool) error {
	if !taken {
		return fault.Newf(fault.InvalidArgument, "%s takes no encryption key; got the header %s", x.operation, name)
	}
	if value == "" {
		return fault.Newf(fault.InvalidArgument, "header %s is empty", name)
	}
	return nil
}

// conditional reports whether a write obeys conditions on the object that it replaces.
func conditional(id op.ID) bool {
	switch id {
	case op.PutObject, op.CopyObject, op.MoveObject, op.AppendObject, op.CompleteMultipartUpload, op.DeleteObject:
		return true
	}
	return false
}

func (x *exchange) checkCondition(name, value string, obeyed bool) error {
	if !obeyed {
		return fault.Newf(fault.InvalidArgument, "%s takes no condition %s; the reference says which operations take If-Match and If-None-Match", x.operation, name)
	}
	if etag.Empty(value) {
		return fault.Newf(fault.InvalidArgument, "header %s names no ETag; want ETags in double quotes, or *", name)
	}
	return nil
}
