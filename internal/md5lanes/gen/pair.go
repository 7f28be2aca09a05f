package main

import "fmt"

// A scalar is one stream in general registers.
type scalar struct {
	lane       int
	a, b, c, d string // the state
	spare      string
	data       string // where the block is
}

// pair writes the kernel for two streams. A core has several times the
// units that the chain of one stream keeps busy, so two chains, instruction by instruction, take
// hardly longer than one.
func (a *assembly) pair() {
	a.begin("pairBlocks", "It hashes lanes 0 and 1, in general registers.", 0)
	pair := [2]scalar{
		{lane: 0, a: "AX", b: "BX", c: "DX", d: "R15", spare: "R12", data: "SI"},
		{lane: 1, a: "R8", b: "R9", c: "R10", d: "R11", spare: "R13", data: "DI"},
	}
	a.ins("MOVQ l+0(FP), R12")
	a.ins("MOVQ blocks+8(FP), CX")
	for _, s := range pair {
		a.ins("MOVQ %d(R12), %s", dataOffset+8*s.lane, s.data)
		for i, r := range s.state() {
			a.ins("MOVL %d(R12), %s", rowSize*i+4*s.lane, r)
		}
	}
	a.label("block")
	for _, st := range steps() {
		one, two := pair[0].step(st), pair[1].step(st)
		for i := range one {
			a.ins("%s", one[i])
			a.ins("%s", two[i])
		}
		pair[0].turn()
		pair[1].turn()
	}
	a.ins("MOVQ l+0(FP), R12")
	for _, s := range pair {
		for i, r := range s.state() {
			a.ins("ADDL %d(R12), %s", rowSize*i+4*s.lane, r)
			a.ins("MOVL %s, %d(R12)", r, rowSize*i+4*s.lane)
		}
		a.ins("ADDQ $64, %s", s.data)
	}
	a.next()
	a.ins("RET")
}

func (s *scalar) state() []string { return []string{s.a, s.b, s.c, s.d} }

func (s *scalar) turn() { s.a, s.b, s.c, s.d = s.d, s.a, s.b, s.c }

// step returns the instructions of one step.
func (s *scalar) step(st step) []string {
	list := []string{
		fmt.Sprintf("ADDL $%#x, %s", st.constant, s.a),
		fmt.Sprintf("ADDL %d(%s), %s", 4*st.word, s.data, s.a),
	}
	list = append(list, s.mix(st.round)...)
	return append(list,
		fmt.Sprintf("ADDL %s, %s", s.spare, s.a),
		fmt.Sprintf("ROLL $%d, %s", st.shift, s.a),
		fmt.Sprintf("ADDL %s, %s", s.b, s.a))
}

// mix returns the instructions that leave the function of the round in the spare register. As few as
// possible of them have to wait for b, which is the newest.
func (s *scalar) mix(r round) []string {
	op := func(name, from string) string { return name + " " + from + ", " + s.spare }
	switch r {
	case roundF: // (c ^ d) & b ^ d
		return []string{op("MOVL", s.c), op("XORL", s.d), op("ANDL", s.b), op("XORL", s.d)}
	case roundG: // d & b is added to ^d & c: no bit is in both
		return []string{
			op("MOVL", s.d), "NOTL " + s.spare, op("ANDL", s.c), "ADDL " + s.spare + ", " + s.a,
			op("MOVL", s.d), op("ANDL", s.b),
		}
	case roundH:
		return []string{op("MOVL", s.c), op("XORL", s.d), op("XORL", s.b)}
	default:
		return []string{op("MOVL", s.d), "NOTL " + s.spare, op("ORL", s.b), op("XORL", s.c)}
	}
}
