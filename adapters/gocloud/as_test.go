package oisblob

import (
	"errors"
	"fmt"

	"gocloud.dev/blob"

	ois "github.com/oisproject/ois/sdk/go"
	"github.com/oisproject/ois/sdk/go/transfer"
)

// asTest asks everything for the type behind it.
type asTest struct{}

func (asTest) Name() string { return "types of the SDK" }

// is reports whether as hands out a T, and what it is.
func is[T any](as func(any) bool) (v T, err error) {
	if !as(&v) {
		err = fmt.Errorf("As(%T) = false; want true", &v)
	}
	return v, err
}

func (asTest) BucketCheck(b *blob.Bucket) error {
	_, err := is[*ois.Bucket](b.As)
	return err
}

func (asTest) ErrorCheck(b *blob.Bucket, err error) error {
	var e *ois.Error
	if !b.ErrorAs(err, &e) || e.Op == "" {
		return fmt.Errorf("no error of the SDK: %w", err)
	}
	return nil
}

func (asTest) BeforeRead(as func(any) bool) error {
	_, err := is[*ois.GetOptions](as)
	return err
}

func (asTest) BeforeWrite(as func(any) bool) error {
	o, err := is[*transfer.UploadOptions](as)
	if err == nil {
		o.StorageClass = "STANDARD_IA"
	}
	return err
}

func (asTest) BeforeCopy(as func(any) bool) error {
	_, err := is[*transfer.CopyOptions](as)
	return err
}

func (asTest) BeforeDelete(as func(any) bool) error {
	_, err := is[*ois.RemoveOptions](as)
	return err
}

func (asTest) BeforeList(as func(any) bool) error {
	_, err := is[*ois.ListOptions](as)
	return err
}

func (asTest) BeforeSign(as func(any) bool) error {
	_, err := is[*ois.PresignOptions](as)
	return err
}

func (asTest) AttributesCheck(attrs *blob.Attributes) error {
	info, err := is[ois.Info](attrs.As)
	if err == nil && info.StorageClass != "STANDARD_IA" { // as BeforeWrite has it
		err = fmt.Errorf("storage class %q", info.StorageClass)
	}
	return err
}

func (asTest) ReaderCheck(r *blob.Reader) error {
	_, err := is[*ois.Reader](r.As)
	return err
}

func (asTest) ListObjectCheck(o *blob.ListObject) error {
	_, err := is[ois.Object](o.As)
	if o.IsDir {
		if err == nil {
			return errors.New("a prefix is an object")
		}
		return nil
	}
	return err
}
