package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"matterpass/internal/simulator"
)

// provision asks for an account as the ERP's back end; header may bring another key.
func (d *door) provision(body string, header ...string) answer {
	d.t.Helper()
	return d.post("/api/mattermost/provision", body, append([]string{"Authorization", "Bearer " + key32}, header...)...)
}

// TestNobodyBecomesAnAccountThatIsNotTheirs: hostile.md J3 and M5, by every way of
// saying who somebody is.
func TestNobodyBecomesAnAccountThatIsNotTheirs(t *testing.T) {
	d := doorOf(t, "RATE_LIMIT_CLIENT", "10000/1s")
	for _, p := range []simulator.Person{
		{Email: "sysadmin@corp.com", Admin: true}, {Email: "bot@corp.com", Bot: true}, {Email: "gone@corp.com", Inactive: true},
		{Email: "ldap@corp.com", AuthService: "ldap"}, {Email: "saml@corp.com", AuthService: "saml"}, {Email: "gitlab@corp.com", AuthService: "gitlab"},
		{Email: "squatter@corp.com", Unverified: true},
	} {
		d.mm.AddPerson(p)
	}
	ways := map[string]func(email string) answer{
		"an assertion":          func(email string) answer { return d.enter(claims("s-"+email, email)) },
		"an assertion, shouted": func(email string) answer { return d.enter(claims("c-"+email, strings.ToUpper(email))) },
		"a ticket":              func(email string) answer { return d.redeem(d.ticket("t-"+email, email), "") },
		"provisioning": func(email string) answer {
			return d.provision(quoted(`{"email":%s,"subject":%s,"first_name":"Eve"}`, email, "p-"+email))
		},
	}
	for _, who := range []string{"sysadmin", "bot", "gone", "ldap", "saml", "gitlab"} {
		for name, way := range ways {
			wants(t, who+" by "+name, way(who+"@corp.com"), http.StatusConflict, "conflict")
		}
	}
	for name, way := range ways {
		if name != "provisioning" { // names may change; it links nobody
			wants(t, "what somebody took before, by "+name, way("squatter@corp.com"), http.StatusConflict, "conflict")
		}
	}
	for _, who := range []string{"sysadmin", "bot", "gone", "ldap", "saml", "gitlab", "squatter"} {
		if n := d.mm.Sessions(who + "@corp.com"); n != 0 {
			t.Errorf("%s has %d sessions", who, n)
		}
	}
	wants(t, "provisioned by nobody's leave, then", d.provision(`{"email":"squatter@corp.com","subject":"p-squatter@corp.com"}`), http.StatusOK, "")
	wants(t, "not linked by that", d.redeem(d.ticket("p-squatter@corp.com", "squatter@corp.com"), ""), http.StatusConflict, "conflict")
}

// TestAVerifiedAddressIsNeededOnBothSides before an account that was there becomes
// anybody's; and whoever had it loses what they had.
func TestAVerifiedAddressIsNeededOnBothSides(t *testing.T) {
	d := doorOf(t)
	d.mm.AddPerson(simulator.Person{Email: "kim@corp.com", Unverified: true})
	wants(t, "Mattermost says no", d.enter(claims("k", "kim@corp.com")), http.StatusConflict, "conflict")
	d.mm.SetVerified("kim@corp.com", true)
	wants(t, "the issuer says no", d.enter(as("k", "kim@corp.com", "email_verified", false)), http.StatusConflict, "conflict")
	wants(t, "the issuer says nothing", d.enter(as("k", "kim@corp.com", "email_verified", nil)), http.StatusConflict, "conflict")
	token, _ := d.mm.SignIn("kim@corp.com") // of whoever took the address first
	access := d.mm.AddToken("kim@corp.com")
	in := d.enter(claims("k", "kim@corp.com"))
	wants(t, "both say yes", in, http.StatusOK, "")
	if d.mm.Sessions("kim@corp.com") != 1 || d.me("MMAUTHTOKEN="+token) != http.StatusUnauthorized {
		t.Error("a session of before goes on")
	}
	if got := ask(t, "GET", d.whole["MM_BASE_URL"]+"/api/v4/users/me", "", "Authorization", "Bearer "+access); got.StatusCode != http.StatusUnauthorized {
		t.Errorf("an access token of before goes on: %d", got.StatusCode)
	}
	own, _ := d.mm.SignIn("kim@corp.com")
	wants(t, "again", d.enter(claims("k", "kim@corp.com")), http.StatusOK, "")
	if d.me("MMAUTHTOKEN="+own) != http.StatusOK {
		t.Error("a second sign-in ends the person's other sessions")
	}
}

