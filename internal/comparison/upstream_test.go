package comparison_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
)

const (
	smallPath  = "/api/v4/users/me"
	largePath  = "/api/v4/files/large"
	socketPath = "/api/v4/websocket"

	largeSize = 64 << 10
)

// serveUpstream is the least that a server can do, so that what is measured is
// the proxy in front of it: it reads to the end of a header and writes a ready
// answer. On the socket's path it repeats what it is told.
func serveUpstream(l net.Listener) {
	// About what users/me answers.
	small := answer("application/json", fmt.Appendf(nil, `{"id":"435uqz4cqp8mjdb33fy5urg1pa","notify_props":%q}`, strings.Repeat("y", 600)))
	large := answer("application/octet-stream", bytes.Repeat([]byte("x"), largeSize))
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			r := bufio.NewReaderSize(conn, 4096)
			for {
				line, err := readHeader(r)
				if err != nil {
					return
				}
				switch {
				case bytes.Contains(line, []byte(socketPath)):
					repeat(conn, r)
					return
				case bytes.Contains(line, []byte(largePath)):
					_, err = conn.Write(large)
				default:
					_, err = conn.Write(small)
				}
				if err != nil {
					return
				}
			}
		}()
	}
}

func answer(kind string, body []byte) []byte {
	head := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nX-Content-Type-Options: nosniff\r\n"+
		"Referrer-Policy: no-referrer\r\nDate: Sun, 22 Nov 2026 12:00:00 GMT\r\nContent-Length: %d\r\n\r\n", kind, len(body))
	return append(head, body...)
}

// readHeader returns the first line. The requests have no bodies.
func readHeader(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	first := bytes.Clone(line)
	for len(bytes.TrimRight(line, "\r\n")) > 0 {
		if line, err = r.ReadSlice('\n'); err != nil {
			return nil, err
		}
	}
	return first, nil
}

func repeat(conn net.Conn, r *bufio.Reader) {
	_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
	_, _ = io.CopyBuffer(struct{ io.Writer }{conn}, struct{ io.Reader }{r}, make([]byte, 512)) // no pipe for splice
}
