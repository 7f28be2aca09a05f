// Package transfer moves objects of any size, in parts that go several at once: files, streams of unknown
// length, copies within the service, and whole folders.
//
//	m := transfer.New(bucket, transfer.Options{Concurrency: 8, Checkpoint: ".ois-checkpoints"})
//	res, err := m.UploadFile(ctx, "big.iso", "/data/big.iso", nil)
//	res, err = m.DownloadFile(ctx, "big.iso", "/tmp/big.iso", nil)
//
// A [Manager] has the limits of all its transfers together: workers, memory, bytes per second. Make one
// and share it; [Manager.For] has it serve other buckets, too.
//
// # Parts and memory
//
// What is small goes in one request. What is larger than [Options].Threshold goes in parts, whose size is
// settled before the first byte if the length is known, so that 10,000 parts are enough. Files and other inputs
// with ReadAt and Seek are read where the parts are, and never buffered. A stream of unknown length is read into
// buffers, and one that ends in the first of them takes one request. Its parts grow as it goes on: with the
// default memory it may have 300 GB, with more of it up to 50 TB. A download to an [io.Writer] reads ahead into
// buffers, too. All buffers together never have more than [Options].Memory.
//
// # What can be relied on
//
// Part by part, the MD5 of what was sent is compared with the ETag that the service answers with, and that of
// what was read with the ETag of the object, where that is an MD5: objects written in one request have such an
// ETag, those in parts have another, which ends in the number of parts. With [UploadOptions].ContentMD5 they have an MD5 as well.
// Encrypted objects are not compared. [Result].Verified tells whether it was so.
//
// All parts of a download or a copy are of the same object, by its ETag. A file that is downloaded appears under its name
// when it is complete, verified and synced, and a file that changes while it is uploaded is an error. When a
// part fails for good, the others end, its error is returned, and nothing is left behind: no upload
// in the bucket, no temporary file, no goroutine.
//
// # Checkpoints
//
// With [Options].Checkpoint, a transfer of a file that fails keeps what it has and returns an [*UnfinishedError], and
// the same call goes on from there, be it in another process after the first was killed. Nothing that the
// service has confirmed is sent again: it lists the parts that are there, and they are compared with the file by their
// MD5. Of a download, only what is not yet noted as being on the disk is read again. If the
// source has changed, the transfer begins anew, and an [Event] says so. Only one process at a time works on a
// transfer; others get an error.
package transfer