// TestAnAddressThatChangedLinksNobody: the account that Matterpass made takes a
// colleague's address at Mattermost and waits for them.
func TestAnAddressThatChangedLinksNobody(t *testing.T) {
	d := doorOf(t)
	mallory := d.enter(claims("m", "mallory@corp.com"))
	wants(t, "mallory", mallory, http.StatusOK, "")
	made := d.provision(`{"email":"second@corp.com"}`) // made by us, linked to nobody
	wants(t, "a second account", made, http.StatusCreated, "")
	d.changeAddress("second@corp.com", "victim@corp.com")
	wants(t, "the victim", d.enter(as("v", "victim@corp.com", "email_verified", false)), http.StatusConflict, "conflict")
	wants(t, "with a ticket", d.redeem(d.ticket("v", "victim@corp.com"), ""), http.StatusConflict, "conflict")
	wants(t, "by provisioning", d.provision(`{"email":"victim@corp.com","subject":"v"}`), http.StatusOK, "")
	wants(t, "and still not", d.redeem(d.ticket("v", "victim@corp.com"), ""), http.StatusConflict, "conflict")
	d.changeAddress("mallory@corp.com", "chief@corp.com")
	wants(t, "the chief", d.enter(claims("c", "chief@corp.com")), http.StatusConflict, "conflict")
	if again := d.enter(claims("m", "mallory@corp.com")); again.userID() != mallory.userID() {
		t.Errorf("mallory is somebody else now: %d %s", again.StatusCode, again.body)
	}
}

// changeAddress is what an account's owner does in Mattermost's settings; there the
// new address does not count as verified.
func (d *door) changeAddress(from, to string) {
	d.t.Helper()
	got := ask(d.t, "PUT", d.whole["MM_BASE_URL"]+"/api/v4/users/"+d.mm.UserID(from)+"/patch", quoted(`{"email":%s}`, to), "Authorization", "Bearer "+d.mm.AdminToken())
	if got.StatusCode != http.StatusOK || d.mm.UserID(to) == "" {
		d.t.Fatalf("change of address: %d %s", got.StatusCode, got.body)
	}
}

// TestASubjectIsOneAccountForItsIssuerAlone: another issuer's subject of the same
// name is another person, and no call moves a subject to another account.
func TestASubjectIsOneAccountForItsIssuerAlone(t *testing.T) {
	d := doorOf(t, "API_KEYS", "erp:"+key32+",crm:"+key32+"-crm,ops:"+key32+"-ops:admin")
	crm := []string{"Authorization", "Bearer " + key32 + "-crm"}
	nora := d.enter(claims("4711", "nora@corp.com"))
	wants(t, "nora", nora, http.StatusOK, "")
	wants(t, "the ERP's key, same subject and address", d.redeem(d.ticket("4711", "nora@corp.com"), ""), http.StatusConflict, "conflict")
	other := d.redeem(d.ticket("4711", "otto@corp.com"), "")
	if other.StatusCode != http.StatusOK || other.userID() == nora.userID() {
		t.Errorf("same subject of another issuer: %d %s", other.StatusCode, other.body)
	}
	moved := d.enter(claims("4711", "chief@corp.com")) // the issuer says another address now
	if moved.userID() != nora.userID() || d.mm.UserID("chief@corp.com") != "" {
		t.Errorf("the subject moved: %s", moved.body)
	}
	wants(t, "an account of one's own", d.provision(`{"email":"pia@corp.com","subject":"p1"}`), http.StatusCreated, "")
	wants(t, "somebody else's subject", d.provision(`{"email":"paul@corp.com","subject":"p1"}`), http.StatusConflict, "conflict")
	wants(t, "another back end's person", d.provision(`{"email":"pia@corp.com","subject":"p1","first_name":"Eve"}`, crm...), http.StatusConflict, "conflict")
	got := d.provision(`{"email":"pia@corp.com","subject":"p2","first_name":"Eve"}`)
	wants(t, "a second subject", got, http.StatusConflict, "conflict")
	if pia := d.account("pia@corp.com"); strings.Contains(pia, "Eve") {
		t.Errorf("a refused call changed the account: %s", pia)
	}
	if ticket := d.post(launchPath, `{"subject":"x","email":"pia@corp.com","origin":"https://erp.example.com"}`, crm...); ticket.StatusCode == http.StatusCreated {
		_, text, _ := strings.Cut(strings.Split(ticket.body, `"`)[3], "#")
		wants(t, "another back end's ticket", d.redeem(text, ""), http.StatusConflict, "conflict")
	}
}

