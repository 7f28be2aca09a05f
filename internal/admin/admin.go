// Package admin is how an operator manages users, access keys and websites, and has a store checked or backed up: over the
// socket of the server that runs, or on the store itself if none does. [Service] is the same on both roads.
//
// The socket lies in the data directory and is for its owner alone: whoever may open it
// may do everything. What is spoken there is a private matter of one version of the program,
// JSON over HTTP, and no part of the API.
package admin

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/oisproject/ois/internal/job"
	"github.com/oisproject/ois/internal/store"
)

// ErrNoServer is matched by the error of Dial when nobody answers on the socket.
var ErrNoServer = errors.New("no server is running")

// ErrServerRuns is matched by the error of what cannot be done while a server runs.
var ErrServerRuns = errors.New("a server runs on it; stop that first")

// A Service does what an operator asks for. It is safe for concurrent use. Its errors match those of package store:
// ErrUserNotExist, ErrUserExists, ErrUserInUse, ErrKeyNotExist, ErrBucketNotExist and ErrSealed.
//
// A user is named by id or by name; an id wins.
type Service interface {
	// Users returns all users, ordered by id.
	Users(ctx context.Context) ([]store.User, error)
	// CreateUser makes a user.
	CreateUser(ctx context.Context, name string) (store.User, error)
	// DeleteUser deletes a user that owns no buckets, with all its keys.
	DeleteUser(ctx context.Context, user string) error

	// Keys returns the access keys of a user, or all if user is empty, without their secrets.
	Keys(ctx context.Context, user string) ([]store.Key, error)
	// CreateKey makes an access key for a user. Its secret is told here and never again.
	CreateKey(ctx context.Context, user string) (store.Key, error)
	// DeleteKey revokes an access key. No request signed with it is accepted from now on.
	DeleteKey(ctx context.Context, id string) error

	WebsiteService
	// SetStanding suspends a user, or lets it go on if it is store.Good.
	SetStanding(ctx context.Context, user string, to store.Standing) error

	// Buckets returns the buckets of all users, ordered by name.
	Buckets(ctx context.Context) ([]Bucket, error)
	// SuspendBucket suspends a bucket, or lets it go on.
	SuspendBucket(ctx context.Context, name string, suspended bool) error

	// Endpoint returns the base URL of the server that runs, or "" if none does.
	Endpoint(ctx context.Context) (string, error)

	// Check looks at everything the store holds. The error is about the check itself.
	Check(ctx context.Context) (*store.Report, error)
	// Repair mends what can be mended, and checks again. It needs the store for itself: while a server
	// runs it is an error matching ErrServerRuns.
	Repair(ctx context.Context) (*store.Report, error)

	// Backup makes a copy of everything in a directory, which is missing or empty, and checks it. The process that has the
	// store open makes it: a name that is not absolute is one in its working directory.
	Backup(ctx context.Context, dir string) (*store.BackupReport, error)

	// Jobs tells about the jobs: when they ran last, and when they run next.
	Jobs(ctx context.Context) ([]job.Status, error)
	// RunJob runs a job at once. Its errors match those of package job; what goes wrong in the run is told by the report.
	RunJob(ctx context.Context, name string, t job.Task) (*job.Report, error)
}

// A Local is a Service over a store of this process.
type Local struct {
	store    *store.Store
	endpoint string

	// BackUp does the work of Backup. Without it that is an error.
	BackUp func(ctx context.Context, dir string) (*store.BackupReport, error)

	// Runner has the jobs. Without it there are none.
	Runner *job.Runner
}

var _ Service = (*Local)(nil)

// NewLocal returns a Service over s, which it does not close. The endpoint is the base URL at which this process
// serves s, or empty if it does not.
func NewLocal(s *store.Store, endpoint string) *Local {
	return &Local{store: s, endpoint: endpoint}
}

// Users implements Service.
func (l *Local) Users(ctx context.Context) ([]store.User, error) { return l.store.ListUsers(ctx) }

// idPrefix begins the ids of all users, so no name may begin with it.
const idPrefix = "usr-"

// CreateUser implements Service.
func (l *Local) CreateUser(ctx context.Context, name string) (store.User, error) {
	if strings.HasPrefix(name, idPrefix) {
		return store.User{}, fmt.Errorf("user name %q is not allowed: ids of users begin with %s", name, idPrefix)
	}
	return l.store.CreateUser(ctx, name)
}

// DeleteUser implements Service.
func (l *Local) DeleteUser(ctx context.Context, user string) error {
	id, err := l.userID(ctx, user)
	if err != nil {
		return fmt.Errorf("delete user: %w", err)
	}
	return l.store.DeleteUser(ctx, id)
}

// Keys implements Service.
func (l *Local) Keys(ctx context.Context, user string) ([]store.Key, error) {
	if user == "" {
		return l.store.ListKeys(ctx, "")
	}
	id, err := l.userID(ctx, user)
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	return l.store.ListKeys(ctx, id)
}

// CreateKey implements Service.
func (l *Local) CreateKey(ctx context.Context, user string) (store.Key, error) {
	id, err := l.userID(ctx, user)
	if err != nil {
		return store.Key{}, fmt.Errorf("create key: %w", err)
	}
	return l.store.CreateKey(ctx, id)
}

// DeleteKey implements Service.
func (l *Local) DeleteKey(ctx context.Context, id string) error { return l.store.DeleteKey(ctx, id) }

// Endpoint implements Service.
func (l *Local) Endpoint(context.Context) (string, error) { return l.endpoint, nil }

// Check implements Service.
func (l *Local) Check(ctx context.Context) (*store.Report, error) { return l.store.Check(ctx) }

// Repair implements Service.
func (l *Local) Repair(ctx context.Context) (*store.Report, error) { return l.store.Repair(ctx) }

// Backup implements Service.
func (l *Local) Backup(ctx context.Context, dir string) (*store.BackupReport, error) {
	if l.BackUp == nil {
		return nil, errors.New("backup: this store has no directory")
	}
	return l.BackUp(ctx, dir)
}

// Jobs implements Service.
func (l *Local) Jobs(ctx context.Context) ([]job.Status, error) {
	if l.Runner == nil {
		return nil, nil
	}
	return l.Runner.List(ctx)
}

// RunJob implements Service.
func (l *Local) RunJob(ctx context.Context, name string, t job.Task) (*job.Report, error) {
	if l.Runner == nil {
		return nil, fmt.Errorf("job %q: %w", name, job.ErrUnknown)
	}
	return l.Runner.Run(ctx, name, t)
}

// userID returns the id of the user with that id or name.
func (l *Local) userID(ctx context.Context, user string) (string, error) {
	users, err := l.store.ListUsers(ctx)
	if err != nil {
		return "", err
	}
	id := ""
	for _, u := range users {
		if u.ID == user {
			return u.ID, nil
		}
		if u.Name == user {
			id = u.ID
		}
	}
	if id == "" {
		return "", fmt.Errorf("%q: %w", user, store.ErrUserNotExist)
	}
	return id, nil
}
