// Command oisgen turns the contract into code and documents.
package main

import (
	"os"

	"github.com/oisproject/ois/internal/gen"
)

func main() {
	os.Exit(gen.Main(os.Args[1:], os.Stdout, os.Stderr))
}
