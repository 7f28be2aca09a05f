package md5lanes

import "golang.org/x/sys/cpu"

//go:noescape
func pairBlocks(l *lanes, blocks int)

//go:noescape
func avx2Blocks(l *lanes, blocks int)

//go:noescape
func avx512Blocks(l *lanes, blocks int)

// The kernels. From three streams on vectors are worth it: they take at most twice as long as two
// streams in general registers, and no longer for more.
var (
	pairKernel   = kernel{name: "pair", from: 2, lanes: pairLanes, blocks: pairBlocks}
	avx2Kernel   = kernel{name: "avx2", from: 3, lanes: 8, blocks: avx2Blocks}
	avx512Kernel = kernel{name: "avx512", from: 3, lanes: maxLanes, blocks: avx512Blocks}
)

// fastest returns the kernels for this processor and its operating system, which must know the
// registers. GODEBUG=cpu.avx512f=off leaves AVX-512 alone, cpu.avx2=off AVX2.
func fastest() []kernel {
	switch {
	case cpu.X86.HasAVX512F:
		return []kernel{pairKernel, avx512Kernel}
	case cpu.X86.HasAVX2:
		return []kernel{pairKernel, avx2Kernel}
	default:
		return []kernel{pairKernel}
	}
}
