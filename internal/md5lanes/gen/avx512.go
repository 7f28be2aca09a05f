package main

// avx512 writes the kernel for 16 streams. The words of a block lie in Z0 to Z15 and Z24, the state
// in Z16 to Z19, that before the block in Z20 to Z23.
func (a *assembly) avx512() {
	a.begin("avx512Blocks", "It hashes all 16 lanes, in the registers of AVX-512.", 0)
	now, before := state{16, 17, 18, 19}, state{20, 21, 22, 23}
	a.ins("MOVQ l+0(FP), DI")
	a.ins("MOVQ blocks+8(FP), CX")
	a.ins("LEAQ constants<>(SB), DX")
	a.ins("XORL SI, SI")
	for i, r := range now {
		a.ins("VMOVDQU32 %d(DI), Z%d", rowSize*i, r)
	}
	a.label("block")
	words, spare := a.load512()
	for i, r := range now {
		a.ins("VMOVDQA32 Z%d, Z%d", r, before[i])
	}
	for _, st := range steps() {
		a.step512(st, now, words[st.word], spare)
		now = now.turned()
	}
	for i, r := range now {
		a.ins("VPADDD Z%d, Z%[2]d, Z%[2]d", before[i], r)
	}
	a.ins("ADDQ $64, SI")
	a.next()
	for i, r := range now {
		a.ins("VMOVDQU32 Z%d, %d(DI)", r, rowSize*i)
	}
	a.ins("VZEROUPPER")
	a.ins("RET")
}

// load512 writes how a block of each lane is loaded, and returns where its words are. Lanes g,
// g+4, g+8 and g+12 share a register for each quarter of the block. To insert while loading is as
// fast here as to load whole blocks and shuffle across registers, and kinder to
// processors that shuffle on one port; gathers took 60 % more time.
func (a *assembly) load512() (words [16]vector, spare vector) {
	pointers := []string{"R8", "R9", "R10", "R11"}
	for g := range 4 {
		for k, p := range pointers {
			a.ins("MOVQ %d(DI), %s", dataOffset+8*(g+4*k), p)
			a.ins("PREFETCHT0 %d(%s)(SI*1)", ahead, p)
		}
		for q := range 4 {
			a.ins("VMOVDQU %d(R8)(SI*1), X%d", 16*q, 4*q+g)
			for k := 1; k < 4; k++ {
				a.ins("VINSERTI32X4 $%d, %d(%s)(SI*1), Z%[4]d, Z%[4]d", k, 16*q, pointers[k], 4*q+g)
			}
		}
	}
	spare = 24
	for q := 0; q < 16; q += 4 {
		var w [4]vector
		w, spare = a.transpose("Z", [4]vector{q, q + 1, q + 2, q + 3}, spare)
		copy(words[q:], w[:])
	}
	return words, spare
}

// step512 writes one step.
func (a *assembly) step512(st step, s state, word, spare vector) {
	a.ins("VPADDD.BCST %d(DX), Z%[2]d, Z%[2]d", st.offset, s[0])
	a.ins("VPADDD Z%d, Z%[2]d, Z%[2]d", word, s[0])
	a.mix512(st.round, s, spare)
	a.ins("VPADDD Z%d, Z%[2]d, Z%[2]d", spare, s[0])
	a.ins("VPROLD $%d, Z%[2]d, Z%[2]d", st.shift, s[0])
	a.ins("VPADDD Z%d, Z%[2]d, Z%[2]d", s[1], s[0])
}

// mix512 writes how the function of the round comes to register t. VPTERNLOGD could do
// them all, but where one plain instruction waits for b, that is 5 % faster for the whole.
func (a *assembly) mix512(r round, s state, t vector) {
	ra, rb, rc, rd := s[0], s[1], s[2], s[3]
	switch r {
	case roundG: // see scalar.mix
		a.ins("VPANDND Z%d, Z%d, Z%d", rc, rd, t)
		a.ins("VPADDD Z%d, Z%[2]d, Z%[2]d", t, ra)
		a.ins("VPANDD Z%d, Z%d, Z%d", rb, rd, t)
	case roundH:
		a.ins("VPXORD Z%d, Z%d, Z%d", rc, rd, t)
		a.ins("VPXORD Z%d, Z%[2]d, Z%[2]d", rb, t)
	default:
		a.ins("VMOVDQA32 Z%d, Z%d", rd, t)
		a.ins("VPTERNLOGD $%#02x, Z%d, Z%d, Z%d", r.table(), rc, rb, t)
	}
}

// table returns the function as VPTERNLOGD wants it: bit i is the result for the bits d, b and c of i.
func (r round) table() int {
	table := 0
	for i := range 8 {
		table |= r.of(i>>1&1, i&1, i>>2&1) << i
	}
	return table
}
