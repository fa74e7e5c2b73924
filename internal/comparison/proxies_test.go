package comparison_test

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// proxy is one row of the comparison.
type proxy struct {
	name  string
	start func(b *testing.B, upstream string) *process // nil: not installed
}

// ourRow is Matterpass's among proxies.
const ourRow = 1

// proxies are the rows; the first is nobody in between.
func proxies(b *testing.B) []proxy {
	b.Helper()
	ours := build(b)
	rows := []proxy{
		{"direct", func(_ *testing.B, upstream string) *process { return &process{addr: upstream} }},
		{"matterpass", func(b *testing.B, upstream string) *process { return startOurs(b, ours, upstream) }},
		{"standard-ReverseProxy", func(b *testing.B, upstream string) *process { return startSelf(b, "standard", upstream) }},
	}
	for _, other := range []struct {
		name  string
		start func(b *testing.B, program, upstream string) *process
	}{{"nginx", startNginx}, {"haproxy", startHAProxy}, {"caddy", startCaddy}, {"oauth2-proxy", startOAuth2Proxy}} {
		program, err := lookUp(other.name)
		if err != nil {
			b.Logf("%s is left out: %v", other.name, err)
			continue
		}
		rows = append(rows, proxy{other.name, func(b *testing.B, upstream string) *process {
			return other.start(b, program, upstream)
		}})
	}
	return rows
}

// lookUp also looks where Debian puts daemons, which are not on everybody's PATH.
func lookUp(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil {
		return path, nil
	}
	if path, sbinErr := exec.LookPath("/usr/sbin/" + name); sbinErr == nil {
		return path, nil
	}
	return "", err
}

// build makes the program as `make build` does.
func build(b *testing.B) string {
	b.Helper()
	program := filepath.Join(b.TempDir(), "matterpass")
	cmd := exec.CommandContext(b.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, "matterpass/cmd/matterpass")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-tags=grpcnotrace -buildvcs=false")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return program
}

func startOurs(b *testing.B, program, upstream string) *process {
	addr := freeAddr(b)
	cmd := exec.Command(program, "serve")
	cmd.Dir, cmd.Stderr = b.TempDir(), io.Discard
	cmd.Env = []string{
		"HTTP_ADDR=" + addr, "ADMIN_ADDR=", "PUBLIC_URL=http://" + addr, "LOG_LEVEL=warn", // no line for each request: the others write none
		"MM_BASE_URL=http://" + upstream, "MM_ADMIN_TOKEN=xxxxxxxxxxxxxxxxxxxxxxxxxx", "MM_TEAM_SLUG=erp",
	}
	return start(b, addr, cmd)
}

// serveStandard is the standard library's proxy, set up as its documentation says.
func serveStandard(l net.Listener, upstream string) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost, transport.DisableCompression = 256, true
	target := &url.URL{Scheme: "http", Host: upstream}
	s := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: &httputil.ReverseProxy{
		Rewrite:   func(p *httputil.ProxyRequest) { p.SetURL(target); p.SetXForwarded() },
		Transport: transport, ErrorLog: log.New(io.Discard, "", 0),
	}}
	_ = s.Serve(l)
}

func startNginx(b *testing.B, program, upstream string) *process {
	addr := freeAddr(b)
	dir := b.TempDir()
	return start(b, addr, exec.Command(program, "-p", dir, "-e", "/dev/null", "-c", file(b, dir, "nginx.conf", fmt.Sprintf(`
		daemon off; pid nginx.pid; worker_processes %d; worker_rlimit_nofile 20000; error_log /dev/null;
		events { worker_connections 10240; }
		http {
			access_log off; keepalive_requests 1000000000;
			client_body_temp_path a; proxy_temp_path b; fastcgi_temp_path c; uwsgi_temp_path d; scgi_temp_path e;
			upstream mattermost { server %s; keepalive 256; keepalive_requests 1000000000; }
			server {
				listen %s;
				proxy_http_version 1.1;
				proxy_set_header Host $http_host;
				proxy_set_header X-Forwarded-For $remote_addr;
				proxy_set_header X-Forwarded-Proto $scheme;
				location / { proxy_pass http://mattermost; proxy_set_header Connection ""; }
				location %s {
					proxy_pass http://mattermost; proxy_read_timeout 600s;
					proxy_set_header Connection "upgrade"; proxy_set_header Upgrade $http_upgrade;
				}
			}
		}`, runtime.NumCPU(), upstream, addr, socketPath))))
}

func startHAProxy(b *testing.B, program, upstream string) *process {
	addr := freeAddr(b)
	return start(b, addr, exec.Command(program, "-db", "-q", "-f", file(b, b.TempDir(), "haproxy.cfg", fmt.Sprintf(`
global
	maxconn 9500
	nbthread %d
defaults
	mode http
	timeout connect 3s
	timeout client 600s
	timeout server 600s
	timeout tunnel 600s
	option forwardfor
	http-reuse always
frontend public
	bind %s
	http-request set-header X-Forwarded-Proto http
	default_backend mattermost
backend mattermost
	server one %s pool-max-conn 256
`, runtime.NumCPU(), addr, upstream))))
}

func startCaddy(b *testing.B, program, upstream string) *process {
	addr := freeAddr(b)
	dir := b.TempDir()
	cmd := exec.Command(program, "run", "--adapter", "caddyfile", "--config", file(b, dir, "Caddyfile", fmt.Sprintf(`
		{
			admin off
			auto_https off
			log {
				output discard
			}
		}
		http://%s {
			bind 127.0.0.1
			reverse_proxy %s {
				transport http {
					compression off
					keepalive_idle_conns_per_host 256
				}
			}
		}`, addr, upstream)))
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	return start(b, addr, cmd)
}

// startOAuth2Proxy lets every request pass without a sign-in, which it needs
// least time for.
func startOAuth2Proxy(b *testing.B, program, upstream string) *process {
	addr := freeAddr(b)
	return start(b, addr, exec.Command(program,
		"--http-address="+addr, "--upstream=http://"+upstream, "--skip-auth-route=.*", "--email-domain=*",
		"--provider=github", "--client-id=x", "--client-secret=x", "--cookie-secret=0123456789abcdef0123456789abcdef",
		"--request-logging=false", "--auth-logging=false", "--standard-logging=false"))
}

func file(b *testing.B, dir, name, text string) string {
	b.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	return path
}
