//go:build !linux

package vfs

// SyncData implements File.
func (f *diskFile) SyncData() error { return f.Sync() }

// Preallocate implements File; there is no portable way, and it is only a hint.
func (f *diskFile) Preallocate(int64, int64) error { return nil }
