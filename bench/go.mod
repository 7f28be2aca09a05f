module github.com/oisproject/ois/bench

go 1.26

require github.com/oisproject/ois/sdk/go v0.0.0

replace github.com/oisproject/ois/sdk/go => ../sdk/go
