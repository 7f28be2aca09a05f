package main

import "strings"

// avx2 writes the kernel for 8 streams. The message lies on the stack, as 16 registers do not hold it.
// The state lies in Y0 to Y3, ones in Y15, and the rest is for work.
func (a *assembly) avx2() {
	a.begin("avx2Blocks", "It hashes lanes 0 to 7, in the registers of AVX2.", 16*32)
	now := state{0, 1, 2, 3}
	a.ins("MOVQ l+0(FP), DI")
	a.ins("MOVQ blocks+8(FP), CX")
	a.ins("LEAQ constants<>(SB), DX")
	a.ins("XORL SI, SI")
	for i, p := range pointers256() {
		a.ins("MOVQ %d(DI), %s", dataOffset+8*i, p)
	}
	for i, r := range now {
		a.ins("VMOVDQU %d(DI), Y%d", rowSize*i, r)
	}
	a.ins("VPCMPEQD Y15, Y15, Y15")
	a.label("block")
	a.load256()
	for _, st := range steps() {
		a.step256(st, now)
		now = now.turned()
	}
	for i, r := range now {
		a.ins("VPADDD %d(DI), Y%[2]d, Y%[2]d", rowSize*i, r)
		a.ins("VMOVDQU Y%d, %d(DI)", r, rowSize*i)
	}
	a.ins("ADDQ $64, SI")
	a.next()
	a.ins("VZEROUPPER")
	a.ins("RET")
}

// pointers256 returns the registers that hold where the data of the 8 lanes is.
func pointers256() []string { return strings.Fields("R8 R9 R10 R11 R12 R13 AX BX") }

// load256 writes how one block of each lane is loaded and laid down on the stack, word by word.
func (a *assembly) load256() {
	pointers := pointers256()
	for _, p := range pointers {
		a.ins("PREFETCHT0 %d(%s)(SI*1)", ahead, p)
	}
	for q := range 4 {
		rows, spare := [4]vector{4, 5, 6, 7}, 8
		for g, r := range rows {
			a.ins("VMOVDQU %d(%s)(SI*1), X%d", 16*q, pointers[g], r)
			a.ins("VINSERTI128 $1, %d(%s)(SI*1), Y%[3]d, Y%[3]d", 16*q, pointers[g+4], r)
		}
		words, _ := a.transpose("Y", rows, spare)
		for i, r := range words {
			a.ins("VMOVDQU Y%d, %d(SP)", r, 32*(4*q+i))
		}
	}
}

// step256 writes one step.
func (a *assembly) step256(st step, s state) {
	ra, rb := s[0], s[1]
	a.ins("VPBROADCASTD %d(DX), Y5", st.offset)
	a.ins("VPADDD %d(SP), Y5, Y5", 32*st.word)
	a.ins("VPADDD Y5, Y%[1]d, Y%[1]d", ra)
	a.mix256(st.round, s)
	a.ins("VPADDD Y4, Y%[1]d, Y%[1]d", ra)
	a.ins("VPSLLD $%d, Y%d, Y6", st.shift, ra)
	a.ins("VPSRLD $%d, Y%[2]d, Y%[2]d", 32-st.shift, ra)
	a.ins("VPOR Y6, Y%[1]d, Y%[1]d", ra)
	a.ins("VPADDD Y%d, Y%[2]d, Y%[2]d", rb, ra)
}

// mix256 writes how the function of the round comes to Y4, see scalar.mix.
func (a *assembly) mix256(r round, s state) {
	ra, rb, rc, rd := s[0], s[1], s[2], s[3]
	switch r {
	case roundF:
		a.ins("VPXOR Y%d, Y%d, Y4", rc, rd)
		a.ins("VPAND Y%d, Y4, Y4", rb)
		a.ins("VPXOR Y%d, Y4, Y4", rd)
	case roundG:
		a.ins("VPANDN Y%d, Y%d, Y4", rc, rd)
		a.ins("VPADDD Y4, Y%[1]d, Y%[1]d", ra)
		a.ins("VPAND Y%d, Y%d, Y4", rb, rd)
	case roundH:
		a.ins("VPXOR Y%d, Y%d, Y4", rc, rd)
		a.ins("VPXOR Y%d, Y4, Y4", rb)
	default:
		a.ins("VPXOR Y15, Y%d, Y4", rd)
		a.ins("VPOR Y%d, Y4, Y4", rb)
		a.ins("VPXOR Y%d, Y4, Y4", rc)
	}
}
