package assertion_test

import (
	"testing"

	"go.uber.org/goleak"
)

// A request for keys outlives its caller; it must not outlive its timeout.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
