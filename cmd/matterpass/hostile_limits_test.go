package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"matterpass/internal/servertest"
	"matterpass/internal/simulator"
)

// inParallel runs f n times, at most width at once.
func inParallel(n, width int, f func(i int)) {
	var all sync.WaitGroup
	slots := make(chan struct{}, width)
	for i := range n {
		slots <- struct{}{}
		all.Go(func() { f(i); <-slots })
	}
	all.Wait()
}

// deviceOf is the device cookie of an answer, as a Cookie header.
func deviceOf(t *testing.T, in answer) string {
	t.Helper()
	for _, c := range in.Cookies() {
		if c.Name == "__Host-mp_device" {
			return c.Name + "=" + c.Value
		}
	}
	t.Fatalf("no device cookie: %d %s", in.StatusCode, in.body)
	return ""
}

const rightPassword = `{"email":"demo@erp.test","password":"demo-password"}`

// TestPatientGuessingThroughEveryDoorNeverLocksAnAccount lets a bucket that never
// empties stand for half an hour of patience.
func TestPatientGuessingThroughEveryDoorNeverLocksAnAccount(t *testing.T) {
	h := attacked(t, simulator.Options{}, func(env map[string]string) {
		env["RATE_LIMIT_LOGIN"], env["RATE_LIMIT_CLIENT"] = "100000/1s", "100000/1s"
	})
	owner := deviceOf(t, h.post("/api/mattermost/login", rightPassword))
	id := h.mm.UserID("demo@erp.test")
	doors := []func(from string) answer{
		func(from string) answer { return h.guess("demo@erp.test", "X-Forwarded-For", from) },
		func(from string) answer { return h.guess("DEMO@erp.TEST", "X-Forwarded-For", from) },
		func(from string) answer { return h.webGuess("/api/v4/users/login", "login_id", "demo", from) },
		func(from string) answer {
			return h.webGuess("/api/v4/users/%6cogin", "login_id", "Demo@ERP.test", from)
		},
		func(from string) answer { return h.webGuess("/api/v4/users/login?x", "id", id, from) },
	}
	inParallel(120, 24, func(i int) {
		if got := doors[i%len(doors)](fmt.Sprintf("198.51.100.%d", i)); got.StatusCode != 401 {
			t.Errorf("guess %d: %d %s", i, got.StatusCode, got.body)
		}
	})
	if n := h.mm.FailedAttempts("demo@erp.test"); n != 6 {
		t.Errorf("Mattermost counts %d failures, want 6", n)
	}
	if got := h.post("/api/mattermost/login", rightPassword); got.StatusCode != 401 {
		t.Errorf("a stranger with the right password: %d", got.StatusCode)
	}
	if got := h.post("/api/mattermost/login", rightPassword, "Cookie", owner); got.StatusCode != 200 {
		t.Errorf("the owner: %d %s", got.StatusCode, got.body)
	}
	if n := h.mm.FailedAttempts("demo@erp.test"); n != 0 {
		t.Errorf("after the owner's success: %d", n)
	}
}

// webGuess is a wrong password in Mattermost's own login form.
func (h *hostile) webGuess(path, key, name, from string) answer {
	h.t.Helper()
	body, _ := json.Marshal(map[string]string{key: name, "password": "a-wrong-password"})
	return h.post(path, string(body), "X-Forwarded-For", from, "X-Requested-With", "XMLHttpRequest")
}

