package main

import (
	"fmt"
	"math"
)

// A step is one of the 64 steps of MD5 (RFC 1321, 3.4):
//
//	a = b + rotate(a + round(b, c, d) + word + constant, shift)
//
// after which the four change their places: a, b, c, d are what was d, a, b, c.
type step struct {
	round    round
	word     int // of the block
	constant uint32
	offset   int // of the constant in the table
	shift    int
}

// A round is one of the four functions that mix.
type round int

const (
	roundF round = iota // b picks bits of c, else of d
	roundG              // d picks bits of b, else of c
	roundH              // parity
	roundI              // c or not: b or not d
)

// of returns what the round makes of three bits.
func (r round) of(b, c, d int) int {
	switch r {
	case roundF:
		return b&c | ^b&d&1
	case roundG:
		return b&d | c&^d
	case roundH:
		return b ^ c ^ d
	default:
		return c ^ (b | ^d&1)
	}
}

// steps returns the steps in order.
func steps() []step {
	shifts := [4][4]int{{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}}
	list := make([]step, 64)
	for i := range list {
		words := [4]int{i, 5*i + 1, 3*i + 5, 7 * i}
		list[i] = step{
			round:    round(i / 16),
			word:     words[i/16] % 16,
			constant: uint32(math.Floor(math.Abs(math.Sin(float64(i+1))) * (1 << 32))),
			offset:   4 * i,
			shift:    shifts[i/16][i%4],
		}
	}
	return list
}

// constants writes the table of the constants.
func (a *assembly) constants() {
	a.text.WriteString("\n")
	for _, s := range steps() {
		fmt.Fprintf(&a.text, "DATA constants<>+%d(SB)/4, $%#x\n", s.offset, s.constant)
	}
	a.text.WriteString("GLOBL constants<>(SB), RODATA|NOPTR, $256\n")
}
