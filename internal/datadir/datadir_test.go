package datadir

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/vfs"
	"github.com/oisproject/ois/internal/vfs/errfs"
)

const dir = "parent/data"

// create opens dir on fsys, making it, and closes it again.
func create(t *testing.T, fsys vfs.FS) {
	t.Helper()
	d, err := Open(t.Context(), fsys, dir, &Options{Create: true})
	if err != nil {
		t.Fatalf("Open = %v; want nil", err)
	}
	if err := d.Close(); err != nil {
		t.Fatalf("Close = %v; want nil", err)
	}
}

func list(t *testing.T, fsys vfs.FS) []string {
	t.Helper()
	names, err := fsys.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

func TestOpenMakesADataDirectory(t *testing.T) {
	fsys := vfs.NewMem()
	for _, created := range []bool{true, false} {
		d, err := Open(t.Context(), fsys, dir, &Options{Create: true})
		if err != nil {
			t.Fatalf("Open = %v; want nil", err)
		}
		if d.Created != created {
			t.Errorf("Created = %v; want %v", d.Created, created)
		}
		if err := d.Close(); err != nil {
			t.Errorf("Close = %v; want nil", err)
		}
	}
	text, err := vfs.ReadFile(fsys, dir+"/FORMAT", 100)
	if err != nil || string(text) != "ois-data 2\n" {
		t.Errorf("FORMAT = %q, %v; want \"ois-data 2\\n\"", text, err)
	}
	if got, want := list(t, fsys), []string{"FORMAT", "LOCK", "ballast", "meta", "packs"}; !slices.Equal(got, want) {
		t.Errorf("directory holds %q; want %q", got, want)
	}
}

func TestWhatIsStoredIsThereAgain(t *testing.T) {
	fsys := vfs.NewMem()
	d, err := Open(t.Context(), fsys, dir, &Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	u, err := d.Store.CreateUser(t.Context(), "alice")
	if err := errors.Join(err, d.Close()); err != nil {
		t.Fatal(err)
	}
	d, err = Open(t.Context(), fsys, dir, nil)
	if err != nil {
		t.Fatalf("Open again = %v; want nil", err)
	}
	users, err := d.Store.ListUsers(t.Context())
	if err := errors.Join(err, d.Close()); err != nil {
		t.Fatal(err)
	}
	if len(users) != 2 || users[0].ID != u.ID && users[1].ID != u.ID {
		t.Errorf("users = %v; want root and %v", users, u)
	}
}

func TestNothingIsMadeWithoutCreate(t *testing.T) {
	fsys := vfs.NewMem()
	if _, err := Open(t.Context(), fsys, dir, nil); !errors.Is(err, ErrNotExist) {
		t.Errorf("Open of a missing directory = %v; want ErrNotExist", err)
	}
	if _, err := fsys.Stat("parent"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Stat of the parent = %v; want that it does not exist", err)
	}
	if err := fsys.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), fsys, dir, nil); !errors.Is(err, ErrNotExist) {
		t.Errorf("Open of an empty directory = %v; want ErrNotExist", err)
	}
	if names := list(t, fsys); len(names) > 0 {
		t.Errorf("directory holds %q; want nothing", names)
	}
}

func TestSecondOpenIsRefused(t *testing.T) {
	fsys := vfs.NewMem()
	d, err := Open(t.Context(), fsys, dir, &Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), fsys, dir, nil); !errors.Is(err, ErrInUse) {
		t.Errorf("Open of an open directory = %v; want ErrInUse", err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	create(t, fsys)
}

func TestForeignDirectoriesAreRefused(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		want  string // in the error; empty if the directory is to be taken
	}{
		{"other content", map[string]string{"b.txt": "", "a.txt": ""}, `no file FORMAT, but "a.txt", "b.txt"; choose`},
		{"much other content", map[string]string{"a": "", "b": "", "c": "", "d": "", "e": ""}, `"a", "b", "c" and 2 more; choose`},
		{"other marker", map[string]string{"FORMAT": "leveldb\n"}, `its file FORMAT holds "leveldb\n", want "ois-data 2\n"`},
		{"marker without end", map[string]string{"FORMAT": "ois-data 2"}, `holds "ois-data 2", want`},
		{"marker with more", map[string]string{"FORMAT": "ois-data 2\n\n"}, `holds`},
		{"version zero", map[string]string{"FORMAT": "ois-data 0\n"}, `holds`},
		{"long marker", map[string]string{"FORMAT": strings.Repeat("x", 100)}, `too long`},
		{"newer marker", map[string]string{"FORMAT": "ois-data 3\n"}, `version 3 and this program knows versions 1 to 2; a newer ois`},
		{"leftovers of a start", map[string]string{"LOCK": "", "FORMAT.tmp": "ois-da", "lost+found/x": ""}, ""},
		{"root of a file system", map[string]string{"lost+found/x": ""}, ""},
		{"key put there before", map[string]string{"root-key": "access_key_id: a\nsecret_access_key: b\n"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			fsys := vfs.NewMem()
			write(t, fsys, c.files)
			before := list(t, fsys)
			d, err := Open(t.Context(), fsys, dir, &Options{Create: true})
			if c.want == "" {
				if err != nil {
					t.Fatalf("Open = %v; want nil", err)
				}
				if err := d.Close(); err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Open = %v; want an error with %s", err, c.want)
			}
			if after := list(t, fsys); !slices.Equal(before, after) {
				t.Errorf("directory holds %q afterwards; want %q as before", after, before)
			}
		})
	}
}

