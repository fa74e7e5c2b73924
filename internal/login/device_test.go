package login

import (
	"fmt"
	"strings"
	"testing"
)

func devices(ids ...string) *Devices {
	var keys []DeviceKey
	for _, id := range ids {
		keys = append(keys, DeviceKey{ID: id, Secret: []byte("secret of " + id)})
	}
	return NewDevices(keys...)
}

func TestDeviceKnowsTheAccountsThatSignedIn(t *testing.T) {
	d := devices("k1")
	value := d.remember(device{}, "demo@erp.test")
	value = d.remember(d.open(value), "dana@erp.test")
	on := d.open(value)
	for account, want := range map[string]bool{"demo@erp.test": true, "dana@erp.test": true, "admin@erp.test": false} {
		if on.knows(account) != want {
			t.Errorf("knows(%s) = %t", account, !want)
		}
	}
	if strings.Contains(value, "demo") || strings.Contains(value, "erp") {
		t.Errorf("the value shows who signed in: %s", value)
	}
}

func TestOnlyAGenuineValueNamesABrowser(t *testing.T) {
	d := devices("k1")
	value := d.remember(device{}, "demo@erp.test")
	first, known := d.ID(value)
	second, _ := d.ID(d.remember(d.open(value), "dana@erp.test"))
	if !known || first == "" || first != second {
		t.Errorf("%q, %q, %t: one browser has one name", first, second, known)
	}
	if id, known := d.ID(value + "x"); known || id != "" {
		t.Errorf("a forged value names %q", id)
	}
}

func TestDeviceForgetsTheLeastRecentAccount(t *testing.T) {
	d := devices("k1")
	value := ""
	for i := range deviceAccounts + 1 {
		value = d.remember(d.open(value), fmt.Sprintf("u%d@erp.test", i))
	}
	if on := d.open(value); on.knows("u0@erp.test") || !on.knows("u1@erp.test") || !on.knows("u8@erp.test") {
		t.Error("the wrong accounts are remembered")
	}
	if len(value) > 200 {
		t.Errorf("the value has %d bytes", len(value))
	}
}

func TestForgedDeviceIsANewBrowser(t *testing.T) {
	d := devices("k1")
	value := d.remember(device{}, "demo@erp.test")
	parts := strings.Split(value, ".")
	forged := map[string]string{
		"empty":             "",
		"no mac":            strings.Join(parts[:4], "."),
		"other mac":         strings.Join(parts[:4], ".") + "." + parts[4][:20] + "zz",
		"other version":     "v2" + value[2:],
		"other device":      strings.Replace(value, parts[2], parts[2][1:]+"A", 1),
		"too many accounts": strings.Replace(value, parts[3], strings.Repeat(parts[3]+".", 9)+parts[3], 1),
		"unknown key":       strings.Replace(value, "k1", "k2", 1),
		"of another secret": devices("other").remember(device{}, "demo@erp.test"),
		"long":              strings.Repeat(".", 100_000),
	}
	for name, value := range forged {
		if d.open(value).knows("demo@erp.test") {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestDeviceSurvivesARotationOfKeys(t *testing.T) {
	old := devices("k1").remember(device{}, "demo@erp.test")
	both := devices("k2", "k1")
	if !both.open(old).knows("demo@erp.test") {
		t.Fatal("a value of the older key is not known")
	}
	renewed := both.remember(both.open(old), "demo@erp.test")
	if !devices("k2").open(renewed).knows("demo@erp.test") {
		t.Error("the value was not renewed with the newer key")
	}
}

func FuzzDeviceNeverKnowsWhatItDidNotSign(f *testing.F) {
	d := devices("k1")
	genuine := d.remember(device{id: strings.Repeat("A", 16), key: d.keys[0]}, "demo@erp.test") // the same in every process that fuzzes
	f.Add(genuine)
	f.Add("v1.k1.x.y.z")
	f.Fuzz(func(t *testing.T, value string) {
		if value != genuine && d.open(value).knows("demo@erp.test") {
			t.Errorf("forged: %q", value)
		}
	})
}
