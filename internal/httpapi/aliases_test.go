package httpapi_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"matterpass/internal/email"
)

type (
	netipAddr    = netip.Addr
	emailAddress = email.Address
)

func oneTimeCode(t *testing.T, secret string) string {
	t.Helper()
	code, err := totp.GenerateCode(secret, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return code
}
