package gen

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const usage = `oisgen turns the contract into code and documents.

Usage:
  oisgen generate --spec FILE --templates DIR --out DIR [--check | --dry-run]
  oisgen export --strict --spec FILE --out FILE

generate renders the template folder DIR, or every template folder in DIR.
  --check    writes nothing; lists files that differ and exits 1 if there are any
  --dry-run  writes nothing; lists files that would be written
export writes the contract as one document that follows the rules of OpenAPI 3.1.

docs/generator.md tells how to write templates.
`

// errDiffers makes --check exit with 1 without a further message.
var errDiffers = errors.New("generated files are not up to date")

// Main runs the command line and returns the exit status: 0, 1 for a failure, 2 for wrong usage.
func Main(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		fmt.Fprint(stdout, usage)
		return 0
	}
	run, ok := map[string]func(*settings, io.Writer) error{"generate": runGenerate, "export": runExport}[args[0]]
	if !ok {
		fmt.Fprintf(stderr, "oisgen: unknown command %q; want generate or export\n", args[0])
		return 2
	}
	s := &settings{}
	if err := s.parse(args[0], args[1:]); errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, usage)
		return 0
	} else if err != nil {
		fmt.Fprintf(stderr, "oisgen %s: %v\n", args[0], err)
		return 2
	}
	if err := run(s, stdout); err != nil {
		fmt.Fprintf(stderr, "oisgen %s: %v\n", args[0], err)
		return 1
	}
	return 0
}

// settings are the flags of both commands.
type settings struct {
	spec, templates, out  string
	check, dryRun, strict bool
}

// parse reads the flags of a command.
func (s *settings) parse(command string, args []string) error {
	f := flag.NewFlagSet(command, flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&s.spec, "spec", "", "root document of the contract")
	f.StringVar(&s.out, "out", "", "where the output goes")
	if command == "generate" {
		f.StringVar(&s.templates, "templates", "", "folder of templates, or of such folders")
		f.BoolVar(&s.check, "check", false, "list files that differ")
		f.BoolVar(&s.dryRun, "dry-run", false, "list files that would be written")
	} else {
		f.BoolVar(&s.strict, "strict", false, "follow the rules of OpenAPI 3.1")
	}
	if err := f.Parse(args); err != nil {
		return err
	}
	switch {
	case f.NArg() > 0:
		return fmt.Errorf("unexpected argument %q", f.Arg(0))
	case s.spec == "":
		return errors.New("--spec is missing")
	case s.out == "":
		return errors.New("--out is missing")
	case command == "generate" && s.templates == "":
		return errors.New("--templates is missing")
	case command == "export" && !s.strict:
		return errors.New("--strict is missing; it is the only form there is")
	case s.check && s.dryRun:
		return errors.New("--check and --dry-run exclude each other")
	}
	return nil
}

// load reads the contract that --spec names.
func (s *settings) load() (*Spec, error) {
	dir, file := filepath.Split(s.spec)
	return Load(os.DirFS(filepath.Clean(dir)), file, s.source())
}

// source is the name of the contract in headers: its path as given, unless that would
// tell where on somebody's machine it is.
func (s *settings) source() string {
	if filepath.IsAbs(s.spec) || strings.HasPrefix(s.spec, "..") {
		return filepath.Base(s.spec)
	}
	return filepath.ToSlash(filepath.Clean(s.spec))
}

// runGenerate is "oisgen generate".
func runGenerate(s *settings, stdout io.Writer) error {
	spec, err := s.load()
	if err != nil {
		return err
	}
	folders, whole, err := readFolders(s.templates)
	if err != nil {
		return err
	}
	var files []File
	made := make(map[string]string)
	for _, f := range folders {
		list, err := f.Render(spec)
		if err != nil {
			return err
		}
		for _, file := range list {
			if other, ok := made[file.Name]; ok {
				return fmt.Errorf("templates %s and %s both generate %s", other, f.Name, file.Name)
			}
			made[file.Name] = f.Name
		}
		files = append(files, list...)
	}
	p, err := makePlan(s.out, files, whole)
	if err != nil {
		return err
	}
	p.print(stdout)
	switch {
	case s.check && !p.empty():
		return errDiffers
	case s.check, s.dryRun:
		return nil
	}
	return p.carryOut()
}

