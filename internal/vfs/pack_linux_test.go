package vfs_test

import (
	"bytes"
	"errors"
	"os"
	"sync"
	"syscall"
	"testing"

	"github.com/oisproject/ois/internal/vfs"
)

// onDisk returns how many bytes of the disk a file takes.
func onDisk(t *testing.T, name string) int64 {
	t.Helper()
	var s syscall.Stat_t
	if err := syscall.Stat(name, &s); err != nil {
		t.Fatal(err)
	}
	return s.Blocks * 512
}

// diskPack returns a new pack on the disk with n bytes in it, if one can have holes.
func diskPack(t *testing.T, n int) (string, vfs.Pack) {
	t.Helper()
	name := vfs.Disk.PathJoin(t.TempDir(), "p")
	p := newPack(t, vfs.Disk, name)
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	if n > 0 {
		writeAt(t, p, pattern(n, 1), 0)
	}
	if err := p.SyncData(); err != nil {
		t.Fatal(err)
	}
	if err := p.PunchHole(0, 4096); errors.Is(err, vfs.ErrNoHoles) {
		t.Skip("the file system of the temporary directory has no holes")
	}
	return name, p
}

func TestPunchHoleGivesBlocksBack(t *testing.T) {
	name, p := diskPack(t, 1<<20)
	before := onDisk(t, name)
	if err := p.PunchHole(256<<10, 512<<10); err != nil {
		t.Fatal(err)
	}
	if err := p.SyncData(); err != nil {
		t.Fatal(err)
	}
	if after := onDisk(t, name); before-after != 512<<10 {
		t.Errorf("file takes %d bytes before and %d after the hole; want 512 KiB less", before, after)
	}
}

func TestPreallocatedSpaceIsTakenAndGivenBack(t *testing.T) {
	name, p := diskPack(t, 1<<20)
	before := onDisk(t, name)
	if err := p.Preallocate(1<<20, 4<<20); err != nil {
		t.Fatal(err)
	}
	if after := onDisk(t, name); after-before < 4<<20 {
		t.Errorf("file takes %d bytes before and %d after Preallocate; want 4 MiB more", before, after)
	}
	if size, err := p.Size(); size != 1<<20 || err != nil {
		t.Errorf("Size = %d, %v; want 1 MiB", size, err)
	}
	if err := p.PunchHole(512<<10, 8<<20); err != nil {
		t.Fatal(err)
	}
	if after := onDisk(t, name); before-after != 512<<10 {
		t.Errorf("file takes %d bytes before and %d after the hole; want 512 KiB less", before, after)
	}
	if size, err := p.Size(); size != 1<<20 || err != nil {
		t.Errorf("Size = %d, %v; want 1 MiB", size, err)
	}
}

func TestHoleInsideOfTheFileKeepsWhatIsPreallocated(t *testing.T) {
	name := vfs.Disk.PathJoin(t.TempDir(), "p")
	if err := os.WriteFile(name, pattern(1<<20, 1), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := vfs.Disk.OpenPack(name)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.Preallocate(1<<20, 4<<20); err != nil {
		t.Fatal(err)
	}
	before := onDisk(t, name)
	if err := p.PunchHole(0, 4096); errors.Is(err, vfs.ErrNoHoles) {
		t.Skip("the file system of the temporary directory has no holes")
	} else if err != nil {
		t.Fatal(err)
	}
	if after := onDisk(t, name); before-after != 4096 {
		t.Errorf("file takes %d bytes before and %d after the hole; want 4 KiB less", before, after)
	}
}

func TestPreallocateOfMoreThanIsFreeTakesNothing(t *testing.T) {
	name, p := diskPack(t, 1<<20)
	u, err := vfs.Disk.GetDiskUsage(name)
	if err != nil {
		t.Fatal(err)
	}
	before := onDisk(t, name)
	for _, n := range []uint64{u.TotalBytes, 1 << 62} {
		if err := p.Preallocate(1<<20, int64(n)); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("Preallocate of %d bytes = %v; want ENOSPC", n, err)
		}
	}
	if after := onDisk(t, name); after != before {
		t.Errorf("file takes %d bytes before and %d after Preallocate; want the same", before, after)
	}
}

// TestGivingBackLosesNoWrite appends while the space beyond the end is given back.
func TestGivingBackLosesNoWrite(t *testing.T) {
	const pieces, piece = 400, 4096
	_, p := diskPack(t, 0)
	want := pattern(pieces*piece, 2)
	var all sync.WaitGroup
	done := make(chan struct{})
	all.Go(func() {
		defer close(done)
		for i := range pieces {
			if _, err := p.WriteAt(want[i*piece:(i+1)*piece], int64(i*piece)); err != nil {
				t.Error(err)
			}
		}
	})
	all.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			if err := errors.Join(p.Preallocate(1<<30, 1<<16), p.PunchHole(1<<30, 1<<16)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	all.Wait()
	if got := viewOf(t, p, 0, int64(len(want))); !bytes.Equal(got, want) {
		t.Error("the file does not hold what was written")
	}
}

func TestPackIsNotInheritedByOtherPrograms(t *testing.T) {
	name, _ := diskPack(t, 1)
	links, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc here: ", err)
	}
	found := false
	for _, l := range links {
		if to, err := os.Readlink("/proc/self/fd/" + l.Name()); err != nil || to != name {
			continue
		}
		found = true
		info, err := os.ReadFile("/proc/self/fdinfo/" + l.Name())
		if err != nil || !closesOnExec(info) {
			t.Errorf("file %s of the pack, %v, stays open in other programs", info, err)
		}
	}
	if !found {
		t.Error("no open file has the name of the pack")
	}
}

// closesOnExec looks for O_CLOEXEC, which fdinfo writes as an octal number.
func closesOnExec(info []byte) bool {
	for line := range bytes.Lines(info) {
		if flags, ok := bytes.CutPrefix(line, []byte("flags:")); ok {
			flags = bytes.TrimSpace(flags)
			return len(flags) >= 7 && (flags[len(flags)-7]-'0')&2 != 0
		}
	}
	return false
}
