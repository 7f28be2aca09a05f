package wiretest

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/oisproject/ois/sdk/go/signature"
)

// unsigned stands where a signature will be.
const unsigned = "SIGN"

// formField finds the value of a field in the text of a form.
func formField(name string) string { return `^Content-Disposition: form-data; name="` + name + `"\n\n` }

// placeholder finds where a request wants its signature: in a header, in the query, or in a form.
var placeholder = regexp.MustCompile(`(?m)^Authorization: QS ([^:]*):` + unsigned + `$|signature=` + unsigned +
	`|` + formField("signature") + unsigned + `$`)

// signed finds a signature.
var signed = regexp.MustCompile(`(?m)^Authorization: QS [^:]*:(.+)$|[?&]signature=([^& ]+)|` + formField("signature") + `(.+)$`)

// What of a form its signature is made of.
var (
	formPolicy = regexp.MustCompile(`(?m)` + formField("policy") + `(.+)$`)
	formKeyID  = regexp.MustCompile(`(?m)` + formField("access_key_id") + `(.+)$`)
)

// Domain is the base domain of the hosts in conversations. A host of four labels begins
// with a bucket.
const Domain = "ois.test"

// boundDomains is what the domains end in that conversations bind to buckets. They begin with the bucket, too.
const boundDomains = ".example.com"

// Sign puts the signature where a request has the word SIGN for it. A request without the word is
// returned as it is.
func Sign(request string) (string, error) {
	at := placeholder.FindString(request)
	if at == "" {
		return request, nil
	}
	sig, err := signatureOf(request, at)
	if err != nil {
		return "", err
	}
	return strings.Replace(request, at, strings.TrimSuffix(at, unsigned)+sig, 1), nil
}

// signatureOf returns the signature that belongs at a placeholder.
func signatureOf(request, at string) (string, error) {
	if strings.HasPrefix(at, "Content-Disposition") {
		policy, id := formPolicy.FindStringSubmatch(request), formKeyID.FindStringSubmatch(request)
		if policy == nil || id == nil {
			return "", fmt.Errorf("the form has no policy or no access_key_id: %.200q", request)
		}
		key, err := keyOf(id[1])
		if err != nil {
			return "", err
		}
		return key.SignText(policy[1]), nil
	}
	m, query, err := message(request)
	if err != nil {
		return "", err
	}
	id, _, inHeader := signature.ParseAuthorization(m.Header.Get("Authorization"))
	if !inHeader {
		id, m.Expires = query.Get(signature.ParamAccessKeyID), query.Get(signature.ParamExpires)
	}
	key, err := keyOf(id)
	if err != nil {
		return "", err
	}
	if inHeader {
		return key.Sign(m), nil
	}
	return url.QueryEscape(key.Sign(m)), nil
}

func keyOf(id string) (*signature.Key, error) {
	secret, ok := map[string]string{AccessKeyID: SecretAccessKey, OtherAccessKeyID: OtherSecretAccessKey}[id]
	if !ok {
		return nil, fmt.Errorf("access key %q has no secret to sign with", id)
	}
	return signature.NewKey(id, secret), nil
}

// Unsign is the reverse of Sign: it puts the word SIGN in the place of a signature, unless that
// one is wrong, as it may be on purpose.
func Unsign(request string) string {
	at := signed.FindStringSubmatchIndex(request)
	if at == nil {
		return request
	}
	from, to := -1, -1
	for i := 2; from < 0; i += 2 {
		from, to = at[i], at[i+1]
	}
	bare := request[:from] + unsigned + request[to:]
	if again, err := Sign(bare); err != nil || again != request {
		return request // not ours, or not right
	}
	return bare
}

// message returns what the signature of a request covers, and its query.
func message(request string) (*signature.Message, url.Values, error) {
	head, _, _ := strings.Cut(request, headEnd)
	lines := strings.Split(head, "\n")
	parts := strings.Split(lines[0], " ")
	if len(parts) != 3 {
		return nil, nil, fmt.Errorf("request line %q has %d words, want 3", lines[0], len(parts))
	}
	m := &signature.Message{Method: parts[0], Header: make(http.Header)}
	m.Path, m.Query = signature.SplitTarget(parts[1])
	for _, line := range lines[1:] {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, nil, fmt.Errorf("header line %q has no colon", line)
		}
		m.Header.Add(name, strings.Trim(value, " \t"))
	}
	host, _, _ := strings.Cut(m.Header.Get("Host"), ":")
	if labels, ok := strings.CutSuffix(host, "."+Domain); ok {
		m.Bucket, _, ok = strings.Cut(labels, ".") // before the zone
		if !ok {
			m.Bucket = ""
		}
	} else if bucket, ok := strings.CutSuffix(host, boundDomains); ok {
		m.Bucket = bucket
	}
	query, err := url.ParseQuery(m.Query)
	if err != nil {
		return nil, nil, fmt.Errorf("query of %q: %w", lines[0], err)
	}
	return m, query, nil
}
