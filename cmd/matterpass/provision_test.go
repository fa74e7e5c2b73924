package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"matterpass/internal/simulator"
)

// roster writes a file of people.
func roster(t *testing.T, name string, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAFileOfPeopleIsBroughtInLineAndAgainChangesNothing(t *testing.T) {
	env, mm := installation(t)
	inEnvironment(t, env)
	for _, file := range []string{
		roster(t, "people.csv", "\xef\xbb\xbfemail,subject,first_name,last_name,teams",
			"nora@corp.com,4711,Nora,Weber,", `ines@corp.com,4712,Inés,"O'Hara, Dr.","erp:town-square,orders"`, "demo@erp.test,,,,"),
		roster(t, "people.jsonl", `{"email":"nora@corp.com","subject":"4711","first_name":"Nora"}`, "", `{"email":"otto@corp.com","teams":[{"name":"erp","channels":["orders"]}]}`),
	} {
		code, out, text := once(t, "provision", "--dry-run", file)
		if code != exitFine || !strings.Contains(out, "nothing is changed") || !strings.Contains(out, "created") {
			t.Errorf("a rehearsal of %s: %d\n%s%s", filepath.Base(file), code, out, text)
		}
		if mm.UserID("otto@corp.com") != "" || filepath.Ext(file) == ".csv" && mm.UserID("nora@corp.com") != "" {
			t.Error("the rehearsal made an account")
		}
		if code, out, text = once(t, "provision", file); code != exitFine || !strings.Contains(out, "created") {
			t.Errorf("%s: %d\n%s%s", filepath.Base(file), code, out, text)
		}
		code, out, _ = once(t, "provision", file)
		if lines := strings.Split(strings.TrimSpace(out), "\n"); code != exitFine || !strings.HasSuffix(lines[len(lines)-1], " unchanged") || strings.Contains(lines[len(lines)-1], ",") {
			t.Errorf("again: %d\n%s", code, out)
		}
	}
	once(t, "provision", roster(t, "p.csv", "email,password", "with@corp.com,long-enough-1"))
	if code, out, _ := once(t, "provision", roster(t, "p.csv", "email,password", "with@corp.com,long-enough-2")); code != exitFine || !strings.HasSuffix(out, "\n1 unchanged\n") {
		t.Errorf("with a password, again: %d\n%s", code, out)
	}
	got := ask(t, "GET", env["MM_BASE_URL"]+"/api/v4/users/email/ines@corp.com", "", "Authorization", "Bearer "+mm.AdminToken())
	if got.field(t, "last_name") != "O'Hara, Dr." || got.field(t, "first_name") != "Inés" {
		t.Error(got.body)
	}
	orders := ask(t, "GET", env["MM_BASE_URL"]+"/api/v4/teams/name/erp/channels/name/orders", "", "Authorization", "Bearer "+mm.AdminToken()).field(t, "id").(string)
	if in := ask(t, "GET", env["MM_BASE_URL"]+"/api/v4/channels/"+orders+"/members/"+mm.UserID("ines@corp.com"), "", "Authorization", "Bearer "+mm.AdminToken()); in.StatusCode != http.StatusOK {
		t.Errorf("she is not in her channel: %d", in.StatusCode)
	}
}

// TestSubjectsOfAFileAreThoseOfTheAPI: whoever was named by a file signs in by the
// ERP's word for them.
func TestSubjectsOfAFileAreThoseOfTheAPI(t *testing.T) {
	env, _ := installation(t)
	env["API_KEYS_ISSUER"], env["JWT_ISSUER"], env["JWT_SECRET"] = "jwt", issuer, key32
	inEnvironment(t, env)
	if code, out, text := once(t, "provision", roster(t, "p.csv", "email,subject", "nora@corp.com,4711")); code != exitFine {
		t.Fatalf("%d\n%s%s", code, out, text)
	}
	code, out, text := once(t, "provision", roster(t, "p.csv", "email,subject", "otto@corp.com,4711"))
	if code != exitFailed || !strings.Contains(out, "failed") || !strings.Contains(text, "1 of 1 people") {
		t.Errorf("somebody else's subject: %d\n%s%s", code, out, text)
	}
}

func TestAFileThatIsWrongSomewhereDoesNothing(t *testing.T) {
	env, mm := installation(t)
	env["API_KEYS"] = "erp:" + key32 + ",shop:" + key32 + "x"
	inEnvironment(t, env)
	const good = "nora@corp.com"
	cases := map[string]struct {
		file string
		want []string
	}{
		"all mistakes at once": {roster(t, "p.jsonl", `{"email":"`+good+`"}`, `{"email":"x"}`, `{"email":"a@corp.com","role":"admin"}`, "{", `{"email":"NORA@corp.com"}`),
			[]string{"line 3: role", "line 4: body"}},
		"what nobody can have":  {roster(t, "p.jsonl", `{"email":"`+good+`"}`, `{"email":"x"}`, `{"email":"NORA@corp.com"}`), []string{"line 2: email", "line 3: email: the same as in line 1"}},
		"a column too many":     {roster(t, "p.csv", "email,role", good+",admin"), []string{"line 1", `"role"`, "first_name"}},
		"a column twice":        {roster(t, "p.csv", "email,email", good+",x"), []string{"line 1", "twice"}},
		"no addresses":          {roster(t, "p.csv", "subject", "1"), []string{"email is missing"}},
		"another separator":     {roster(t, "p.csv", "email;subject", good+";1"), []string{"line 1", "separated by commas"}},
		"a cell too few":        {roster(t, "p.csv", "email,subject", good), []string{"line 2"}},
		"an open quote":         {roster(t, "p.csv", "email,first_name", good+`,"No`, `x@corp.com,y`), []string{"line"}},
		"empty":                 {roster(t, "p.csv"), []string{"line 1", "columns"}},
		"whose subjects":        {roster(t, "p.csv", "email,subject", good+",4711"), []string{"line 2", "--issuer"}},
		"a table of some sort":  {roster(t, "p.xlsx", "x"), []string{".csv or .jsonl"}},
		"no file":               {filepath.Join(t.TempDir(), "p.csv"), []string{"no such file"}},
		"a line that is a book": {roster(t, "p.jsonl", `{"email":"`+good+`","nickname":"`+strings.Repeat("x", 70_000)+`"}`), []string{"line 1"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			code, out, text := once(t, "provision", c.file)
			if code != exitFailed || out != "" {
				t.Errorf("%d %q", code, out)
			}
			for _, want := range append(c.want, "nothing was done") {
				if !strings.Contains(text, want) {
					t.Errorf("it does not say %q: %s", want, text)
				}
			}
			if mm.UserID(good) != "" {
				t.Error("the good line was done")
			}
		})
	}
	env["MM_ADMIN_TOKEN"], env["PLUGIN_SECRET"] = "", ""
	inEnvironment(t, env)
	if code, _, text := once(t, "provision", "-"); code != exitFailed || !strings.Contains(text, "MM_ADMIN_TOKEN") {
		t.Errorf("without an admin: %d %s", code, text)
	}
}

func TestWhoFailsIsNamedAndTheOthersAreDone(t *testing.T) {
	env, mm := installation(t)
	inEnvironment(t, env)
	file := roster(t, "p.csv", "email,teams", simulator.AdminEmail+",", "nora@corp.com,nowhere", "otto@corp.com,")
	code, out, text := once(t, "provision", file)
	if code != exitFailed || !strings.Contains(text, "2 of 3 people are left") || mm.UserID("otto@corp.com") == "" || mm.UserID("nora@corp.com") != "" {
		t.Errorf("%d\n%s%s", code, out, text)
	}
	if lines := strings.Split(out, "\n"); !strings.HasPrefix(lines[0], "line 2 ") || !strings.Contains(lines[0], "failed") || !strings.Contains(lines[2], "created") {
		t.Errorf("in the file's order:\n%s", out)
	}
	many := []string{"email"}
	for _, name := range strings.Fields(strings.Repeat("p ", 40)) {
		many = append(many, name+strings.Repeat("x", len(many))+"@corp.com")
	}
	env["MM_ADMIN_TOKEN"] = strings.Repeat("x", 26)
	inEnvironment(t, env)
	if code, out, text = once(t, "provision", roster(t, "p.csv", many...)); code != exitFailed || !strings.Contains(out, "not tried") || !strings.Contains(text, "40 of 40") {
		t.Errorf("with a token that is refused: %d\n%s%s", code, out, text)
	}
}
