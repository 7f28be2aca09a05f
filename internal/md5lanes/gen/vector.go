package main

// A vector is the number of a vector register.
type vector = int

// ahead is how many bytes before they are needed data is fetched into the cache. The processor
// does so by itself for a few streams, hardly for 16.
const ahead = 512

// A state is the registers of a, b, c and d.
type state [4]vector

func (s state) turned() state { return state{s[3], s[0], s[1], s[2]} }

// transpose writes how four registers, each with four words of lane after lane in every 128 bits,
// become four registers with one word of all lanes. It returns these in order, and
// the one that is left over.
func (a *assembly) transpose(kind string, rows [4]vector, spare vector) (words [4]vector, left vector) {
	unpack := func(unit string, x, y vector) (low, high vector) {
		a.ins("VPUNPCKL%s %[2]s%[3]d, %[2]s%[4]d, %[2]s%[5]d", unit, kind, y, x, spare)
		a.ins("VPUNPCKH%s %[2]s%[3]d, %[2]s%[4]d, %[2]s%[3]d", unit, kind, y, x)
		low, spare = spare, x
		return low, y
	}
	l0, h0 := unpack("DQ", rows[0], rows[1])
	l1, h1 := unpack("DQ", rows[2], rows[3])
	words[0], words[1] = unpack("QDQ", l0, l1)
	words[2], words[3] = unpack("QDQ", h0, h1)
	return words, spare
}