// account is what Mattermost holds of an address.
func (d *door) account(email string) string {
	d.t.Helper()
	return ask(d.t, "GET", d.whole["MM_BASE_URL"]+"/api/v4/users/email/"+email, "", "Authorization", "Bearer "+d.mm.AdminToken()).body
}

// TestALinkedAccountIsLookedAtEveryTime: it may have become another kind since.
func TestALinkedAccountIsLookedAtEveryTime(t *testing.T) {
	for way, env := range map[string][]string{"plugin": {"SESSION_MINT", "plugin"}, "managed": {"SESSION_MINT", "managed", "PLUGIN_SECRET", ""}} {
		t.Run(way, func(t *testing.T) {
			d := doorOf(t, env...)
			for _, who := range []string{"leaver", "riser", "sso"} {
				wants(t, who, d.enter(claims(who, who+"@corp.com")), http.StatusOK, "")
			}
			d.mm.SetActive("leaver@corp.com", false)
			d.roles("riser@corp.com", "system_user system_admin")
			wants(t, "deactivated", d.enter(claims("leaver", "leaver@corp.com")), http.StatusUnauthorized, "login_refused")
			wants(t, "raised", d.enter(claims("riser", "riser@corp.com")), http.StatusUnauthorized, "login_refused")
			d.roles("riser@corp.com", "system_user system_user_manager")
			wants(t, "raised a little", d.enter(claims("riser", "riser@corp.com")), http.StatusUnauthorized, "login_refused")
			d.roles("riser@corp.com", "system_user")
			wants(t, "lowered again", d.enter(claims("riser", "riser@corp.com")), http.StatusOK, "")
			if d.mm.Sessions("leaver@corp.com") != 0 {
				t.Error("the leaver has a session")
			}
			wants(t, "provisioned again", d.provision(`{"email":"leaver@corp.com"}`), http.StatusConflict, "conflict")
			d.mm.SetActive("leaver@corp.com", true)
			wants(t, "back", d.enter(claims("leaver", "leaver@corp.com")), http.StatusOK, "")
		})
	}
}

func (d *door) roles(email, roles string) {
	d.t.Helper()
	got := ask(d.t, "PUT", d.whole["MM_BASE_URL"]+"/api/v4/users/"+d.mm.UserID(email)+"/roles", quoted(`{"roles":%s}`, roles), "Authorization", "Bearer "+d.mm.AdminToken())
	if got.StatusCode != http.StatusOK {
		d.t.Fatalf("roles: %d %s", got.StatusCode, got.body)
	}
}

