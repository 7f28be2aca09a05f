//go:build !nos3

package main

func main() {
	panic("built with all drivers of JuiceFS; interop/juicefs_test.go has the tags that leave them out")
}
