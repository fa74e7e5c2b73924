package gateway

import "encoding/binary"

// Why a WebSocket is closed, in a close frame (RFC 6455 section 7.4.1 and the
// registry it opens).
const (
	statusGoingAway = 1001
	statusPolicy    = 1008
	statusRestart   = 1012
)

const opClose = 8

// frames follows the headers of the frames that go by (RFC 6455 section 5.2), so
// that a frame of ours can go between two of them and never into one. It keeps
// nothing of what is in them.
type frames struct {
	left   uint64 // of the payload
	head   [14]byte
	have   uint8 // bytes of head
	closed bool  // a close frame was among them
}

// skip takes the bytes that were sent next.
func (f *frames) skip(p []byte) {
	for len(p) > 0 {
		if f.left > 0 {
			n := min(f.left, uint64(len(p)))
			f.left -= n
			p = p[n:]
			continue
		}
		f.head[f.have] = p[0]
		f.have++
		p = p[1:]
		if f.have == f.headSize() {
			f.enter()
		}
	}
}

// headSize is at least what the bytes so far ask for, and right once they are all
// there.
func (f *frames) headSize() uint8 {
	size := uint8(2)
	if f.have < 2 {
		return size
	}
	switch f.head[1] & 0x7f {
	case 126:
		size += 2
	case 127:
		size += 8
	}
	if f.head[1]&0x80 != 0 { // masked
		size += 4
	}
	return size
}

// enter a payload.
func (f *frames) enter() {
	switch length := f.head[1] & 0x7f; length {
	case 126:
		f.left = uint64(binary.BigEndian.Uint16(f.head[2:]))
	case 127:
		f.left = binary.BigEndian.Uint64(f.head[2:])
	default:
		f.left = uint64(length)
	}
	f.closed = f.closed || f.head[0]&0x0f == opClose
	f.have = 0
}

// between reports that the last frame is whole.
func (f *frames) between() bool { return f.have == 0 && f.left == 0 }

// closeFrame is a server's: not masked.
func closeFrame(status uint16) []byte {
	return binary.BigEndian.AppendUint16([]byte{0x80 | opClose, 2}, status)
}
