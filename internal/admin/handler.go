package admin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/oisproject/ois/internal/job"
	"github.com/oisproject/ois/internal/store"
)

// What is asked for travels in the query, what is answered in a JSON body.
const (
	pathUsers    = "/v1/users"
	pathKeys     = "/v1/keys"
	pathEndpoint = "/v1/endpoint"
	pathCheck    = "/v1/check"
	pathBackup   = "/v1/backup"
	pathJobs     = "/v1/jobs"

	paramUser   = "user"
	paramName   = "name"
	paramID     = "id"
	paramDir    = "dir"
	paramAsOf   = "as_of"
	paramDryRun = "dry_run"
)

// A failure is the body of an answer other than 200.
type failure struct {
	Kind    string `json:"kind"` // key of kinds, or empty
	Message string `json:"message"`
}

// kinds are the errors that keep their identity over the socket.
var kinds = map[string]error{
	"user_not_exist": store.ErrUserNotExist,
	"user_exists":    store.ErrUserExists,
	"user_in_use":    store.ErrUserInUse,
	"key_not_exist":  store.ErrKeyNotExist,
	"job_not_exist":  job.ErrUnknown,
	"job_busy":       job.ErrBusy,

	"no_website":       ErrNoWebsite,
	"bucket_not_exist": store.ErrBucketNotExist,
	"sealed":           store.ErrSealed,
}

// Handler answers on the socket for s.
func Handler(s Service) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET "+pathUsers, answer(func(r *http.Request) (any, error) {
		return s.Users(r.Context())
	}))
	mux.Handle("POST "+pathUsers, answer(func(r *http.Request) (any, error) {
		return s.CreateUser(r.Context(), r.URL.Query().Get(paramName))
	}))
	mux.Handle("DELETE "+pathUsers, answer(func(r *http.Request) (any, error) {
		return nil, s.DeleteUser(r.Context(), r.URL.Query().Get(paramUser))
	}))
	mux.Handle("GET "+pathKeys, answer(func(r *http.Request) (any, error) {
		return s.Keys(r.Context(), r.URL.Query().Get(paramUser))
	}))
	mux.Handle("POST "+pathKeys, answer(func(r *http.Request) (any, error) {
		return s.CreateKey(r.Context(), r.URL.Query().Get(paramUser))
	}))
	mux.Handle("DELETE "+pathKeys, answer(func(r *http.Request) (any, error) {
		return nil, s.DeleteKey(r.Context(), r.URL.Query().Get(paramID))
	}))
	handleWebsites(mux, s)
	mux.Handle("GET "+pathEndpoint, answer(func(r *http.Request) (any, error) {
		return s.Endpoint(r.Context())
	}))
	mux.Handle("POST "+pathCheck, answer(func(r *http.Request) (any, error) {
		return s.Check(r.Context())
	}))
	mux.Handle("POST "+pathBackup, answer(func(r *http.Request) (any, error) {
		return s.Backup(r.Context(), r.URL.Query().Get(paramDir))
	}))
	mux.Handle("GET "+pathJobs, answer(func(r *http.Request) (any, error) {
		return s.Jobs(r.Context())
	}))
	mux.Handle("POST "+pathJobs, answer(func(r *http.Request) (any, error) {
		return runJob(s, r)
	}))
	handleSuspend(mux, s)
	return mux
}

// runJob runs the job that a request asks for.
func runJob(s Service, r *http.Request) (*job.Report, error) {
	query := r.URL.Query()
	t := job.Task{DryRun: query.Has(paramDryRun)}
	if text := query.Get(paramAsOf); text != "" {
		var err error
		if t.AsOf, err = time.Parse(time.RFC3339Nano, text); err != nil {
			return nil, err
		}
	}
	return s.RunJob(r.Context(), query.Get(paramName), t)
}

// bodyPatience is how long a client may take to send a body, of which nothing is wanted.
const bodyPatience = 5 * time.Second

// answer writes what do returns.
func answer(do func(*http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Reading to the end lets net/http notice when the client goes away: a check then stops.
		deadline := http.NewResponseController(w).SetReadDeadline
		_ = deadline(time.Now().Add(bodyPatience)) // a writer without deadlines has nobody to wait for
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		_ = deadline(time.Time{})
		v, err := do(r)
		if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
			err = errors.New("the server is stopping")
		}
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			v = failureOf(err)
		}
		_ = json.NewEncoder(w).Encode(v) // a client that has gone needs no answer
	})
}

func failureOf(err error) failure {
	f := failure{Message: err.Error()}
	for kind, sentinel := range kinds {
		if errors.Is(err, sentinel) {
			f.Kind = kind
		}
	}
	return f
}