// TestOperatorsAloneLinkByHand: /admin/links, at the door and in effect.
func TestOperatorsAloneLinkByHand(t *testing.T) {
	d := doorOf(t)
	dana := d.mm.UserID(simulator.DanaEmail)
	body := quoted(`{"issuer":%s,"subject":"d","email":%s}`, issuer, simulator.DanaEmail)
	at := func(method, addr, body string, header ...string) answer {
		return ask(t, method, "http://"+addr+"/admin/links", body, header...)
	}
	ops := []string{"Authorization", "Bearer " + key32 + "-ops"}
	for name, c := range map[string]struct {
		got    answer
		status int
	}{
		"in public":          {at("POST", d.addr, body, append(ops, "X-Forwarded-Proto", "https")...), 404},
		"nobody":             {at("POST", d.admin, body), 401},
		"the ERP's key":      {at("POST", d.admin, body, "Authorization", "Bearer "+key32), 403},
		"a web page":         {at("POST", d.admin, body, append(ops, "Origin", "http://"+d.admin)...), 403},
		"a page of no place": {at("POST", d.admin, body, append(ops, "Origin", "null")...), 403},
		"a form":             {at("POST", d.admin, body, append(ops, "Content-Type", "text/plain")...), 415},
		"a role in it":       {at("POST", d.admin, `{"roles":"system_admin",`+body[1:], ops...), 400},
		"no issuer":          {at("POST", d.admin, quoted(`{"subject":"d","email":%s}`, simulator.DanaEmail), ops...), 400},
		"two accounts":       {at("POST", d.admin, quoted(`{"user_id":%s,`, dana)+body[1:], ops...), 400},
		"an id that climbs":  {at("POST", d.admin, `{"issuer":"i","subject":"d","user_id":"../../users/me/aaaaaaaaaa"}`, ops...), 400},
		"nobody's account":   {at("POST", d.admin, `{"issuer":"i","subject":"d","email":"nobody@corp.com"}`, ops...), 404},
		"GET":                {at("GET", d.admin, "", ops...), 404},
		"no such link":       {at("DELETE", d.admin, quoted(`{"issuer":%s,"subject":"d"}`, issuer), ops...), 404},
	} {
		if c.got.StatusCode != c.status && !(name == "GET" && c.got.StatusCode == 405) {
			t.Errorf("%s: %d %s, want %d", name, c.got.StatusCode, c.got.body, c.status)
		}
	}
	if got := d.operator("DELETE", "/admin/links", `{"issuer":"i","subject":"nobody"}`); got.field(t, "detail") != "There is no such link." {
		t.Errorf("what is missing is called otherwise: %s", got.body)
	}
	wants(t, "before", d.enter(as("d", simulator.DanaEmail, "email_verified", false)), http.StatusConflict, "conflict")
	before, _ := d.mm.SignIn(simulator.DanaEmail)
	wants(t, "linked", d.operator("POST", "/admin/links", body), http.StatusOK, "")
	if d.me("MMAUTHTOKEN="+before) != http.StatusUnauthorized {
		t.Error("what the account had before goes on")
	}
	in := d.enter(as("d", "whatever@erp.test", "email_verified", false))
	if in.userID() != dana {
		t.Errorf("after the link: %d %s", in.StatusCode, in.body)
	}
	wants(t, "the same again", d.operator("POST", "/admin/links", body), http.StatusOK, "")
	if d.me(in.cookies()) != http.StatusOK {
		t.Error("to link once more ends the person's sessions")
	}
	demo, _ := d.mm.SignIn(simulator.DemoEmail)
	wants(t, "to another account", d.operator("POST", "/admin/links", quoted(`{"issuer":%s,"subject":"d","email":%s}`, issuer, simulator.DemoEmail)), http.StatusConflict, "conflict")
	if d.me("MMAUTHTOKEN="+demo) != http.StatusOK {
		t.Error("a refused link ended somebody's sessions")
	}
	wants(t, "unlinked", d.operator("DELETE", "/admin/links", quoted(`{"issuer":%s,"subject":"d"}`, issuer)), http.StatusNoContent, "")
	if d.me(in.cookies()) != http.StatusUnauthorized {
		t.Error("the session of the link goes on")
	}
	eventually(t, "Mattermost was told", func() bool { return d.mm.Sessions(simulator.DanaEmail) == 0 })
	wants(t, "after that", d.enter(as("d", simulator.DanaEmail, "email_verified", false)), http.StatusConflict, "conflict")
}

// TestNewcomersAtTheSameMomentAreOneAccountEach: a page with many frames, and two
// people who are said to have one address.
func TestNewcomersAtTheSameMomentAreOneAccountEach(t *testing.T) {
	d := doorOf(t, "RATE_LIMIT_IDENTITY", "1000/1s")
	ids := make([]string, 40)
	inParallel(len(ids), 20, func(i int) {
		got := d.enter(as("4711", "nora@corp.com", "jti", fmt.Sprint("frame-", i)))
		wants(t, "a frame", got, http.StatusOK, "")
		ids[i] = got.userID()
	})
	if all := slices.Compact(ids); len(all) != 1 || all[0] != d.mm.UserID("nora@corp.com") {
		t.Errorf("the frames are of %q", all)
	}
	var in atomic.Int64
	inParallel(40, 20, func(i int) {
		switch got := d.enter(as(fmt.Sprint("subject-", i), "shared@corp.com")); got.StatusCode {
		case http.StatusOK:
			in.Add(1)
		case http.StatusConflict:
		default:
			t.Errorf("%d %s", got.StatusCode, got.body)
		}
	})
	if n := in.Load(); n != 1 || d.mm.Sessions("shared@corp.com") != 1 {
		t.Errorf("%d people became one account; it has %d sessions", n, d.mm.Sessions("shared@corp.com"))
	}
}
