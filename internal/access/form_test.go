package access

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/op"
)

// form returns a form with those fields, and with the credentials for a policy.
func form(policy string, fields map[string]string) *op.PostObjectInput {
	text := base64.StdEncoding.EncodeToString([]byte(policy))
	return formOf(text, key.SignText(text), fields)
}

func formOf(policy, signature string, fields map[string]string) *op.PostObjectInput {
	in := &op.PostObjectInput{AccessKeyID: keyID, Policy: policy, Signature: signature, Form: maps.Clone(fields)}
	in.Form["access_key_id"], in.Form["policy"], in.Form["signature"] = keyID, policy, signature
	return in
}

// authenticateForm lets a server with one key judge a form in a request that somebody else has signed.
func authenticateForm(t *testing.T, in *op.PostObjectInput) (Caller, error) {
	t.Helper()
	return NewAuthenticator(keys{keyID: secret}, nil).AuthenticateForm(t.Context(), in, Caller{UserID: "usr-somebody"})
}

func TestFormVectors(t *testing.T) {
	data, err := os.ReadFile("../../contract/vectors/signatures.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		vector
		Policy string `json:"policy"`
	}
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, v := range vectors {
		if v.Form != "policy" {
			continue
		}
		n++
		var fields map[string]string
		if err := json.Unmarshal([]byte(v.Policy), &fields); err != nil {
			t.Fatal(err)
		}
		in := formOf(base64.StdEncoding.EncodeToString([]byte(v.Policy)), v.Signature, fields)
		in.AccessKeyID = v.AccessKeyID
		for secret, want := range map[string]fault.Code{v.Secret: "", v.Secret + "x": fault.SignatureNotMatched} {
			got, err := NewAuthenticator(keys{v.AccessKeyID: secret}, nil).AuthenticateForm(t.Context(), in, Caller{})
			if want == "" && (err != nil || got != Caller{UserID: user, AccessKeyID: v.AccessKeyID}) || want != "" && fault.CodeOf(err) != want {
				t.Errorf("%s with the secret %q: %+v, %v; want %q", v.Name, secret, got, err, want)
			}
		}
	}
	if n == 0 {
		t.Error("there is no vector of a form")
	}
}

func TestFormPolicy(t *testing.T) {
	fields := map[string]string{"key": "up/${filename}", "x-qs-meta-a": "1", "submit": ""}
	const good = `{"key":"up/${filename}","X-QS-Meta-A":"1","submit":""}`
	for _, tt := range []struct {
		name, policy string
		code         fault.Code
		part         string
	}{
		{"good", good, "", ""},
		{"with credentials", strings.Replace(good, "{", `{"access_key_id":"whatever","signature":"",`, 1), "", ""},
		{"escaped", `{"\u006bey":"up\/${filename}","x-qs-meta-a":"1","submit":null}`, "", ""},
		{"another value", strings.Replace(good, "up/", "down/", 1), fault.FormPolicyViolated, `field "key" is "up/${filename}"; its policy says "down/${filename}"`},
		{"another letter case", strings.Replace(good, "up/", "UP/", 1), fault.FormPolicyViolated, `"key"`},
		{"a field too few", `{"key":"up/${filename}","x-qs-meta-a":"1"}`, fault.FormPolicyViolated, `"submit", which its policy does not name`},
		{"a field too many", strings.Replace(good, "{", `{"content-type":"image/png",`, 1), fault.FormPolicyViolated, `names the field "content-type"`},
		{"two spellings", strings.Replace(good, "{", `{"KEY":"up/${filename}",`, 1), fault.FormPolicyViolated, "twice"},
		{"empty", `{}`, fault.FormPolicyViolated, `"key"`},
		{"a number", strings.Replace(good, `"1"`, `1`, 1), fault.InvalidJSON, "a string"},
		{"a list", `[]`, fault.InvalidJSON, "JSON object"},
		{"null", `null`, fault.InvalidJSON, "JSON object"},
		{"no JSON", `key=up`, fault.InvalidJSON, "JSON object"},
		{"more than JSON", good + "{}", fault.InvalidJSON, "JSON object"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := authenticateForm(t, form(tt.policy, fields))
			if tt.code == "" {
				if want := (Caller{UserID: user, AccessKeyID: keyID}); err != nil || got != want {
					t.Errorf("got %+v, %v; want %+v", got, err, want)
				}
				return
			}
			if fault.CodeOf(err) != tt.code || !strings.Contains(err.Error(), tt.part) || got != (Caller{}) {
				t.Errorf("got %+v, %v; want %s with %q", got, err, tt.code, tt.part)
			}
		})
	}
}

func TestFormCredentials(t *testing.T) {
	fields := map[string]string{"key": "k"}
	without := func(name string) *op.PostObjectInput {
		in := form(`{"key":"k"}`, fields)
		delete(in.Form, name)
		*map[string]*string{"access_key_id": &in.AccessKeyID, "policy": &in.Policy, "signature": &in.Signature}[name] = ""
		return in
	}
	unknown := form(`{"key":"k"}`, fields)
	unknown.AccessKeyID = "UNKNOWN"
	good := form(`{"key":"k"}`, fields)
	for _, tt := range []struct {
		name string
		in   *op.PostObjectInput
		code fault.Code
		part string
	}{
		{"no access key", without("access_key_id"), fault.InvalidArgument, "access_key_id is missing"},
		{"no policy", without("policy"), fault.InvalidArgument, "policy is missing"},
		{"no signature", without("signature"), fault.InvalidArgument, "signature is missing"},
		{"unknown key", unknown, fault.InvalidAccessKeyID, "UNKNOWN"},
		{"wrong signature", formOf(good.Policy, key.SignText("x"), fields), fault.SignatureNotMatched, "policy"},
		{"signature of the JSON", formOf(good.Policy, key.SignText(`{"key":"k"}`), fields), fault.SignatureNotMatched, "policy"},
		{"half a signature", formOf(good.Policy, good.Signature[:20], fields), fault.SignatureNotMatched, "policy"},
		{"no base64", formOf("{}", key.SignText("{}"), fields), fault.InvalidArgument, "not base64"},
		{"wrong signature before a wrong policy", formOf("{}", "x", fields), fault.SignatureNotMatched, "policy"},
	} {
		if got, err := authenticateForm(t, tt.in); fault.CodeOf(err) != tt.code || !strings.Contains(err.Error(), tt.part) || got != (Caller{}) {
			t.Errorf("%s: %+v, %v; want %s with %q", tt.name, got, err, tt.code, tt.part)
		}
	}
	// Without credentials it is whoever has signed the request.
	if got, err := authenticateForm(t, &op.PostObjectInput{Form: fields}); err != nil || got.UserID != "usr-somebody" {
		t.Errorf("without credentials: %+v, %v; want the caller as it was", got, err)
	}
}
