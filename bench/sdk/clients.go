package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/qingstor/qingstor-sdk-go/v4/config"
	"github.com/qingstor/qingstor-sdk-go/v4/service"

	ois "github.com/oisproject/ois/sdk/go"
)

const (
	keyID  = "OISDIGESTEXAMPLEKEY1"
	secret = "oisDigestExampleSecretKey00000000000001"
	bucket = "demo-bucket"
	key    = "docs/a.txt"
	kind   = "application/octet-stream"
)

// read reads an object, which must have all its bytes, and closes it.
func read(r io.ReadCloser) error {
	defer r.Close()
	if n, err := io.Copy(io.Discard, r); err != nil || n != size {
		return fmt.Errorf("%d bytes, %w", n, err)
	}
	return nil
}

// bareClient is what a program would write for itself.
func bareClient(endpoint string) (client, error) {
	t := ois.NewTransport() // the same connections
	h := &http.Client{Transport: t}
	do := func(method string, body []byte) error {
		req, err := http.NewRequestWithContext(context.Background(), method, endpoint+"/"+bucket+"/"+key, bytes.NewReader(body))
		if err != nil {
			return err
		}
		date := time.Now().UTC().Format(http.TimeFormat)
		req.Header.Set("Date", date)
		if body != nil {
			req.Header.Set("Content-Type", kind)
		}
		mac := hmac.New(sha256.New, []byte(secret))
		_, _ = io.WriteString(mac, method+"\n\n"+req.Header.Get("Content-Type")+"\n"+date+"\n"+req.URL.EscapedPath()) // a hash never fails
		req.Header.Set("Authorization", "QS "+keyID+":"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
		res, err := h.Do(req)
		if err != nil {
			return err
		}
		if method == http.MethodGet {
			return read(res.Body)
		}
		return res.Body.Close()
	}
	return client{"net/http", [3]func() error{
		func() error { return do(http.MethodPut, object) },
		func() error { return do(http.MethodGet, nil) },
		func() error { return do(http.MethodHead, nil) },
	}}, nil
}

func oisClient(endpoint string) (client, error) {
	c, err := ois.New(ois.Config{AccessKeyID: keyID, SecretAccessKey: secret, Endpoint: endpoint})
	if err != nil {
		return client{}, err
	}
	ctx, b := context.Background(), c.Bucket(bucket, "")
	return client{"ois", [3]func() error{
		func() error {
			_, err := b.Put(ctx, key, bytes.NewReader(object), &ois.PutOptions{ContentType: kind})
			return err
		},
		func() error {
			r, err := b.Get(ctx, key, nil)
			if err != nil {
				return err
			}
			return read(r)
		},
		func() error {
			_, err := b.Head(ctx, key, nil)
			return err
		},
	}}, nil
}

func minioClient(endpoint string) (client, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return client{}, err
	}
	c, err := minio.New(u.Host, &minio.Options{Creds: credentials.NewStaticV4(keyID, secret, ""), Region: "us-east-1"})
	if err != nil {
		return client{}, err
	}
	ctx := context.Background()
	return client{"minio-go", [3]func() error{
		func() error {
			_, err := c.PutObject(ctx, bucket, key, bytes.NewReader(object), size, minio.PutObjectOptions{ContentType: kind})
			return err
		},
		func() error {
			r, err := c.GetObject(ctx, bucket, key, minio.GetObjectOptions{})
			if err != nil {
				return err
			}
			return read(r)
		},
		func() error {
			_, err := c.StatObject(ctx, bucket, key, minio.StatObjectOptions{})
			return err
		},
	}}, nil
}

func qingstorClient(endpoint string) (client, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return client{}, err
	}
	cfg, err := config.New(keyID, secret)
	if err != nil {
		return client{}, err
	}
	cfg.Protocol, cfg.Host, cfg.LogLevel = "http", u.Hostname(), "fatal"
	if cfg.Port, err = strconv.Atoi(u.Port()); err != nil {
		return client{}, err
	}
	s, err := service.Init(cfg)
	if err != nil {
		return client{}, err
	}
	b, err := s.Bucket(bucket, "") // without a zone, which would go in front of the address
	if err != nil {
		return client{}, err
	}
	ctx, contentType := context.Background(), kind
	return client{"qingstor-sdk-go", [3]func() error{
		func() error {
			_, err := b.PutObjectWithContext(ctx, key, &service.PutObjectInput{Body: bytes.NewReader(object), ContentType: &contentType})
			return err
		},
		func() error {
			out, err := b.GetObjectWithContext(ctx, key, nil)
			if err != nil {
				return err
			}
			return read(out.Body)
		},
		func() error {
			_, err := b.HeadObjectWithContext(ctx, key, nil)
			return err
		},
	}}, nil
}
