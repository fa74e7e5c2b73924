package provision_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"matterpass/internal/email"
	"matterpass/internal/provision"
)

// remembered is a Memory that writes down what it is told, in order.
type remembered struct {
	told []string
	fail string
}

func (m *remembered) note(what string) error {
	m.told = append(m.told, what)
	if what == m.fail {
		return provision.ErrConflict
	}
	return nil
}

func (m *remembered) Creating(_ context.Context, a email.Address) error {
	return m.note("creating " + string(a))
}

func (m *remembered) Created(_ context.Context, id string, a email.Address) error {
	return m.note("created " + string(a))
}

func (m *remembered) Link(_ context.Context, issuer, subject string, a provision.Account) error {
	return m.note("link " + issuer + " " + subject + " " + string(a.Email))
}

func TestWhatIsMadeIsRememberedAndLinked(t *testing.T) {
	all := []string{"creating dana@erp.test", "created dana@erp.test", "link erp 4711 dana@erp.test"}
	tests := map[string]struct {
		known   bool
		subject string
		fail    string
		told    []string
	}{
		"somebody new":                  {subject: "4711", told: all},
		"somebody new without subject":  {told: all[:2]},
		"somebody who is known":         {known: true, subject: "4711", told: all[2:]},
		"nothing to remember":           {known: true},
		"what cannot be noted is not":   {subject: "4711", fail: all[0], told: all[:1]},
		"an account that is not linked": {subject: "4711", fail: all[2], told: all},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			if tc.known {
				m.accounts[danaID] = dana()
			}
			told := &remembered{fail: tc.fail}
			s := service(m, func(o *provision.Options) { o.Memory = told })
			_, err := s.Provision(t.Context(), provision.Request{Email: "dana@erp.test", Issuer: "erp", Subject: tc.subject})
			if (tc.fail != "") != errors.Is(err, provision.ErrConflict) {
				t.Errorf("err = %v", err)
			}
			if !slices.Equal(told.told, tc.told) {
				t.Errorf("told %q, want %q", told.told, tc.told)
			}
		})
	}
}

func (m *remembered) IsLinked(context.Context, string, string) (bool, error) { return false, nil }
