//go:build !linux

package vfs

// SyncData implements Pack.
func (p *diskPack) SyncData() error { return p.file.Sync() }

// Preallocate implements Pack; there is no portable way, and it is only a hint.
func (p *diskPack) Preallocate(off, n int64) error {
	return checkRange("preallocate", p.file.Name(), off, n)
}

// PunchHole implements Pack.
func (p *diskPack) PunchHole(off, n int64) error {
	if err := checkRange("punch hole", p.file.Name(), off, n); err != nil || n == 0 {
		return err
	}
	return ErrNoHoles
}
