// Command gocalls makes calls with the Go SDK, for the tests of the Python SDK to compare what is sent.
// The calls come as JSON on standard input; they go to the port that is named, which takes all names.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"reflect"
	"strings"
	"time"

	ois "github.com/oisproject/ois/sdk/go"
)

// A call is of an operation with arguments by their names in Python, or of a verb without.
type call struct {
	Operation string
	Verb      string
	Key       string
	Virtual   bool
	Arguments map[string]json.RawMessage
}

func main() {
	port := flag.String("port", "", "port of the server")
	flag.Parse()
	if err := run(context.Background(), *port); err != nil {
		fmt.Fprintln(os.Stderr, "gocalls:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, port string) error {
	var calls []call
	if err := json.NewDecoder(os.Stdin).Decode(&calls); err != nil {
		return fmt.Errorf("calls: %w", err)
	}
	clients := make(map[bool]*ois.Client)
	for _, virtual := range []bool{false, true} {
		c, err := client(port, virtual)
		if err != nil {
			return err
		}
		clients[virtual] = c
	}
	for _, c := range calls {
		if err := mark(ctx, port); err != nil {
			return err
		}
		if err := c.send(ctx, clients[c.Virtual]); err != nil {
			return fmt.Errorf("%s%s: %w", c.Operation, c.Verb, err)
		}
	}
	return nil
}

// client returns a client for which every name is that of the server.
func client(port string, virtual bool) (*ois.Client, error) {
	transport := ois.NewTransport()
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, "127.0.0.1:"+port)
	}
	return ois.New(ois.Config{
		AccessKeyID: "KEYID", SecretAccessKey: "SECRET", Endpoint: "http://ois.test:" + port, VirtualHost: virtual,
		Retry: ois.RetryPolicy{MaxAttempts: 1}, Transport: transport,
	})
}

// mark tells the server that the next call begins.
func mark(ctx context.Context, port string) error {
	req, err := http.NewRequestWithContext(ctx, "MARK", "http://127.0.0.1:"+port+"/", http.NoBody)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	return res.Body.Close()
}

// send makes the call. What the server answers is of no interest.
func (c *call) send(ctx context.Context, client *ois.Client) error {
	var err error
	if c.Verb != "" {
		verb, ok := verbs[c.Verb]
		if !ok {
			return errors.New("no such verb")
		}
		err = verb(ctx, client.Bucket("test-bucket", "jn1a"))
	} else {
		err = c.operate(ctx, client)
	}
	if e := (*ois.Error)(nil); errors.As(err, &e) {
		return nil
	}
	return err
}

// operate calls the method of an operation.
func (c *call) operate(ctx context.Context, client *ois.Client) error {
	method := reflect.ValueOf(client.API()).MethodByName(c.Operation)
	if !method.IsValid() {
		return errors.New("no such operation")
	}
	in := reflect.New(method.Type().In(1).Elem())
	fields := in.Elem()
	if f := fields.FieldByName("Bucket"); f.IsValid() {
		f.SetString("test-bucket")
		fields.FieldByName("Zone").SetString("jn1a")
	}
	if f := fields.FieldByName("Key"); f.IsValid() {
		f.SetString(c.Key)
	}
	for name, value := range c.Arguments {
		if err := set(fields, name, value); err != nil {
			return fmt.Errorf("argument %s: %w", name, err)
		}
	}
	out := method.Call([]reflect.Value{reflect.ValueOf(ctx), in})
	if err, ok := reflect.TypeAssert[error](out[1]); ok {
		return err
	}
	if body := out[0].Elem().FieldByName("Body"); body.IsValid() {
		if closer, ok := reflect.TypeAssert[io.Closer](body); ok {
			return closer.Close()
		}
	}
	return nil
}

// set gives a field, which is named as in Python, its value.
func set(fields reflect.Value, name string, value json.RawMessage) error {
	plain := strings.ReplaceAll(strings.TrimPrefix(name, "x_qs_"), "_", "")
	f := fields.FieldByNameFunc(func(n string) bool {
		field, _ := fields.Type().FieldByName(n)
		return strings.EqualFold(n, plain) || field.Tag.Get("json") == name
	})
	if !f.IsValid() {
		return errors.New("no such field")
	}
	var text string
	switch f.Interface().(type) {
	case time.Time:
		if err := json.Unmarshal(value, &text); err != nil {
			return err
		}
		t, err := http.ParseTime(text)
		f.Set(reflect.ValueOf(t))
		return err
	case int64, *int64:
		return json.Unmarshal(bytes.Trim(value, `"`), f.Addr().Interface())
	}
	if f.Kind() != reflect.Interface {
		return json.Unmarshal(value, f.Addr().Interface())
	}
	if err := json.Unmarshal(value, &text); err != nil {
		return err
	}
	f.Set(reflect.ValueOf(strings.NewReader(text)))
	return nil
}
