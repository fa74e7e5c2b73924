package main

import (
	"os"
	"regexp"
	"strconv"
	"testing"
)

// mappedFile is how much of its files the process has in memory, in KiB.
func mappedFile(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`RssFile:\s+(\d+) kB`).FindSubmatch(status)
	if found == nil {
		t.Skip("this kernel does not say")
	}
	n, _ := strconv.Atoi(string(found[1]))
	return n
}

// TestWhatTheStartMappedIsGivenBack: and the program goes on.
func TestWhatTheStartMappedIsGivenBack(t *testing.T) {
	before := mappedFile(t)
	forgetProgram()
	if after := mappedFile(t); after >= before {
		t.Errorf("%d KiB, before %d", after, before)
	}
}
