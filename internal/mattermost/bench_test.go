package mattermost_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/mattermost/mattermost/server/public/model"

	"matterpass/internal/mattermost"
	"matterpass/internal/simulator"
)

// BenchmarkSignIn compares a sign-in through the adapter with one through the
// official client alone, on a simulator whose password check is free.
func BenchmarkSignIn(b *testing.B) {
	s := simulator.New(simulator.Options{Demo: true})
	defer s.Close()
	server := httptest.NewServer(s)
	defer server.Close()
	b.Run("client alone", func(b *testing.B) {
		client := model.NewAPIv4Client(server.URL)
		client.HTTPClient = &http.Client{Transport: mattermost.NewTransport()}
		client.HTTPHeader["X-Requested-With"] = "XMLHttpRequest"
		defer client.HTTPClient.CloseIdleConnections()
		for b.Loop() {
			client.AuthToken = ""
			if _, _, err := client.Login(b.Context(), simulator.DemoEmail, s.Password()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("adapter", func(b *testing.B) {
		c := mattermost.New(mattermost.Options{BaseURL: server.URL})
		defer c.Close()
		for b.Loop() {
			if _, err := c.SignIn(b.Context(), simulator.DemoEmail, s.Password(), "", browser); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkOpenBreaker is what a call costs that is not made.
func BenchmarkOpenBreaker(b *testing.B) {
	c := mattermost.New(mattermost.Options{
		BaseURL:   "http://mattermost.test",
		Transport: wire(func(*http.Request) (*http.Response, error) { return nil, http.ErrServerClosed }),
	})
	for b.Loop() {
		_, _ = c.Find(b.Context(), demoToken, "")
	}
}
