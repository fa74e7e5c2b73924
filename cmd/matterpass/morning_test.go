package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"matterpass/internal/simulator"
)

// office is how many open the ERP at nine in the morning, behind one address.
const office = 200

// TestAnOfficeBehindOneAddressGetsInAtNine lets everybody in at the same moment,
// on their first day, with the settings as they are by default: no limit of an
// address is in the way, and the longest line is long enough. Mattermost's prices
// are a tenth of what they are.
func TestAnOfficeBehindOneAddressGetsInAtNine(t *testing.T) {
	for name, env := range map[string]map[string]string{
		"plugin":  {"SESSION_MINT": "plugin", "PLUGIN_SECRET": pluginSecret},
		"managed": {"SESSION_MINT": "managed", "MINT_SECRET": mintSecret},
	} {
		t.Run(name, func(t *testing.T) {
			cheap := simulator.Options{Plugin: pluginSecret, HashTime: 17 * time.Millisecond, MintTime: 400 * time.Microsecond}
			roomy(&cheap)
			h := attacked(t, cheap, func(all map[string]string) {
				all["JWT_SECRET"], all["JWT_ISSUER"] = jwtSecret, issuer
				for name, value := range env {
					all[name] = value
				}
			})
			answers := tally{}
			var mu sync.Mutex
			took := morning(0, func(person int) {
				status := h.arrive(t, person)
				mu.Lock()
				defer mu.Unlock()
				answers[status]++
			})
			if answers.number("200") != office {
				t.Errorf("%v", answers)
			}
			t.Logf("p50 %s, p95 %s, last %s", took[office/2], took[office*95/100], took[office-1])
		})
	}
}

// roomy has room for the office: by default 50 people fit into a team.
func roomy(o *simulator.Options) {
	o.UserLimit = 1000
	o.Configure = func(s *simulator.Settings) { s.TeamSettings.MaxUsersPerTeam = 1000 }
}

// arrive signs somebody in, all from one address.
func (h *hostile) arrive(t *testing.T, person int) string {
	name := fmt.Sprintf("person%d", person)
	req, err := http.NewRequest(http.MethodPost, "http://"+h.addr+"/api/mattermost/login", http.NoBody)
	if err != nil {
		return err.Error()
	}
	req.Host = "chat.example.com"
	for name, value := range map[string]string{
		"Origin": "https://erp.example.com", "X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7",
		"Authorization": "Bearer " + assert(t, "JWT", claims(name, name+"@erp.test")),
	} {
		req.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close()
	var problem struct{ Code, Detail string }
	_ = json.NewDecoder(res.Body).Decode(&problem) // a success has none
	return fmt.Sprint(res.StatusCode, " ", problem.Code)
}

// morning has everybody arrive within a time, evenly spread, and answers how long
// each waited, the luckiest first.
func morning(within time.Duration, arrive func(person int)) []time.Duration {
	took := make([]time.Duration, office)
	var all sync.WaitGroup
	start := time.Now()
	for person := range office {
		all.Go(func() {
			at := start.Add(within * time.Duration(person) / office)
			time.Sleep(time.Until(at))
			arrive(person)
			took[person] = time.Since(at)
		})
	}
	all.Wait()
	slices.Sort(took)
	return took
}

// BenchmarkMorning is the same at Mattermost's full price: everybody at once on
// their first day, everybody at once on another one, and within a minute.
func BenchmarkMorning(b *testing.B) {
	path := build(b)
	for _, mint := range []string{"plugin", "managed"} {
		many := priced
		roomy(&many)
		mm := simulator.New(many)
		backend := httptest.NewServer(mm)
		w := startWay(b, path, mint, databases["sqlite"](b), backend.URL, mm)
		for _, day := range []struct {
			name   string
			within time.Duration
		}{{"first day at once", 0}, {"at once", 0}, {"within a minute", time.Minute}} {
			b.Run(mint+"/"+strings.ReplaceAll(day.name, " ", "-"), func(b *testing.B) {
				for b.Loop() {
					took := morning(day.within, func(person int) { w.signIn(b, inFlight+person) })
					b.ReportMetric(took[office/2].Seconds(), "s-p50")
					b.ReportMetric(took[office*95/100].Seconds(), "s-p95")
					b.ReportMetric(took[office-1].Seconds(), "s-last")
				}
				b.ReportMetric(0, "ns/op")
			})
		}
		w.stop()
		backend.Close()
		mm.Close()
	}
}
