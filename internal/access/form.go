package access

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/op"
)

// formCredentials are the fields of a form that say who sends it; the policy covers all others before the file.
var formCredentials = []string{"access_key_id", "policy", "signature"}

// AuthenticateForm returns the caller whose policy a form carries. A form without credentials leaves the caller as it is, which
// the request may have told by a signature of its own; wrong credentials are an error, as in Authenticate.
//
// The errors, in the order of the checks: invalid_argument for credentials of which a part is missing, invalid_access_key_id,
// signature_not_matched, and form_policy_violated where the form is not the one that was signed.
func (a *Authenticator) AuthenticateForm(ctx context.Context, in *op.PostObjectInput, caller Caller) (Caller, error) {
	if in.AccessKeyID == "" && in.Policy == "" && in.Signature == "" {
		return caller, nil
	}
	for _, name := range formCredentials {
		if in.Form[name] == "" {
			return Caller{}, fault.Newf(fault.InvalidArgument, "a signed form needs the fields access_key_id, policy and signature before its file; "+
				"%s is missing or empty", name)
		}
	}
	key, userID, err := a.key(ctx, in.AccessKeyID)
	if err != nil {
		return Caller{}, err
	}
	if subtle.ConstantTimeCompare([]byte(key.SignText(in.Policy)), []byte(in.Signature)) != 1 {
		return Caller{}, fault.Newf(fault.SignatureNotMatched, "the signature of the form does not match; check the secret access key, "+
			"and that what is signed is the field policy as it is sent, in base64")
	}
	if err := checkForm(in.Policy, in.Form); err != nil {
		return Caller{}, err
	}
	return Caller{UserID: userID, AccessKeyID: in.AccessKeyID}, nil
}

// checkForm holds the fields of a form against its policy, which must name the same ones with the same values.
func checkForm(text string, form map[string]string) error {
	policy, err := readFormPolicy(text)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(form)) {
		if slices.Contains(formCredentials, name) {
			continue
		}
		switch want, ok := policy[name]; {
		case !ok:
			return violated("the form has the field %.100q, which its policy does not name", name)
		case want != form[name]:
			return violated("the form field %.100q is %.200q; its policy says %.200q", name, form[name], want)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(policy)) {
		if _, ok := form[name]; !ok {
			return violated("the policy names the field %.100q, which the form does not have before its file", name)
		}
	}
	return nil
}

// readFormPolicy returns the fields that a policy names, in lower case, but for credentials.
func readFormPolicy(text string) (map[string]string, error) {
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fault.Newf(fault.InvalidArgument, "the form field policy is not base64: %w", err)
	}
	var object map[string]string
	if err := json.Unmarshal(data, &object); err != nil || object == nil {
		return nil, fault.Newf(fault.InvalidJSON, "the form field policy is not the base64 of a JSON object in which each field of the form has its value, a string")
	}
	policy := make(map[string]string, len(object))
	for name, value := range object {
		name = strings.ToLower(name)
		if _, twice := policy[name]; twice {
			return nil, violated("the policy names the field %.100q twice, in two spellings", name)
		}
		if !slices.Contains(formCredentials, name) {
			policy[name] = value
		}
	}
	return policy, nil
}

func violated(format string, args ...any) error {
	return fault.Newf(fault.FormPolicyViolated, format, args...)
}
