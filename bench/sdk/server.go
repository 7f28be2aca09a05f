package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// serve starts a server that has one object, and returns its address.
func serve() (endpoint string, err error) {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	s := &http.Server{Handler: http.HandlerFunc(answer), ReadHeaderTimeout: time.Minute}
	go func() {
		_ = s.Serve(l) // the process ends before it
		os.Exit(1)
	}()
	return "http://" + l.Addr().String(), nil
}

var object = make([]byte, size)

func answer(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Etag", `"620f0b67a91f7f74151bc5be745b7110"`)
	h.Set("X-Qs-Request-Id", "3f2cf9ac3168744d")
	h.Set("Last-Modified", "Tue, 05 Mar 2024 08:15:30 GMT")
	switch r.Method {
	case http.MethodPut:
		_, _ = io.Copy(io.Discard, r.Body) // a failure shows in the client
		if strings.HasPrefix(r.Header.Get("Authorization"), "QS ") {
			w.WriteHeader(http.StatusCreated)
		}
	case http.MethodHead:
		h.Set("Content-Length", strconv.Itoa(size))
	default:
		h.Set("Content-Type", "application/octet-stream")
		h.Set("Content-Length", strconv.Itoa(size))
		_, _ = w.Write(object) // the same
	}
}
