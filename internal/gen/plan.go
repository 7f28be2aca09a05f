package gen

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// A plan is what has to happen in the output folder.
type plan struct {
	dir   string
	write []File   // new, or different from what is there
	fresh []bool   // by index of write: there is no such file yet
	stale []string // generated before, and no longer
}

// makePlan compares the files with what is in dir. Files with our header that are not among
// them are stale: anywhere below dir for a whole set of templates, else beside the new files.
func makePlan(dir string, files []File, whole bool) (*plan, error) {
	p := &plan{dir: dir}
	keep, folders := make(map[string]bool), make(map[string]bool)
	for _, f := range files {
		keep[f.Name] = true
		folders[path.Dir(f.Name)] = true
	}
	for _, f := range files {
		for folder := path.Dir(f.Name); folder != "."; folder = path.Dir(folder) {
			if keep[folder] {
				return nil, fmt.Errorf("%s cannot be a file and the folder of %s", folder, f.Name)
			}
		}
		old, err := readRegular(filepath.Join(dir, filepath.FromSlash(f.Name)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if err == nil && bytes.Equal(old, f.Data) {
			continue
		}
		if err == nil && !generated(old) {
			return nil, fmt.Errorf("%s exists and was not generated; refusing to replace it", f.Name)
		}
		p.write = append(p.write, f)
		p.fresh = append(p.fresh, err != nil)
	}
	err := eachGenerated(dir, func(name string) {
		if !keep[name] && (whole || folders[path.Dir(name)]) {
			p.stale = append(p.stale, name)
		}
	})
	return p, err
}

// readRegular reads a file that is nothing else, such as a pipe.
func readRegular(file string) ([]byte, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file; refusing to replace it", file)
	}
	return os.ReadFile(file)
}

// eachGenerated calls visit for the files below dir that have our header. Hidden folders,
// testdata and what other tools fetch are not looked at.
func eachGenerated(dir string, visit func(name string)) error {
	dir, err := filepath.EvalSymlinks(dir) // a walk would not begin at a link
	if errors.Is(err, fs.ErrNotExist) {
		return nil // nothing was ever generated here
	} else if err != nil {
		return err
	}
	return filepath.WalkDir(dir, func(file string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // somebody else has removed it by now
		} else if err != nil {
			return err
		}
		name, base := "", e.Name()
		if rel, err := filepath.Rel(dir, file); err == nil {
			name = filepath.ToSlash(rel)
		}
		if e.IsDir() {
			skip := strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") && base != "_generated"
			if name != "." && (skip || base == "testdata" || base == "vendor" || base == "node_modules") {
				return fs.SkipDir
			}
			return nil
		}
		if !e.Type().IsRegular() {
			return nil
		}
		ours, err := hasHeader(file)
		if ours {
			visit(name)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
}

// hasHeader reads the start of a file.
func hasHeader(file string) (bool, error) {
	f, err := os.Open(file)
	if err != nil {
		return false, err
	}
	defer f.Close()
	start := make([]byte, 4096) // the path of the contract is in the line, too
	n, err := io.ReadFull(f, start)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false, err
	}
	return generated(start[:n]), nil
}

// empty reports whether everything is as it should be.
func (p *plan) empty() bool { return len(p.write)+len(p.stale) == 0 }

// print lists what the plan does, one file a line.
func (p *plan) print(w io.Writer, prune bool) {
	for i, f := range p.write {
		verb := "change"
		if p.fresh[i] {
			verb = "create"
		}
		fmt.Fprintf(w, "%s %s\n", verb, f.Name)
	}
	verb := "stale"
	if prune {
		verb = "remove"
	}
	for _, name := range p.stale {
		fmt.Fprintf(w, "%s %s\n", verb, name)
	}
}

// carryOut writes files, and removes stale ones if it should. All are written before the first takes its
// place, so if one cannot be, none is changed. A reader sees a file as it was or as it is to be, never half of it.
func (p *plan) carryOut(prune bool) error {
	s := &stage{}
	defer s.discard()
	for _, f := range p.write {
		if err := s.add(filepath.Join(p.dir, filepath.FromSlash(f.Name)), f.Data); err != nil {
			return err
		}
	}
	if err := s.place(); err != nil {
		return err
	}
	if !prune {
		return nil
	}
	for _, name := range p.stale {
		if err := os.Remove(filepath.Join(p.dir, filepath.FromSlash(name))); err != nil {
			return err
		}
	}
	return nil
}

// writeFile writes one file as a whole.
func writeFile(file string, data []byte) error {
	s := &stage{}
	defer s.discard()
	if err := s.add(file, data); err != nil {
		return err
	}
	return s.place()
}

// A stage holds files that are written, but not where they belong.
type stage struct {
	files   []staged
	folders []string // made for them, the outer ones first
}

// A staged file is called tmp and shall be called name.
type staged struct{ tmp, name string }

// add writes a file beside the place where it belongs.
func (s *stage) add(name string, data []byte) error {
	if err := s.mkdir(filepath.Dir(name)); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".oisgen-*")
	if err != nil {
		return err
	}
	s.files = append(s.files, staged{f.Name(), name})
	_, err = f.Write(data)
	if err2 := f.Chmod(0o644); err == nil {
		err = err2
	}
	if err2 := f.Close(); err == nil {
		err = err2
	}
	return err
}

// mkdir makes a folder and those around it, and remembers which are new.
func (s *stage) mkdir(dir string) error {
	if _, err := os.Stat(dir); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if parent := filepath.Dir(dir); parent != dir {
		if err := s.mkdir(parent); err != nil {
			return err
		}
	}
	err := os.Mkdir(dir, 0o777)
	if err == nil {
		s.folders = append(s.folders, dir)
	} else if errors.Is(err, fs.ErrExist) {
		return nil // somebody else was faster
	}
	return err
}

// place gives all files their names.
func (s *stage) place() error {
	for len(s.files) > 0 {
		if err := os.Rename(s.files[0].tmp, s.files[0].name); err != nil {
			return err
		}
		s.files = s.files[1:]
	}
	return nil
}

// discard removes what was not placed, and folders that are empty therefore.
func (s *stage) discard() {
	for _, f := range s.files {
		_ = os.Remove(f.tmp)
	}
	for _, folder := range slices.Backward(s.folders) {
		_ = os.Remove(folder) // fails if there is anything in it
	}
}
