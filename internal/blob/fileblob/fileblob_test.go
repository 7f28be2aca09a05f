package fileblob_test

import (
	"testing"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/blob/blobtest"
	"github.com/oisproject/ois/internal/blob/fileblob"
	"github.com/oisproject/ois/internal/vfs"
)

func TestEngineInMemory(t *testing.T) {
	for name, fsys := range map[string]func() vfs.FS{
		"plain":     func() vfs.FS { return vfs.NewMem() },
		"crashable": func() vfs.FS { return vfs.NewCrashableMem() },
	} {
		t.Run(name, func(t *testing.T) {
			blobtest.Run(t, func(*testing.T) func() (blob.Engine, error) {
				fsys := fsys()
				return func() (blob.Engine, error) { return fileblob.Open(fsys, "data/blobs") }
			})
		})
	}
}

func TestEngineOnDisk(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) func() (blob.Engine, error) {
		dir := t.TempDir()
		return func() (blob.Engine, error) { return fileblob.Open(vfs.Disk, vfs.Disk.PathJoin(dir, "data", "blobs")) }
	})
}
