//go:build race

package ois

const raceEnabled = true
