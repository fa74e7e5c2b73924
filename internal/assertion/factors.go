package assertion

// factor is a kind of evidence; more than one of them is multi-factor.
type factor int

const (
	knowledge factor = 1 << iota
	possession
	inherence
)

// factorOf sorts the authentication methods of RFC 8176 section 2. Absent are
// those that say where or how often somebody was asked (geo, mca, rba, user), or
// only that somebody else was (wia).
func factorOf(method string) factor {
	switch method {
	case "kba", "pin", "pwd":
		return knowledge
	case "hwk", "otp", "pop", "sc", "sms", "swk", "tel":
		return possession
	case "face", "fpt", "iris", "retina", "vbm":
		return inherence
	default:
		return 0
	}
}

// IsMultiFactor reads the claim amr (RFC 8176): it says so, or names two kinds of
// evidence.
func IsMultiFactor(methods []string) bool {
	var seen factor
	for _, method := range methods {
		if method == "mfa" {
			return true
		}
		seen |= factorOf(method)
	}
	return seen&(seen-1) != 0
}
