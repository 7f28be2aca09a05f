//go:build !nos3

package main

import "log"

func main() {
	log.Fatal("built with all drivers of JuiceFS; interop/juicefs_test.go has the tags that leave them out")
}
