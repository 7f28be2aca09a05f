// Package transfer moves objects of any size, in parts that go several at once: files, streams of unknown
// length, copies within the service, and whole folders.
//
//	m := transfer.New(bucket, transfer.Options{Checkpoint: ".ois"})
//	_, err := m.UploadFile(ctx, "big.iso", "/data/big.iso", nil)
//	_, err = m.DownloadFile(ctx, "big.iso", "/tmp/big.iso", nil)
//
// What is small goes in one request, as [ois.Bucket.Put] and [ois.Bucket.Get] would have it.
package transfer
