package gateway

import (
	"bytes"
	"testing"
)

func framesOf(parts ...[]byte) (f frames) {
	for _, part := range parts {
		f.skip(part)
	}
	return f
}

func TestWhereFramesEnd(t *testing.T) {
	payload := func(n int) []byte { return bytes.Repeat([]byte{0x88}, n) } // looks like a close frame
	tests := map[string]struct {
		sent            [][]byte
		between, closed bool
	}{
		"nothing":                {nil, true, false},
		"an empty text":          {[][]byte{{0x81, 0}}, true, false},
		"half a header":          {[][]byte{{0x81}}, false, false},
		"a text":                 {[][]byte{{0x81, 5}, payload(5)}, true, false},
		"a text and a bit":       {[][]byte{{0x81, 5}, payload(5), {0x81}}, false, false},
		"a text without its end": {[][]byte{{0x81, 5}, payload(4)}, false, false},
		"16 bits of length":      {[][]byte{{0x82, 126, 1, 0}, payload(256)}, true, false},
		"half of the 16 bits":    {[][]byte{{0x82, 126, 1}}, false, false},
		"64 bits of length":      {[][]byte{{0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0}, payload(65536)}, true, false},
		"one byte less":          {[][]byte{{0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0}, payload(65535)}, false, false},
		"masked":                 {[][]byte{{0x81, 0x85, 1, 2, 3, 4}, payload(5)}, true, false},
		"a masked length":        {[][]byte{{0x81, 0xfe, 0, 1, 1, 2, 3, 4}, payload(1)}, true, false},
		"part of a message":      {[][]byte{{0x01, 2}, payload(2)}, true, false},
		"a close":                {[][]byte{{0x81, 1}, payload(1), {0x88, 2, 3, 232}}, true, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := framesOf(tt.sent...)
			if f.between() != tt.between || f.closed != tt.closed {
				t.Errorf("between %t, closed %t; want %t, %t", f.between(), f.closed, tt.between, tt.closed)
			}
		})
	}
}

func FuzzFramesHoweverTheyAreCut(f *testing.F) {
	f.Add([]byte("\x81\x05hello\x88\x02\x03\xe8"), 3)
	f.Add([]byte("\x82\x7f\x00\x00\x00\x00\x00\x00\x00\x01x"), 9)
	f.Fuzz(func(t *testing.T, sent []byte, cut int) {
		if cut < 0 || cut > len(sent) {
			return
		}
		if whole, parts := framesOf(sent), framesOf(sent[:cut], sent[cut:]); whole.left != parts.left ||
			whole.have != parts.have || whole.closed != parts.closed {
			t.Errorf("%+v in one piece, %+v in two", whole, parts)
		}
	})
}
