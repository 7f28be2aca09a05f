package local

import (
	"os"
	"path/filepath"
)

// Join is where a key lies in a folder. Unlike filepath.Join it leaves dir as it is: without "link/.." in it, that may be another folder.
func Join(dir, key string) string {
	switch {
	case key == "":
		return dir
	case dir == "" || os.IsPathSeparator(dir[len(dir)-1]):
		return dir + filepath.FromSlash(key)
	case dir == ".":
		return filepath.FromSlash(key)
	}
	return dir + string(filepath.Separator) + filepath.FromSlash(key)
}

// Split cuts the name of a file into a folder, and the name there.
func Split(path string) (dir, name string) {
	dir, name = filepath.Split(path)
	switch root := len(filepath.VolumeName(dir)) + 1; {
	case dir == "":
		dir = "."
	case len(dir) > root:
		dir = dir[:len(dir)-1]
	}
	return dir, name
}
