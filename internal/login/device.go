package login

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
)

// A device value is what a browser carries to show that it signed in before:
//
//	v1.<kid>.<device id>.<tag>…<tag>.<mac>
//
// with a tag for each account that signed in there. It is no credential: all it
// gives is a bucket of its own, so that a stranger who guesses somebody's
// password cannot keep the owner out.
const (
	deviceVersion  = "v1"
	deviceIDBytes  = 12
	deviceTagBytes = 8
	deviceMACBytes = 16
	// deviceAccounts bounds the value to about 170 bytes; a shared workstation
	// forgets its least recent person first.
	deviceAccounts = 8
)

// DeviceKey signs device values. ID names it in the value, so that keys rotate.
type DeviceKey struct {
	ID     string // [a-z0-9-]{1,32}
	Secret []byte
}

// Devices issues and checks device values. The first key signs, the others are
// still accepted.
type Devices struct{ keys []DeviceKey }

// NewDevices wants at least one key.
func NewDevices(keys ...DeviceKey) *Devices { return &Devices{keys} }

// ID names the browser that carries a genuine value.
func (d *Devices) ID(value string) (id string, known bool) {
	id = d.open(value).id
	return id, id != ""
}

// device is a value that was found genuine; the zero value is a new browser.
type device struct {
	id   string
	tags []string
	key  DeviceKey
}

// open reads a value. What is not genuine is a new browser: a cookie can be
// anything, and there is nobody to tell.
func (d *Devices) open(value string) device {
	body, mac, found := cutLast(value)
	parts := strings.Split(body, ".")
	if !found || len(parts) < 4 || len(parts) > 3+deviceAccounts || parts[0] != deviceVersion {
		return device{}
	}
	for _, key := range d.keys {
		if key.ID == parts[1] && hmac.Equal([]byte(mac), []byte(key.mac("device", body, deviceMACBytes))) {
			return device{id: parts[2], tags: parts[3:], key: key}
		}
	}
	return device{}
}

// knows reports whether account signed in on this device before.
func (d device) knows(account string) bool {
	return d.id != "" && slices.Contains(d.tags, d.key.tag(d.id, account))
}

// renewed gives a new browser its id, and one that came with an older key, too:
// the tags that were made with it are dropped.
func (d *Devices) renewed(on device) device {
	if on.id == "" || on.key.ID != d.keys[0].ID {
		return device{id: encode(randomBytes(deviceIDBytes)), key: d.keys[0]}
	}
	return on
}

// remember returns the value for a device on which account has now signed in.
func (d *Devices) remember(on device, account string) string {
	on, key := d.renewed(on), d.keys[0]
	tag := key.tag(on.id, account)
	tags := []string{tag}
	for _, other := range on.tags {
		if other != tag && len(tags) < deviceAccounts {
			tags = append(tags, other)
		}
	}
	body := strings.Join(append([]string{deviceVersion, key.ID, on.id}, tags...), ".")
	return body + "." + key.mac("device", body, deviceMACBytes)
}

func (k DeviceKey) tag(id, account string) string {
	return k.mac("account", id+"\x00"+account, deviceTagBytes)
}

func (k DeviceKey) mac(label, text string, size int) string {
	h := hmac.New(sha256.New, k.Secret)
	h.Write([]byte(label + "\x00" + text))
	return encode(h.Sum(nil)[:size])
}

func cutLast(s string) (before, after string, found bool) {
	if i := strings.LastIndexByte(s, '.'); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails (crypto/rand)
	return b
}
