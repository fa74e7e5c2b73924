package server

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// TestAStreamThatNobodyReadsIsGivenUp: its client keeps the connection alive, and
// takes nothing of the answer.
func TestAStreamThatNobodyReadsIsGivenUp(t *testing.T) {
	block := bytes.Repeat([]byte("x"), 1<<20)
	ended := make(chan struct{})
	s := httptest.NewUnstartedServer(unlessStalled(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/small" {
			_, _ = w.Write([]byte("fine"))
			return
		}
		for {
			if _, err := w.Write(block); err != nil || http.NewResponseController(w).Flush() != nil {
				close(ended)
				return
			}
		}
	}), 200*time.Millisecond))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	res, err := s.Client().Get(s.URL + "/big")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.ProtoMajor != 2 {
		t.Fatal(res.Proto)
	}
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Fatal("it is written to for ever")
	}
	small, err := s.Client().Get(s.URL + "/small") // the connection is as good as before
	if err != nil || small.StatusCode != http.StatusOK {
		t.Fatal(small, err)
	}
	_ = small.Body.Close()
}
