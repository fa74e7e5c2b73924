package main

import "testing"

func TestWhatLoadLeavesIsGivenBackOnceItIsOver(t *testing.T) {
	const mib = 1 << 20
	var left leftovers
	for second, tt := range []struct {
		allocates uint64
		due       bool
	}{
		{40 * mib, false}, // the start
		{0, true},
		{0, false}, // once
		{mib / 2, false},
		{100 * mib, false}, // load
		{90 * mib, false},
		{mib / 2, true},
		{mib / 2, false}, // little by little it comes together again
		{5 * mib, false},
		{3 * mib, false},
		{mib / 2, true},
	} {
		total := left.before + tt.allocates
		if due := left.areDue(total); due != tt.due {
			t.Errorf("second %d: %v", second, due)
		}
	}
}
