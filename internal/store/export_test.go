package store

// SettleClosing lets tests do at once what the sweeper does at its ticks.
var SettleClosing = (*Store).settleClosing

// SetSequence lets tests come to the end of the numbers of a start.
func SetSequence(s *Store, n uint64) { s.seq.Store(n) }
