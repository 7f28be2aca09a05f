module github.com/oisproject/ois/sdk/go

go 1.24