// TestNoSpellingOfAnAddressIsASecondBudget: hostile.md's list of addresses. Each
// is refused unread, or it is the same bucket, or it is somebody else's address.
func TestNoSpellingOfAnAddressIsASecondBudget(t *testing.T) {
	h := attacked(t, simulator.Options{})
	h.mm.AddPerson(simulator.Person{Email: "kevin@corp.com", Teams: []string{"erp"}})
	before := h.mm.Logins()
	same := []string{"kevin@corp.com", "KEVIN@CORP.COM", "kevin@CORP.com", "Kevin@Corp.com", "kEVIN@corp.com", "kevin@corp.COM", "keviN@corp.com", "kevIn@corp.com"}
	refused := []string{
		"\u212aevin@corp.com", " kevin@corp.com", "kevin@corp.com\n", "\tkevin@corp.com", "kevin@corp.com.", `"kevin"@corp.com`, "kevin@corp.com(x)",
		"Kevin <kevin@corp.com>", "<kevin@corp.com>", "kevin%40corp.com", "kevin@corp.com\x00", "kevin\u200b@corp.com", "kevin\u00ad@corp.com",
		"\uff4bevin@corp.com", "kevin@\uff43orp.com", "k\u00e9vin@corp.com", "ke\u0301vin@corp.com", "kevin@corp\u3002com", "kevin@evil.com@corp.com",
		`"kevin@corp.com"@evil.com`, "=?utf-8?q?kevin=40corp.com?=@evil.com", "kevin@[127.0.0.1]", "kevin@127.0.0.1", "kevin@corp", "@corp.com", "kevin@", "kevin",
		strings.Repeat("k", 65) + "@corp.com", "k@" + strings.Repeat("k.", 130) + "com", "kevin@corp.com,evil@x.com", "kevin@corp.com evil@x.com",
		"kevin@corp.com\r\nBcc: x", "kevin@corp..com", "..kevin@corp.com", "kevin@corp.com/../../users", "kevin@corp.com?x=", "kevin@corp.com#x", strings.Repeat("k", 60_000) + "@corp.com",
	}
	inParallel(len(refused), 8, func(i int) {
		body, _ := json.Marshal(map[string]string{"email": refused[i], "password": "a-wrong-password"})
		if got := h.post("/api/mattermost/login", string(body)); got.StatusCode != 400 || got.field(t, "code") != "invalid_request" {
			t.Errorf("%.80q: %d %s", refused[i], got.StatusCode, got.body)
		}
		if refused[i] == "kevin" {
			return // a username, there
		}
		if got := h.webGuess("/api/v4/users/login", "login_id", refused[i], "192.0.2.1"); got.StatusCode != 401 {
			t.Errorf("through the gateway, %.80q: %d %s", refused[i], got.StatusCode, got.body)
		}
	})
	if n := h.mm.Logins() - before; n != 0 {
		t.Errorf("Mattermost was asked %d times for what is no address", n)
	}
	inParallel(len(same), 8, func(i int) { h.guess(same[i], "X-Forwarded-For", fmt.Sprintf("192.0.2.%d", i)) })
	if got := h.webGuess("/api/v4/users/login", "login_id", "kevin", "192.0.2.9"); got.StatusCode != 429 {
		t.Errorf("by username: %d", got.StatusCode)
	}
	if n := h.mm.Logins() - before; n != 5 {
		t.Errorf("eight spellings reached Mattermost %d times, want 5", n)
	}
	for _, other := range []string{"kevin+x@corp.com", "ke.vin@corp.com", "kevin@xn--crp-sna.com"} {
		if got := h.guess(other); got.StatusCode != 401 {
			t.Errorf("%s is another person: %d", other, got.StatusCode)
		}
	}
}

func TestANetworkIsOneClientInAnySpelling(t *testing.T) {
	h := attacked(t, simulator.Options{}, func(env map[string]string) { env["RATE_LIMIT_CLIENT"] = "3/1h" })
	for name, addresses := range map[string][]string{
		"one IPv6 /64":           {"2001:db8:1:2::1", "2001:db8:1:2:ffff::", "2001:0DB8:0001:0002::aaaa", "2001:db8:1:2::beef"},
		"IPv4 mapped":            {"192.0.2.55", "::ffff:192.0.2.55", "::ffff:c000:237", "192.0.2.55"},
		"what the client added":  {"10.9.9.1, 203.0.113.7", "10.9.9.2, 203.0.113.7", "203.0.113.99,203.0.113.7", "evil, 203.0.113.7"},
		"addresses in the trust": {"203.0.113.8, 127.0.0.2", "203.0.113.8, 127.0.0.3", "203.0.113.8,127.0.0.4, 127.0.0.5", "203.0.113.8"},
	} {
		for i, address := range addresses {
			got := ask(t, "GET", "http://"+h.addr+"/api/mattermost/session", "", "X-Forwarded-For", address)
			if limited := got.StatusCode == 429; limited != (i == 3) {
				t.Errorf("%s: request %d from %s: %d", name, i, address, got.StatusCode)
			}
		}
	}
	if got := ask(t, "GET", "http://"+h.addr+"/api/mattermost/session", "", "X-Forwarded-For", "2001:db8:1:3::1"); got.StatusCode != 401 {
		t.Errorf("the neighbour: %d", got.StatusCode)
	}
}

