package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/oisproject/ois/internal/job"
	"github.com/oisproject/ois/internal/store"
)

// A Client is a Service over the socket of a running server.
type Client struct {
	socket string
	http   http.Client
}

var _ Service = (*Client)(nil)

// Dial returns a Client of the server that listens on the socket. It returns an error
// matching ErrNoServer if nobody does.
func Dial(ctx context.Context, socket string) (*Client, error) {
	conn, err := dial(ctx, socket)
	if err != nil {
		return nil, err
	}
	conn.Close()
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, socket) },
	}
	return &Client{socket: socket, http: http.Client{Transport: transport}}, nil
}

// Close releases the connections of the client.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

// Users implements Service.
func (c *Client) Users(ctx context.Context) (users []store.User, err error) {
	err = c.call(ctx, http.MethodGet, pathUsers, nil, &users)
	return users, err
}

// CreateUser implements Service.
func (c *Client) CreateUser(ctx context.Context, name string) (u store.User, err error) {
	err = c.call(ctx, http.MethodPost, pathUsers, url.Values{paramName: {name}}, &u)
	return u, err
}

// DeleteUser implements Service.
func (c *Client) DeleteUser(ctx context.Context, user string) error {
	return c.call(ctx, http.MethodDelete, pathUsers, url.Values{paramUser: {user}}, nil)
}

// Keys implements Service.
func (c *Client) Keys(ctx context.Context, user string) (keys []store.Key, err error) {
	err = c.call(ctx, http.MethodGet, pathKeys, url.Values{paramUser: {user}}, &keys)
	return keys, err
}

// CreateKey implements Service.
func (c *Client) CreateKey(ctx context.Context, user string) (k store.Key, err error) {
	err = c.call(ctx, http.MethodPost, pathKeys, url.Values{paramUser: {user}}, &k)
	return k, err
}

// DeleteKey implements Service.
func (c *Client) DeleteKey(ctx context.Context, id string) error {
	return c.call(ctx, http.MethodDelete, pathKeys, url.Values{paramID: {id}}, nil)
}

// Endpoint implements Service.
func (c *Client) Endpoint(ctx context.Context) (endpoint string, err error) {
	err = c.call(ctx, http.MethodGet, pathEndpoint, nil, &endpoint)
	return endpoint, err
}

// Check implements Service.
func (c *Client) Check(ctx context.Context) (*store.Report, error) {
	r := &store.Report{}
	if err := c.call(ctx, http.MethodPost, pathCheck, nil, r); err != nil {
		return nil, err
	}
	return r, nil
}

// Repair implements Service.
func (c *Client) Repair(context.Context) (*store.Report, error) {
	return nil, fmt.Errorf("repair the store of %s: %w", c.socket, ErrServerRuns)
}

// Backup implements Service.
func (c *Client) Backup(ctx context.Context, dir string) (*store.BackupReport, error) {
	r := &store.BackupReport{}
	if err := c.call(ctx, http.MethodPost, pathBackup, url.Values{paramDir: {dir}}, r); err != nil {
		return nil, err
	}
	return r, nil
}

// Jobs implements Service.
func (c *Client) Jobs(ctx context.Context) (list []job.Status, err error) {
	err = c.call(ctx, http.MethodGet, pathJobs, nil, &list)
	return list, err
}

// RunJob implements Service.
func (c *Client) RunJob(ctx context.Context, name string, t job.Task) (*job.Report, error) {
	query := url.Values{paramName: {name}}
	if !t.AsOf.IsZero() {
		query.Set(paramAsOf, t.AsOf.Format(time.RFC3339Nano))
	}
	if t.DryRun {
		query.Set(paramDryRun, "true")
	}
	r := &job.Report{}
	if err := c.call(ctx, http.MethodPost, pathJobs, query, r); err != nil {
		return nil, err
	}
	return r, nil
}

// call sends one request and decodes its answer into out, unless that is nil.
func (c *Client) call(ctx context.Context, method, path string, query url.Values, out any) error {
	// The host is a placeholder: the socket is the address.
	u := url.URL{Scheme: "http", Host: "ois", Path: path, RawQuery: query.Encode()}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), http.NoBody)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("ask the server on %s: %w", c.socket, errors.Unwrap(err))
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return remoteError(resp)
	}
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("answer of the server on %s: %w", c.socket, err)
	}
	return nil
}

// remoteError returns the error that an answer tells about.
func remoteError(resp *http.Response) error {
	var f failure
	if err := json.NewDecoder(resp.Body).Decode(&f); err != nil || f.Message == "" {
		return fmt.Errorf("the server answers %s; is it of another version?", resp.Status)
	}
	return &told{message: f.Message, is: kinds[f.Kind]}
}

// A told error was another process's, and is worded by it.
type told struct {
	message string
	is      error // one of kinds, or nil
}

func (e *told) Error() string { return e.message }

func (e *told) Unwrap() error { return e.is }
