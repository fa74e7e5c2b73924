package signature

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOnlyTheCanonicalSpellingIsRead(t *testing.T) {
	type read struct {
		Value any
		Rest  string
	}
	text := func(s *scanner) (any, bool) { return s.text() }
	integer := func(s *scanner) (any, bool) { return s.integer() }
	bytes := func(s *scanner) (any, bool) { b, ok := s.bytes(); return string(b), ok }
	key := func(s *scanner) (any, bool) { return s.key() }
	list := func(s *scanner) (any, bool) { return s.list() }
	cases := map[string]struct {
		take func(*scanner) (any, bool)
		in   string
		want *read // nil: refused
	}{
		"string":                      {text, `"a b";`, &read{"a b", ";"}},
		"string, empty":               {text, `""`, &read{"", ""}},
		"string with escapes":         {text, `"\"\\"x`, &read{`"\`, "x"}},
		"string with another escape":  {text, `"\n"`, nil},
		"string that ends escaped":    {text, `"a\`, nil},
		"string without an end":       {text, `"a`, nil},
		"string with a tab":           {text, "\"a\t\"", nil},
		"string with a line break":    {text, "\"a\n\"", nil},
		"string not ASCII":            {text, `"ü"`, nil},
		"display string":              {text, `%"a"`, nil},
		"integer":                     {integer, "15,", &read{int64(15), ","}},
		"integer zero":                {integer, "0", &read{int64(0), ""}},
		"integer, longest":            {integer, "999999999999999", &read{int64(999999999999999), ""}},
		"integer, too long":           {integer, "1000000000000000", nil},
		"integer with a leading zero": {integer, "01", nil},
		"integer, negative":           {integer, "-1", nil},
		"integer with a sign":         {integer, "+1", nil},
		"integer, none":               {integer, "", nil},
		"bytes":                       {bytes, ":YQ==:;", &read{"a", ";"}},
		"bytes, none":                 {bytes, "::", &read{"", ""}},
		"bytes without padding":       {bytes, ":YQ:", nil},
		"bytes with bits left over":   {bytes, ":YR==:", nil},
		"bytes in base64url":          {bytes, ":-_-_:", nil},
		"bytes with a line break":     {bytes, ":YQ\n==:", nil},
		"bytes without an end":        {bytes, ":YQ==", nil},
		"bytes in quotes":             {bytes, `"YQ=="`, nil},
		"key":                         {key, "a-b_c.*1=", &read{"a-b_c.*1", "="}},
		"key, starred":                {key, "*a", &read{"*a", ""}},
		"key with a digit first":      {key, "1a", nil},
		"key in upper case":           {key, "A", nil},
		"key, none":                   {key, "=", nil},
		"list":                        {list, `("a" "b");x`, &read{[]string{"a", "b"}, ";x"}},
		"list, empty":                 {list, "()", &read{[]string(nil), ""}},
		"list with two spaces":        {list, `("a"  "b")`, nil},
		"list with a leading space":   {list, `( "a")`, nil},
		"list with a trailing space":  {list, `("a" )`, nil},
		"list with a tab":             {list, "(\"a\"\t\"b\")", nil},
		"list without a space":        {list, `("a""b")`, nil},
		"list of tokens":              {list, "(a)", nil},
		"list with parameters inside": {list, `("a";req)`, nil},
		"list without an end":         {list, `("a"`, nil},
		"list, none":                  {list, `"a"`, nil},
	}
	for name, c := range cases {
		s := scanner{c.in}
		value, ok := c.take(&s)
		if ok != (c.want != nil) {
			t.Errorf("%s: %t", name, ok)
			continue
		}
		if c.want == nil {
			continue
		}
		if diff := cmp.Diff(*c.want, read{value, s.rest}); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