// TestADeviceCookieIsGoodForItsOwnPersonAlone: not forged, not altered, not for
// another account; and it is a bucket of its own, not a free pass.
func TestADeviceCookieIsGoodForItsOwnPersonAlone(t *testing.T) {
	h := attacked(t, simulator.Options{})
	dana := deviceOf(t, h.post("/api/mattermost/login", `{"email":"dana@erp.test","password":"demo-password"}`))
	demo := deviceOf(t, h.post("/api/mattermost/login", rightPassword))
	inParallel(6, 6, func(int) { h.guess("demo@erp.test") })
	name, value, _ := strings.Cut(demo, "=")
	flipped := []byte(value)
	flipped[len(flipped)-2] ^= 1
	parts := strings.Split(value, ".")
	danas := strings.Split(strings.TrimPrefix(dana, name+"="), ".")
	for what, cookie := range map[string]string{
		"somebody else's":          dana,
		"an altered one":           name + "=" + string(flipped),
		"without its signature":    name + "=" + strings.Join(parts[:len(parts)-1], "."),
		"a tag put into another":   name + "=" + strings.Join([]string{danas[0], danas[1], danas[2], parts[3], danas[4]}, "."),
		"an empty one":             name + "=",
		"a version of one's own":   name + "=v0" + value[2:],
		"two, the last is nothing": demo + "; " + name + "=x",
	} {
		if got := h.post("/api/mattermost/login", rightPassword, "Cookie", cookie); got.StatusCode != 429 {
			t.Errorf("%s opens another bucket: %d", what, got.StatusCode)
		}
	}
	before := h.mm.Logins()
	inParallel(20, 20, func(int) { h.guess("demo@erp.test", "Cookie", demo) })
	if n := h.mm.Logins() - before; n > 5 {
		t.Errorf("with the device cookie %d guesses reached Mattermost, want at most 5", n)
	}
}

func TestAFloodOfNamesNeitherLocksOthersOutNorForgivesTheVictim(t *testing.T) {
	h := attacked(t, simulator.Options{})
	inParallel(6, 6, func(int) { h.guess("dana@erp.test", "X-Forwarded-For", "198.51.100.1") })
	inParallel(257, 64, func(i int) { h.guess(fmt.Sprintf("bogus%d@corp.com", i), "X-Forwarded-For", "198.51.100.1") })
	if got := h.guess("dana@erp.test", "X-Forwarded-For", "198.51.100.1"); got.StatusCode != 429 {
		t.Errorf("the victim's bucket was filled again: %d", got.StatusCode)
	}
	if got := h.post("/api/mattermost/login", rightPassword, "X-Forwarded-For", "192.0.2.20"); got.StatusCode != 200 {
		t.Errorf("somebody else: %d %s", got.StatusCode, got.body)
	}
}

func TestLimitedAnswersDoNotTellWhoExists(t *testing.T) {
	h := attacked(t, simulator.Options{})
	answers := map[string]string{}
	for _, email := range []string{"dana@erp.test", "nobody@erp.test"} {
		inParallel(5, 5, func(int) { h.guess(email) })
		got := h.guess(email)
		if got.StatusCode != 429 {
			t.Fatalf("%d %s", got.StatusCode, got.body)
		}
		answers[email] = fingerprint(got)
	}
	if answers["dana@erp.test"] != answers["nobody@erp.test"] {
		t.Errorf("they differ:\n%s\n%s", answers["dana@erp.test"], answers["nobody@erp.test"])
	}
}

// TestGuessesThatAreAbortedCountAndLeaveNothingBehind resets each connection
// right after the request.
func TestGuessesThatAreAbortedCountAndLeaveNothingBehind(t *testing.T) {
	h := attacked(t, simulator.Options{HashTime: 5 * time.Millisecond})
	const kept = 20            // connections to Mattermost that wait for the next sign-in
	h.guess("nobody@erp.test") // whatever is opened once is open
	before := h.mm.Logins()
	goroutines, descriptors := runtime.NumGoroutine(), openFiles(t)
	const body = `{"email":"demo@erp.test","password":"a-wrong-password"}`
	request := fmt.Sprintf("POST /api/mattermost/login HTTP/1.1\r\nHost: chat.example.com\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	inParallel(1000, 50, func(i int) {
		conn, err := net.Dial("tcp", h.addr)
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = conn.Write([]byte(request))
		if i%2 == 0 {
			time.Sleep(time.Millisecond) // some leave later
		}
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
	})
	if n := h.mm.Logins() - before; n > 5 {
		t.Errorf("%d aborted guesses reached Mattermost", n)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		g, d := runtime.NumGoroutine(), openFiles(t)
		if g <= goroutines+kept && d <= descriptors+kept {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines and %d descriptors, before %d and %d", g, d, goroutines, descriptors)
		}
	}
	if got := h.post("/api/mattermost/login", `{"email":"dana@erp.test","password":"demo-password"}`); got.StatusCode != 200 {
		t.Errorf("somebody else, afterwards: %d %s", got.StatusCode, got.body)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		servertest.Missing(t, "/proc", err)
	}
	return len(files)
}
