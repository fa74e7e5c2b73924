package main

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestTheSchemaGoesUpAndDown(t *testing.T) {
	address := "--database=sqlite://" + filepath.Join(t.TempDir(), "matterpass.db")
	for _, step := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"status"}, exitFailed, "there is no such file"},
		{[]string{"up"}, exitFine, "step 1 of the 1"},
		{[]string{"up"}, exitFine, "step 1 of the 1"},
		{[]string{"down"}, exitUsage, "--yes"},
		{[]string{"down", "--yes"}, exitFine, "step 0 of the 1"},
		{[]string{"status"}, exitFine, "step 0 of the 1"},
	} {
		code, out, text := once(t, append([]string{"migrate", address}, step.args...)...)
		if code != step.code || !strings.Contains(out+text, step.want) {
			t.Errorf("%v: exit code %d, %s%s", step.args, code, out, text)
		}
	}
	if code, _, text := once(t, "migrate", "up", "--database=mysql://me:hush@host"); code != exitFailed || strings.Contains(text, "hush") {
		t.Errorf("a foreign address: %d, %s", code, text)
	}
}

func TestTheConfiguredDatabaseIsMigrated(t *testing.T) {
	env, _ := production(t)
	inEnvironment(t, env)
	if code, out, text := once(t, "migrate", "up"); code != exitFine || !strings.Contains(out, "step 1 of the 1") {
		t.Errorf("exit code %d, %s%s", code, out, text)
	}
}
