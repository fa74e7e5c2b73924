package doctor_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"matterpass/internal/doctor"
)

var errAway = errors.New("away")

func check(name string, vital bool, err error) doctor.Check {
	return doctor.Check{Name: name, Vital: vital, Run: func(context.Context) error { return err }}
}

func TestReportSumsItsChecksUp(t *testing.T) {
	cases := map[string]struct {
		checks []doctor.Check
		state  doctor.State
		ready  bool
		serves bool
	}{
		"nothing to check":  {nil, doctor.OK, true, true},
		"all hold":          {[]doctor.Check{check("mattermost", true, nil), check("team", false, nil)}, doctor.OK, true, true},
		"a minor one fails": {[]doctor.Check{check("mattermost", true, nil), check("team", false, errAway)}, doctor.Degraded, false, true},
		"a vital one fails": {[]doctor.Check{check("team", false, errAway), check("mattermost", true, errAway)}, doctor.Down, false, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				report := doctor.NewBoard(doctor.Options{Checks: c.checks}).Report(t.Context())
				if report.State() != c.state || report.Ready() != c.ready || report.Serving() != c.serves {
					t.Errorf("state %s, ready %t, serving %t", report.State(), report.Ready(), report.Serving())
				}
			})
		})
	}
}

func TestReportNamesEveryCheckInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		report := doctor.NewBoard(doctor.Options{Checks: []doctor.Check{check("b", true, nil), check("a", false, errAway)}}).Report(t.Context())
		want := []doctor.Result{{Name: "b", Vital: true}, {Name: "a", Err: errAway}}
		if diff := cmp.Diff(want, report.Results, cmp.Comparer(func(a, b error) bool { return a == b })); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAChangeIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var err error
		var told []string
		board := doctor.NewBoard(doctor.Options{
			Checks:  []doctor.Check{{Name: "database", Run: func(context.Context) error { return err }}, check("mattermost", true, nil)},
			Changed: func(check string, err error) { told = append(told, check+": "+fmt.Sprint(err)) },
		})
		for _, now := range []error{nil, errAway, errAway, nil, nil} {
			err = now
			board.Report(t.Context())
			time.Sleep(3 * time.Second)
		}
		if want := []string{"database: away", "database: <nil>"}; !cmp.Equal(told, want) {
			t.Errorf("%v, want %v", told, want)
		}
	})
}

func TestAStormOfQuestionsIsOneRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		board := doctor.NewBoard(doctor.Options{Checks: []doctor.Check{{Name: "slow", Run: func(context.Context) error {
			runs++
			time.Sleep(time.Second)
			return nil
		}}}})
		var storm sync.WaitGroup
		for range 1000 {
			storm.Go(func() {
				if !board.Report(t.Context()).Ready() {
					t.Error("not ready")
				}
			})
		}
		storm.Wait()
		board.Report(t.Context())
		if runs != 1 {
			t.Errorf("%d runs", runs)
		}
		time.Sleep(2 * time.Second)
		board.Report(t.Context())
		if runs != 2 {
			t.Errorf("%d runs after the report grew old, want 2", runs)
		}
	})
}

func TestHangingCheckIsCutAndWaitersMayLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board := doctor.NewBoard(doctor.Options{Checks: []doctor.Check{{Name: "hangs", Vital: true, Run: func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}}}})
		impatient, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		start := time.Now()
		board.Report(impatient)
		if took := time.Since(start); took != 100*time.Millisecond {
			t.Errorf("waited %s", took)
		}
		if report := board.Report(t.Context()); report.State() != doctor.Down || time.Since(start) != 3*time.Second {
			t.Errorf("state %s after %s", report.State(), time.Since(start))
		}
	})
}

func TestUnknownIsNotReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board := doctor.NewBoard(doctor.Options{Checks: []doctor.Check{{Name: "slow", Run: func(context.Context) error {
			time.Sleep(time.Second)
			return nil
		}}}})
		left, cancel := context.WithCancel(t.Context())
		cancel()
		if report := board.Report(left); report.Ready() || report.State() != doctor.Down {
			t.Errorf("nothing is known yet, and the state is %s", report.State())
		}
		time.Sleep(2 * time.Second)
	})
}

func TestDrainingIsNotReadyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board := doctor.NewBoard(doctor.Options{})
		if !board.Report(t.Context()).Ready() {
			t.Error("not ready before")
		}
		board.Stop()
		if board.Report(t.Context()).Ready() {
			t.Error("ready while draining")
		}
	})
}
