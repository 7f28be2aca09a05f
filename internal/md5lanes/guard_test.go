//go:build linux || darwin

package md5lanes

import (
	"os"
	"syscall"
	"testing"
)

// TestKernelsReadNothingBeyond puts the blocks of all lanes before a page that must not be read, and behind
// another.
func TestKernelsReadNothingBeyond(t *testing.T) {
	page := os.Getpagesize()
	mem, err := syscall.Mmap(-1, 0, 3*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatalf("map three pages: %v", err)
	}
	defer func() { _ = syscall.Munmap(mem) }() // as the process ends
	for _, guard := range [][]byte{mem[:page], mem[2*page:]} {
		if err := syscall.Mprotect(guard, syscall.PROT_NONE); err != nil {
			t.Fatalf("protect a page: %v", err)
		}
	}
	data := mem[page : 2*page]
	for _, k := range runnable() {
		for _, blocks := range []int{1, 5, page / blockSize} {
			for _, p := range [][]byte{data, data[len(data)-blocks*blockSize:]} {
				var l lanes
				for i := range l.data {
					l.data[i] = &p[0]
				}
				k.blocks(&l, blocks) // or the program dies
			}
		}
	}
}
