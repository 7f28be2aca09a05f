package pebblemeta_test

import (
	"testing"

	"github.com/oisproject/ois/internal/meta"
	"github.com/oisproject/ois/internal/meta/metatest"
	"github.com/oisproject/ois/internal/meta/pebblemeta"
	"github.com/oisproject/ois/internal/vfs"
)

func TestEngineInMemory(t *testing.T) {
	for name, o := range map[string]func() pebblemeta.Options{
		"plain":         func() pebblemeta.Options { return pebblemeta.Options{FS: vfs.NewMem()} },
		"crashable":     func() pebblemeta.Options { return pebblemeta.Options{FS: vfs.NewCrashableMem()} },
		"tiny memtable": func() pebblemeta.Options { return pebblemeta.Options{FS: vfs.NewMem(), MemTableBytes: 16 << 10} },
	} {
		t.Run(name, func(t *testing.T) {
			metatest.Run(t, func(*testing.T) func() (meta.Engine, error) {
				o := o()
				o.Dir = "data/meta"
				return func() (meta.Engine, error) { return pebblemeta.Open(o) }
			})
		})
	}
}

func TestEngineOnDisk(t *testing.T) {
	metatest.Run(t, func(t *testing.T) func() (meta.Engine, error) {
		o := pebblemeta.Options{FS: vfs.Disk, Dir: vfs.Disk.PathJoin(t.TempDir(), "data", "meta")}
		return func() (meta.Engine, error) { return pebblemeta.Open(o) }
	})
}
