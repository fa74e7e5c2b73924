package email_test

import (
	"strings"
	"testing"

	"matterpass/internal/email"
)

func TestAddressHasOneSpelling(t *testing.T) {
	accepted := map[string]email.Address{
		"kevin@corp.example":        "kevin@corp.example",
		"KEVIN@CORP.EXAMPLE":        "kevin@corp.example",
		"kevin+x@corp.example":      "kevin+x@corp.example",
		"ke.vin@corp.example":       "ke.vin@corp.example",
		"o'neil@corp.example":       "o'neil@corp.example",
		"kevin@xn--bcher-kva.de":    "kevin@xn--bcher-kva.de",
		"k@a.bc":                    "k@a.bc",
		"kevin@sub.mail-1.corp.com": "kevin@sub.mail-1.corp.com",
	}
	for in, want := range accepted {
		got, err := email.Parse(in)
		if err != nil || got != want {
			t.Errorf("Parse(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
}

func TestSecondSpellingsOfAnAddressAreRefused(t *testing.T) {
	refused := map[string]string{
		"empty":                 "",
		"kelvin sign":           "\u212aevin@corp.com",
		"long s":                "\u017fam@corp.com",
		"leading space":         " kevin@corp.com",
		"trailing newline":      "kevin@corp.com\n",
		"leading tab":           "\tkevin@corp.com",
		"trailing dot":          "kevin@corp.com.",
		"quoted":                `"kevin"@corp.com`,
		"comment":               "kevin@corp.com(x)",
		"display name":          "Kevin <kevin@corp.com>",
		"angle brackets":        "<kevin@corp.com>",
		"percent encoded":       "kevin%40corp.com",
		"percent in local part": "kevin%40x@corp.com",
		"NUL":                   "kevin@corp.com\x00",
		"zero width space":      "kevin\u200b@corp.com",
		"soft hyphen":           "kevin\u00ad@corp.com",
		"full width":            "\uff4bevin@corp.com",
		"full width domain":     "kevin@\uff43orp.com",
		"composed accent":       "k\u00e9vin@corp.com",
		"ideographic full stop": "kevin@corp\u3002com",
		"two at signs":          "kevin@evil.com@corp.com",
		"quoted address":        `"kevin@corp.com"@evil.com`,
		"encoded word":          "=?utf-8?q?kevin=40corp.com?=@evil.com",
		"address literal":       "kevin@[127.0.0.1]",
		"IP address":            "kevin@127.0.0.1",
		"single label":          "kevin@corp",
		"no local part":         "@corp.com",
		"no domain":             "kevin@",
		"two dots":              "vic..tim@corp.com",
		"dot first":             ".kevin@corp.com",
		"dot last":              "kevin.@corp.com",
		"hyphen first":          "kevin@-corp.com",
		"hyphen last":           "kevin@corp-.com",
		"slash":                 "../me@corp.com",
		"list":                  "kevin@corp.com,evil@x.com",
		"space":                 "kevin@corp.com evil@x.com",
		"header injection":      "kevin@corp.com\r\nBcc: x",
		"65 in the local part":  strings.Repeat("a", 65) + "@corp.com",
		"129 characters":        strings.Repeat("a", 61) + "@" + strings.Repeat("b", 63) + ".exm",
		"label of 64":           "a@" + strings.Repeat("b", 64) + ".com",
		"a megabyte":            strings.Repeat("a", 1<<20) + "@corp.com",
	}
	for name, in := range refused {
		t.Run(name, func(t *testing.T) {
			if got, err := email.Parse(in); err == nil {
				t.Errorf("Parse accepted it as %q", got)
			}
		})
	}
}

func TestLocalIsThePartBeforeTheAt(t *testing.T) {
	address, err := email.Parse("Dana.Order@erp.test")
	if err != nil || address.Local() != "dana.order" {
		t.Errorf("Local() = %q, %v", address.Local(), err)
	}
}

func FuzzParsedAddressIsStable(f *testing.F) {
	f.Add("KEVIN@corp.com")
	f.Add("vic..tim@corp.com")
	f.Fuzz(func(t *testing.T, s string) {
		first, err := email.Parse(s)
		if err != nil {
			return
		}
		if !strings.EqualFold(s, string(first)) || len(s) != len(first) {
			t.Fatalf("Parse(%q) = %q: more than the case changed", s, first)
		}
		if again, err := email.Parse(string(first)); err != nil || again != first {
			t.Fatalf("Parse(%q) = %q, %v: not stable", first, again, err)
		}
	})
}
