package config

import (
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// Addr is a TCP listen address, "host:port"; without a host every interface.
// Port 0 lets the system choose.
type Addr string

// Decode takes host:port.
func (a *Addr) Decode(text string) error {
	if text == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil || !isListenHost(host) {
		return fault{shown(text) + " is not a listen address", "write host:port, or :port for every interface, for example :8080"}
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fault{shown(text) + " has no valid port", "use a number from 0 to 65535"}
	}
	*a = Addr(text)
	return nil
}

func isListenHost(host string) bool {
	if host == "" {
		return true
	}
	_, err := netip.ParseAddr(host)
	return err == nil || isHostname(strings.ToLower(host))
}

// Loopback reports whether only this machine can reach the address.
func (a Addr) Loopback() bool {
	host := a.host()
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.Unmap().IsLoopback()
}

func (a Addr) host() string {
	host, _, _ := net.SplitHostPort(string(a))
	return strings.ToLower(host)
}

func (a Addr) port() string {
	_, port, _ := net.SplitHostPort(string(a))
	return port
}

// everywhere reports whether the address is on every interface.
func (a Addr) everywhere() bool {
	address, err := netip.ParseAddr(a.host())
	return a.host() == "" || err == nil && address.IsUnspecified()
}

// clashes reports whether both cannot listen at the same time.
func (a Addr) clashes(b Addr) bool {
	if a == "" || b == "" || a.port() != b.port() || a.port() == "0" {
		return false
	}
	return a.host() == b.host() || a.everywhere() || b.everywhere() || a.Loopback() && b.Loopback()
}

// CIDRs is a list of networks that do not overlap.
type CIDRs []netip.Prefix

// Decode reads a comma-separated list; an address alone is a network of one.
func (c *CIDRs) Decode(text string) error {
	var list CIDRs
	var errs []error
	for i, entry := range entries(text) {
		prefix, err := parsePrefix(entry)
		if err == nil {
			err = overlap(prefix, list)
		}
		for _, f := range faultsIf(err) {
			errs = append(errs, fault{nth(i) + " " + f.problem, f.fix})
		}
		if err == nil {
			list = append(list, prefix)
		}
	}
	*c = list
	return errors.Join(errs...)
}

// String is what Decode reads.
func (c CIDRs) String() string { return join(c, netip.Prefix.String) }

func parsePrefix(text string) (netip.Prefix, error) {
	if address, err := netip.ParseAddr(text); err == nil && address.Zone() == "" && !address.Is4In6() {
		return netip.PrefixFrom(address, address.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	switch {
	case err != nil || prefix.Addr().Is4In6():
		return prefix, fault{"(" + shown(text) + ") is not a network", "write address/bits, for example 10.0.0.0/8"}
	case prefix != prefix.Masked():
		return prefix, fault{"(" + shown(text) + ") has host bits set", "write " + prefix.Masked().String()}
	}
	return prefix, nil
}

func overlap(prefix netip.Prefix, list CIDRs) error {
	for _, other := range list {
		if prefix.Overlaps(other) {
			return fault{"(" + prefix.String() + ") overlaps " + other.String(), "keep the larger one"}
		}
	}
	return nil
}

// Domain is a cookie's Domain attribute: a registrable DNS name or one below it.
type Domain string

// Decode refuses what browsers would refuse: addresses and public suffixes
// (RFC 6265 section 5.3), and the leading dot they ignore.
func (d *Domain) Decode(text string) error {
	if text == "" {
		return nil
	}
	if _, err := netip.ParseAddr(text); err == nil || !isHostname(text) {
		return fault{shown(text) + " is not a domain", "write a lower-case DNS name without scheme, port and leading dot, for example example.com"}
	}
	if suffix, _ := publicsuffix.PublicSuffix(text); suffix == text {
		return fault{shown(text) + " is a public suffix", "use a domain of your own below it: browsers drop cookies for everybody's domain"}
	}
	*d = Domain(text)
	return nil
}

// covers reports whether host belongs to the domain.
func (d Domain) covers(host string) bool {
	return host == string(d) || strings.HasSuffix(host, "."+string(d))
}
