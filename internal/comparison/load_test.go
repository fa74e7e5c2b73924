package comparison_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const clients = 64

// browser is the header that a browser sends with each request.
const browser = "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36\r\n" +
	"Accept: */*\r\nAccept-Language: en-US,en;q=0.9\r\nX-Requested-With: XMLHttpRequest\r\n" +
	"Cookie: MMAUTHTOKEN=frmcaanrninw9xks9d757kn96c; MMUSERID=435uqz4cqp8mjdb33fy5urg1pa; MMCSRF=tz43qix4ibfu8myixs6xmauqre\r\n"

// loaded is what a proxy did under load.
type loaded struct {
	perSecond float64
	cpu       time.Duration // of the proxy, for each request
}

// requests are what a client asks for in turn: the path, and fields beside browser's.
type requests []struct{ path, fields string }

func same(path string) requests { return requests{{path, ""}} }

// varied is for the same thing, and never says the same twice in a row.
func varied(path string) requests {
	return requests{{path, "Sec-Fetch-Dest: empty\r\n"}, {path, "If-None-Match: \"x\"\r\n"}}
}

// load keeps 64 kept connections busy for a while.
func load(b *testing.B, p *process, asked requests, lasting time.Duration) loaded {
	b.Helper()
	conns := make([]*client, clients)
	for i := range conns {
		conns[i] = connect(b, p.addr, asked)
		defer conns[i].conn.Close()
	}
	var done atomic.Int64
	var group sync.WaitGroup
	before, begin := p.cpuOrNone(), time.Now()
	for _, c := range conns {
		group.Go(func() {
			for i := 0; time.Since(begin) < lasting; i++ {
				if err := c.ask(i); err != nil {
					b.Errorf("%s: %v", p.addr, err)
					return
				}
				done.Add(1)
			}
		})
	}
	group.Wait()
	took, n := time.Since(begin), max(1, done.Load())
	return loaded{float64(n) / took.Seconds(), (p.cpuOrNone() - before) / time.Duration(n)}
}

func (p *process) cpuOrNone() time.Duration {
	if p.cmd == nil {
		return 0
	}
	return p.cpu()
}

// client asks at the least possible price.
type client struct {
	conn     net.Conn
	reader   *bufio.Reader
	requests [][]byte
}

func connect(b *testing.B, addr string, asked requests) *client {
	b.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	c := &client{conn: conn, reader: bufio.NewReaderSize(conn, 16<<10)}
	for _, r := range asked {
		c.requests = append(c.requests, fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\n%s%s\r\n", r.path, addr, browser, r.fields))
	}
	return c
}

func (c *client) ask(turn int) error {
	if _, err := c.conn.Write(c.requests[turn%len(c.requests)]); err != nil {
		return err
	}
	line, err := c.reader.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 200 ")) {
		return fmt.Errorf("answered %q", line)
	}
	length := -1
	for len(line) > 2 {
		if line, err = c.reader.ReadSlice('\n'); err != nil {
			return err
		}
		if name, value, _ := bytes.Cut(line, []byte(":")); bytes.EqualFold(name, []byte("Content-Length")) {
			length, _ = strconv.Atoi(string(bytes.TrimSpace(value)))
		}
	}
	if length < 0 {
		return errors.New("an answer without a length")
	}
	_, err = io.CopyN(io.Discard, c.reader, int64(length))
	return err
}