// readFolders reads dir if it has a manifest, else each folder in it that has one. whole says
// that dir is such a set, which generates all there is.
func readFolders(dir string) (folders []*Folder, whole bool, err error) {
	if _, err := os.Stat(filepath.Join(dir, manifestName)); err == nil {
		f, err := ReadFolder(os.DirFS(dir), filepath.Base(dir))
		return []*Folder{f}, false, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, false, err
	}
	for _, e := range entries {
		sub := filepath.Join(dir, e.Name())
		if _, err := os.Stat(filepath.Join(sub, manifestName)); err != nil {
			continue
		}
		f, err := ReadFolder(os.DirFS(sub), e.Name())
		if err != nil {
			return nil, false, err
		}
		folders = append(folders, f)
	}
	if len(folders) == 0 {
		return nil, false, fmt.Errorf("%s: no %s here, nor in a folder below", dir, manifestName)
	}
	return folders, true, nil
}

// A plan is what has to happen in the output folder.
type plan struct {
	dir    string
	write  []File   // new, or different from what is there
	fresh  []bool   // by index of write: there is no such file yet
	remove []string // generated before, and no longer
}

// makePlan compares the files with what is in dir. Files with our header that are not among
// them are stale: anywhere below dir for a whole set of templates, else beside the new files.
func makePlan(dir string, files []File, whole bool) (*plan, error) {
	p := &plan{dir: dir}
	keep, folders := make(map[string]bool), make(map[string]bool)
	for _, f := range files {
		keep[f.Name] = true
		folders[filepath.ToSlash(filepath.Dir(filepath.FromSlash(f.Name)))] = true
		old, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(f.Name)))
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
		if !keep[name] && (whole || folders[filepath.ToSlash(filepath.Dir(filepath.FromSlash(name)))]) {
			p.remove = append(p.remove, name)
		}
	})
	return p, err
}

// eachGenerated calls visit for the files below dir that have our header. Hidden folders,
// testdata and what other tools fetch are not looked at.
func eachGenerated(dir string, visit func(name string)) error {
	err := filepath.WalkDir(dir, func(file string, e fs.DirEntry, err error) error {
		if err != nil {
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
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil // nothing was ever generated here
	}
	return err
}

// hasHeader reads the start of a file.
func hasHeader(file string) (bool, error) {
	f, err := os.Open(file)
	if err != nil {
		return false, err
	}
	defer f.Close()
	start := make([]byte, 256)
	n, err := io.ReadFull(f, start)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false, err
	}
	return generated(start[:n]), nil
}

// empty reports whether everything is as it should be.
func (p *plan) empty() bool { return len(p.write)+len(p.remove) == 0 }

// print lists what the plan does, one file a line.
func (p *plan) print(w io.Writer) {
	for i, f := range p.write {
		verb := "change"
		if p.fresh[i] {
			verb = "create"
		}
		fmt.Fprintf(w, "%s %s\n", verb, f.Name)
	}
	for _, name := range p.remove {
		fmt.Fprintf(w, "remove %s\n", name)
	}
}

// carryOut writes and removes files. A reader sees a file as it was or as it is to
// be, never half of it.
func (p *plan) carryOut() error {
	for _, f := range p.write {
		if err := writeFile(filepath.Join(p.dir, filepath.FromSlash(f.Name)), f.Data); err != nil {
			return err
		}
	}
	for _, name := range p.remove {
		if err := os.Remove(filepath.Join(p.dir, filepath.FromSlash(name))); err != nil {
			return err
		}
	}
	return nil
}

// writeFile writes beside the file and renames.
func writeFile(file string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), ".oisgen-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }() // it is gone already if all went well
	_, err = tmp.Write(data)
	if err2 := tmp.Chmod(0o644); err == nil {
		err = err2
	}
	if err2 := tmp.Close(); err == nil {
		err = err2
	}
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), file)
}
