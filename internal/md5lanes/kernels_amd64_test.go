package md5lanes

import "golang.org/x/sys/cpu"

// runnable returns every kernel that this machine can run.
func runnable() []kernel {
	list := []kernel{pairKernel}
	if cpu.X86.HasAVX2 {
		list = append(list, avx2Kernel)
	}
	if cpu.X86.HasAVX512F {
		list = append(list, avx512Kernel)
	}
	return list
}