func TestHintToChooseAnotherDirectoryIsForThoseWhoMakeOne(t *testing.T) {
	fsys := vfs.NewMem()
	write(t, fsys, map[string]string{"a.txt": ""})
	_, err := Open(t.Context(), fsys, dir, nil)
	if !errors.Is(err, ErrForeign) || strings.Contains(err.Error(), "choose") {
		t.Errorf("Open without Create = %v; want ErrForeign without a hint", err)
	}
}

// tree returns all names under dir, and what the files hold.
func tree(t *testing.T, fsys vfs.FS, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	names, err := fsys.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		n = fsys.PathJoin(dir, n)
		fi, err := fsys.Stat(n)
		if err != nil {
			t.Fatal(err)
		}
		if all[n] = "directory"; fi.IsDir() {
			maps.Copy(all, tree(t, fsys, n))
			continue
		}
		text, err := vfs.ReadFile(fsys, n, 8<<20)
		if err != nil {
			t.Fatal(err)
		}
		all[n] = string(text)
	}
	return all
}

// TestBlobsWithoutMetadataAreRefused stages what a volume that is not mounted, or a restore that is
// half done, looks like.
func TestBlobsWithoutMetadataAreRefused(t *testing.T) {
	const blob = "packs/00000001/000000000.pack"
	const old = "blobs/00000001/0000000000000/000000010000000000000001"
	for name, files := range map[string]map[string]string{
		"no meta, format 1":        {"FORMAT": "ois-data 1\n", old: "hello"},
		"no meta, old blobs":       {"FORMAT": marker(), old: "hello", "packs/lost+found/x": ""},
		"no meta, both":            {"FORMAT": marker(), old: "hello", blob: "hello", "ballast": ""},
		"no meta":                  {"FORMAT": marker(), blob: "hello"},
		"no meta, and a key":       {"FORMAT": marker(), blob: "hello", "root-key": "", "LOCK": ""},
		"empty volume for meta":    {"FORMAT": marker(), blob: "hello", "meta/lost+found/x": ""},
		"only a directory of ours": {"FORMAT": marker(), "packs/00000001/x": ""},
	} {
		for _, create := range []bool{true, false} {
			fsys := vfs.NewMem()
			write(t, fsys, files)
			before := tree(t, fsys, dir)
			_, err := Open(t.Context(), fsys, dir, &Options{Create: create})
			if !errors.Is(err, ErrIncomplete) || !strings.Contains(err.Error(), "the metadata in meta is missing") {
				t.Errorf("%s: Open = %v; want ErrIncomplete for the metadata", name, err)
			}
			if after := tree(t, fsys, dir); !maps.Equal(before, after) {
				t.Errorf("%s: directory holds %q afterwards; want %q as before", name, after, before)
			}
		}
	}
}

// putObject stores an object of some size in a bucket of its own.
func putObject(ctx context.Context, s *store.Store) error {
	if _, err := s.PutBucket(ctx, store.RootUser, "jn1a", &op.PutBucketInput{Bucket: "test-bucket"}); err != nil {
		return err
	}
	b, err := s.Bucket(ctx, "test-bucket")
	if err != nil {
		return err
	}
	const size = 100_000 // too many to lie in the metadata
	_, err = b.PutObject(ctx, &op.PutObjectInput{
		Bucket: "test-bucket", Key: "a.txt", Body: strings.NewReader(strings.Repeat("x", size)), ContentLength: size,
	})
	return err
}

