package md5lanes

import (
	"slices"
	"testing"
)

// TestKernelsHashEachLane gives each lane a state and data of its own, at any alignment, and wants what
// crypto/md5 makes of it, in the lanes and nowhere else.
func TestKernelsHashEachLane(t *testing.T) {
	for _, k := range runnable() {
		t.Run(k.name, func(t *testing.T) {
			for _, blocks := range []int{1, 2, 3, 31, roundBlocks} {
				checkKernel(t, k, blocks)
			}
		})
	}
}

func checkKernel(t *testing.T, k kernel, blocks int) {
	type guarded struct {
		before [64]byte
		lanes  lanes
		after  [64]byte
	}
	var g guarded
	var want [maxLanes]state
	data := noise(13, (blocks+maxLanes)*blockSize)
	for i := range maxLanes {
		p := data[i*63:][:blocks*blockSize]
		st := state{uint32(i), ^uint32(i), uint32(i) << 28, 1 << i}
		g.lanes.set(i, st)
		g.lanes.data[i] = &p[0]
		if i < k.lanes {
			serially(&st, p)
		}
		want[i] = st
	}
	pointers, origin := g.lanes.data, slices.Clone(data)
	k.blocks(&g.lanes, blocks)
	for i, w := range want {
		if got := g.lanes.get(i); got != w {
			t.Errorf("%d blocks: lane %d has the state %x; want %x", blocks, i, got, w)
		}
	}
	if g.before != [64]byte{} || g.after != [64]byte{} || g.lanes.data != pointers {
		t.Errorf("%d blocks: the kernel wrote beside the states", blocks)
	}
	if !slices.Equal(data, origin) {
		t.Errorf("%d blocks: the kernel wrote to the data", blocks)
	}
}

func TestKernelsAreChosenByStreams(t *testing.T) {
	e := newEngine([]kernel{{name: "pair", from: 2, lanes: 2}, {name: "wide", from: 3, lanes: 16}})
	for n, want := range map[int]string{1: "", 2: "pair", 3: "wide", 16: "wide"} {
		got := ""
		if k := e.kernel(n); k != nil {
			got = k.name
		}
		if got != want {
			t.Errorf("%d streams are hashed by kernel %q; want %q", n, got, want)
		}
	}
	if e.lanes != 16 {
		t.Errorf("%d lanes; want those of the widest kernel, 16", e.lanes)
	}
}
