package mattermost

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"github.com/mattermost/mattermost/server/public/model"

	"matterpass/internal/login"
)

const (
	// hashWork is the number of rounds that we hash with. A hash slows down who
	// guesses at passwords that people choose; one of 256 random bits is not
	// guessed at any speed, and Mattermost hashes it again, with its own 600 000
	// rounds, when it is first used (docs/mattermost.md F3).
	hashWork   = 1
	hashLength = 32
	saltLength = 16

	idLongPassword = "model.user.is_valid.pwd_max_length"
)

// SetPassword gives an account another password, which must be random
// (hashWork). With keep it is handed over as a hash: the account's sessions go on
// and no mail is sent. kept reports that; without keep, and on servers that know
// no such hashes, the password is set as an administrator sets it: where Mattermost is
// told to, every session of the account ends, and its owner gets a mail. Either
// way the account's lock is lifted and its sign-in service forgotten (F2, E8).
// It answers login.ErrUnknown for what is no account's id.
func (c *Client) SetPassword(ctx context.Context, userID, password string, keep bool) (kept bool, err error) {
	if !isID(userID) {
		return false, login.ErrUnknown
	}
	if keep && c.knowsHash(ctx) {
		err := c.setHash(ctx, userID, password)
		if !tooLongForAPassword(err) {
			return err == nil, unknownPerson(err)
		}
	}
	return false, unknownPerson(c.setPlain(ctx, userID, password))
}

// firstWithHash is the major version that hashes as hashOf does. An older one
// keeps such a hash too, and then nobody can sign in with it.
const firstWithHash = 11

// knowsHash is true also where Mattermost does not say its version.
func (c *Client) knowsHash(ctx context.Context) bool {
	config, err := c.clientConfig(ctx)
	if err != nil {
		return true
	}
	text, _, _ := strings.Cut(config["Version"], ".")
	major, err := strconv.Atoi(text)
	return err != nil || major >= firstWithHash
}

func (c *Client) setHash(ctx context.Context, userID, password string) error {
	hash, err := hashOf(password)
	if err != nil {
		return err
	}
	return c.command(ctx, opPassword, func(ctx context.Context, client *model.Client4) error {
		_, err := client.UpdateUserHashedPassword(ctx, userID, hash)
		return err
	})
}

func (c *Client) setPlain(ctx context.Context, userID, password string) error {
	return c.command(ctx, opPassword, func(ctx context.Context, client *model.Client4) error {
		_, err := client.UpdateUserPassword(ctx, userID, "", password)
		return err
	})
}

// tooLongForAPassword: a hash is longer than the 72 characters of a password, so
// a server that takes it for one refuses it and changes nothing.
func tooLongForAPassword(err error) bool {
	rejected := rejectionOf(err)
	return rejected != nil && strings.HasPrefix(rejected.id, idLongPassword)
}

// hashOf is a password in the PHC string format, as Mattermost stores it
// (docs/mattermost.md I4).
func hashOf(password string) (string, error) {
	salt := make([]byte, saltLength)
	_, _ = rand.Read(salt) // never fails
	key, err := pbkdf2.Key(sha256.New, password, salt, hashWork, hashLength)
	if err != nil {
		return "", fmt.Errorf("hash a password: %w", err)
	}
	text := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$pbkdf2$f=SHA256,w=%d,l=%d$%s$%s", hashWork, hashLength, text(salt), text(key)), nil
}