func TestStoreWithoutItsMetadataKeepsItsBlobs(t *testing.T) {
	fsys := vfs.NewMem()
	d, err := Open(t.Context(), fsys, dir, &Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(putObject(t.Context(), d.Store), d.Close()); err != nil {
		t.Fatal(err)
	}
	if err := fsys.Rename(dir+"/meta", "elsewhere"); err != nil {
		t.Fatal(err)
	}
	before := tree(t, fsys, dir)
	if _, err := Open(t.Context(), fsys, dir, &Options{Create: true}); !errors.Is(err, ErrIncomplete) {
		t.Errorf("Open = %v; want ErrIncomplete", err)
	}
	if after := tree(t, fsys, dir); !maps.Equal(before, after) {
		t.Errorf("directory holds %q afterwards; want %q as before", after, before)
	}
	if err := fsys.Rename("elsewhere", dir+"/meta"); err != nil {
		t.Fatal(err)
	}
	d, err = Open(t.Context(), fsys, dir, nil)
	if err != nil {
		t.Fatalf("Open with the metadata back = %v; want nil", err)
	}
	r, err := d.Store.Check(t.Context())
	if err := errors.Join(err, d.Close()); err != nil || !r.Clean() || r.Objects != 1 {
		t.Errorf("Check = %+v, %v; want one object and no problem", r, err)
	}
}

func TestFirstStartThatWasCutShortGoesOn(t *testing.T) {
	for _, files := range []map[string]string{
		{"FORMAT": marker()},
		{"FORMAT": "ois-data 1\n"},
		{"FORMAT": "ois-data 1\n", "FORMAT.tmp": marker(), "blobs/lost+found/x": ""},
		{"FORMAT": marker(), "meta/lost+found/x": ""},
		{"FORMAT": marker(), "packs/lost+found/x": "", "ballast": ""},
		{"FORMAT": marker(), "meta/LOCK": ""},
	} {
		fsys := vfs.NewMem()
		write(t, fsys, files)
		create(t, fsys)
	}
}

func write(t *testing.T, fsys vfs.FS, files map[string]string) {
	t.Helper()
	for name, text := range files {
		name = fsys.PathJoin(dir, name)
		if err := vfs.MkdirAll(fsys, fsys.PathDir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := vfs.WriteFile(fsys, name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFileInPlaceOfDirectoryIsRefused(t *testing.T) {
	fsys := vfs.NewMem()
	if err := fsys.MkdirAll("parent", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := vfs.WriteFile(fsys, dir, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), fsys, dir, &Options{Create: true}); !errors.Is(err, ErrForeign) {
		t.Errorf("Open of a file = %v; want ErrForeign", err)
	}
}

func TestDataDirectoryIsPrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there are no modes on Windows")
	}
	name := filepath.Join(t.TempDir(), "data")
	d, err := Open(t.Context(), vfs.Disk, name, &Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	_, err = LoadRootKey(vfs.Disk, name, noEnv)
	if err := errors.Join(err, d.Close()); err != nil {
		t.Fatal(err)
	}
	for part, want := range map[string]fs.FileMode{"": 0o700, "meta": 0o700, "packs": 0o700, "FORMAT": 0o600, "root-key": 0o600, "ballast": 0o600} {
		fi, err := vfs.Disk.Stat(filepath.Join(name, part))
		if err != nil {
			t.Fatal(err)
		}
		if got := fi.Mode().Perm(); got != want {
			t.Errorf("mode of %q is %o; want %o", part, got, want)
		}
	}
}

// TestFirstStartSurvivesFailures fails each call of the first start in turn, but those of the
// metadata engine, which has such a test itself. Whatever it leaves, the next start takes it as its own.
func TestFirstStartSurvivesFailures(t *testing.T) {
	for n := 1; ; n++ {
		mem := vfs.NewMem()
		fsys := errfs.New(mem)
		var calls atomic.Int64
		fsys.SetHook(func(op errfs.Op) error {
			if !strings.Contains(op.Path, metaName) && calls.Add(1) == int64(n) {
				return errfs.ErrInjected
			}
			return nil
		})
		d, err := Open(t.Context(), fsys, dir, &Options{Create: true})
		fsys.SetHook(nil)
		if err == nil {
			if err := d.Close(); err != nil {
				t.Fatalf("call %d fails: Close = %v; want nil", n, err)
			}
		}
		mem.Kill()
		create(t, mem)
		if calls.Load() < int64(n) {
			if n < 10 {
				t.Fatalf("a first start makes %d calls; want at least 10", n)
			}
			return
		}
	}
}

// TestFirstStartSurvivesPowerLoss loses power before every call of the first start that makes something durable,
// with none, some and all of what was not synced.
func TestFirstStartSurvivesPowerLoss(t *testing.T) {
	for _, percent := range []int{0, 50, 100} {
		mem := vfs.NewCrashableMem()
		fsys := errfs.New(mem)
		var left []*vfs.Mem
		fsys.SetHook(func(op errfs.Op) error {
			if op.IsSync() || op.Kind == "rename" {
				left = append(left, mem.PowerLoss(percent, uint64(op.N)))
			}
			return nil
		})
		create(t, fsys)
		if len(left) < 5 {
			t.Fatalf("%d syncs of a first start; want at least 5", len(left))
		}
		for _, m := range left {
			create(t, m)
		}
	}
}

func FuzzFormat(f *testing.F) {
	for _, s := range []string{"ois-data 1\n", "ois-data 2\n", "ois-data 01\n", "", "ois-data", "ois-data 99999999999999999999\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		want := map[string]int{"ois-data 1\n": 1, "ois-data 2\n": 2}[text]
		if got, err := parseFormat(text); got != want || (err == nil) != (want > 0) {
			t.Errorf("parseFormat(%q) = %d, %v; want %d", text, got, err, want)
		}
	})
}
