// Package oisblob makes buckets of an OIS service buckets of Go CDK, gocloud.dev/blob.
//
//	b, err := blob.OpenBucket(ctx, "ois://photos-2026?zone=jn1a&endpoint=https://is.shanhe.com")
//
// The keys are those of the SDK's configuration, OIS_ACCESS_KEY_ID and OIS_SECRET_ACCESS_KEY or
// ~/.ois/config.yaml. A program that has a client of the SDK opens its buckets with OpenBucket.
//
// Objects of any size are written, in parts of 8 MiB that go four at once; a writer needs memory for
// five of them, or what WriterOptions.BufferSize and MaxConcurrency say. A read goes on where a
// connection broke. WriterOptions.IfNotExist needs a server with the extension conditional-write.
//
// # As
//
//   - Bucket: *ois.Bucket
//   - Error: *ois.Error
//   - ListObject: ois.Object; none for a prefix
//   - Attributes: ois.Info
//   - Reader: *ois.Reader; none if there are no bytes
//   - ListOptions.BeforeList: *ois.ListOptions
//   - ReaderOptions.BeforeRead: *ois.GetOptions
//   - WriterOptions.BeforeWrite: *transfer.UploadOptions
//   - CopyOptions.BeforeCopy: *transfer.CopyOptions
//   - DeleteOptions.BeforeDelete: *ois.RemoveOptions
//   - SignedURLOptions.BeforeSign: *ois.PresignOptions
package oisblob
