package store

// SettleClosing lets tests do at once what the sweeper does at its ticks.
var SettleClosing = (*Store).settleClosing
