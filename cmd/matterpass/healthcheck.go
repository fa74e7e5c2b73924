package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"time"

	"matterpass/internal/config"
)

// healthcheckCmd asks /healthz on the address that this environment would serve
// on. It reads as little of the configuration as it can: a check that fails
// because of something else would have a container killed.
type healthcheckCmd struct{}

func (healthcheckCmd) Run(ctx context.Context) error {
	addr, https := config.Listening(config.Source{})
	scheme := "http"
	if https {
		scheme = "https"
	}
	return healthcheck(ctx, scheme, addr)
}

// nextDoor is where this machine reaches a listen address.
func nextDoor(addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", fmt.Errorf("HTTP_ADDR: %w", err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), nil
}

func healthcheck(ctx context.Context, scheme, addr string) error {
	target, err := nextDoor(addr)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+target+"/healthz", nil)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{
		//nolint:gosec // The certificate is for the public name; this asks the process next door.
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
		DisableKeepAlives: true,
	}}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("/healthz answered %s", res.Status)
	}
	return nil
}
