package doctor

import (
	"net/netip"
	"net/url"

	"golang.org/x/net/publicsuffix"
)

// Relation of two origins as cookies see it, schemefully and by registrable domain:
// same-origin, same-site or cross-site.
func Relation(one, other *url.URL) string {
	switch {
	case one.Scheme != other.Scheme || siteOf(one.Hostname()) != siteOf(other.Hostname()):
		return "cross-site"
	case one.Host != other.Host:
		return "same-site"
	default:
		return "same-origin"
	}
}

// siteOf is the registrable domain of a host; an address, or a name that has
// none, is a site of its own.
func siteOf(host string) string {
	domain, err := publicsuffix.EffectiveTLDPlusOne(host)
	if _, isAddress := netip.ParseAddr(host); isAddress == nil || err != nil {
		return host
	}
	return domain
}

// cookies compares addresses: what browsers do with the session's cookies follows
// from them (docs/troubleshooting.md, the codes MP-2 and MP-4).
func (f Front) cookies() []Finding {
	const check = "cookies"
	chat, err := url.Parse(f.Chat)
	if err != nil {
		return []Finding{Found(check, Failed, err.Error()).Change("MM_PUBLIC_URL")}
	}
	var findings []Finding
	for _, origin := range f.Origins {
		page, err := url.Parse(origin)
		if err != nil {
			return []Finding{Found(check, Failed, err.Error()).Change("ALLOWED_ORIGINS")}
		}
		if found := f.cookiesFor(check, page, chat); found.Verdict != Fine {
			findings = append(findings, found)
		}
	}
	if len(findings) == 0 {
		return []Finding{Found(check, Fine, "browsers keep chat's cookies inside the pages of ALLOWED_ORIGINS")}
	}
	return findings
}

func (f Front) cookiesFor(check string, page, chat *url.URL) Finding {
	crossSite := Relation(page, chat) == "cross-site"
	origin := page.Scheme + "://" + page.Host
	switch {
	case page.Scheme == "https" && chat.Scheme == "http":
		return Found(check, Failed, "browsers load no http chat into "+origin).Change("PUBLIC_URL with https")
	case crossSite && chat.Scheme == "http":
		return Found(check, Failed, "browsers keep no cookie of an http chat on another site than "+origin).Change("PUBLIC_URL with https")
	case crossSite && (f.SameSite == "lax" || f.SameSite == "strict"):
		return Found(check, Failed, "chat is on another site than "+origin+", and its cookies are for one site only").Change("COOKIE_SAMESITE=auto")
	case crossSite && f.Partitioned == "never":
		return Found(check, Warning, "chat is on another site than "+origin+", and its cookies are not partitioned: many browsers block those").
			Change("COOKIE_PARTITIONED=auto")
	}
	return Found(check, Fine, "")
}
