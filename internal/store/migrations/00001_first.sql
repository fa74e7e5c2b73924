-- Times are Unix milliseconds, zero for “not”. What could be used to sign in is
-- an HMAC-SHA256 (…_mac) or sealed with AES-256-GCM (sealed, and the key's id).
-- SQLite takes BYTEA for a type of its own making and keeps the bytes as they are.

-- +goose Up
CREATE TABLE facts (
  name  TEXT   NOT NULL PRIMARY KEY,
  value TEXT   NOT NULL,
  at    BIGINT NOT NULL
);

CREATE TABLE spent (
  key_mac    BYTEA  NOT NULL PRIMARY KEY,
  owner_mac  BYTEA,
  until      BIGINT NOT NULL
);
CREATE INDEX spent_until ON spent (until);

CREATE TABLE tickets (
  digest_mac BYTEA  NOT NULL PRIMARY KEY,
  sealed     BYTEA  NOT NULL,
  sealed_by  TEXT   NOT NULL,
  expires    BIGINT NOT NULL,
  spent      BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX tickets_expires ON tickets (expires);

CREATE TABLE links (
  issuer    TEXT   NOT NULL,
  subject   TEXT   NOT NULL,
  user_id   TEXT   NOT NULL,
  linked_by TEXT   NOT NULL,
  created   BIGINT NOT NULL,
  PRIMARY KEY (issuer, subject)
);
CREATE INDEX links_user ON links (user_id);
-- However many race: an account is taken once, and the rest is an administrator's word.
CREATE UNIQUE INDEX links_one_by_itself ON links (user_id) WHERE linked_by <> 'admin';

CREATE TABLE accounts (
  user_id         TEXT    NOT NULL PRIMARY KEY,
  address_mac     BYTEA, -- with which it was made here
  mint_kid        TEXT    NOT NULL DEFAULT '',
  mint_generation INTEGER NOT NULL DEFAULT 0
);

-- Accounts that are about to be made.
CREATE TABLE creations (
  address_mac BYTEA  NOT NULL PRIMARY KEY,
  begun       BIGINT NOT NULL
);
CREATE INDEX creations_begun ON creations (begun);

CREATE TABLE turns (
  user_id TEXT   NOT NULL,
  what    TEXT   NOT NULL,
  taken   BIGINT NOT NULL,
  PRIMARY KEY (user_id, what)
);
CREATE INDEX turns_taken ON turns (taken);

CREATE TABLE failures (
  account_mac BYTEA   NOT NULL PRIMARY KEY,
  failed      INTEGER NOT NULL,
  in_flight   INTEGER NOT NULL,
  since       BIGINT  NOT NULL
);

CREATE TABLE sessions (
  token_mac    BYTEA   NOT NULL PRIMARY KEY,
  user_id      TEXT    NOT NULL DEFAULT '',
  session_id   TEXT    NOT NULL DEFAULT '',
  issuer       TEXT    NOT NULL DEFAULT '',
  subject      TEXT    NOT NULL DEFAULT '',
  sid          TEXT    NOT NULL DEFAULT '',
  way          TEXT    NOT NULL DEFAULT '',
  device_mac   BYTEA,
  created      BIGINT  NOT NULL,
  last_seen    BIGINT  NOT NULL,
  expires      BIGINT  NOT NULL DEFAULT 0,
  ended        BIGINT  NOT NULL DEFAULT 0,
  ended_by     TEXT    NOT NULL DEFAULT '',
  sealed       BYTEA,
  sealed_by    TEXT    NOT NULL DEFAULT '',
  leased_until BIGINT  NOT NULL DEFAULT 0,
  tries        INTEGER NOT NULL DEFAULT 0,
  delivered    BIGINT  NOT NULL DEFAULT 0
);
CREATE INDEX sessions_identity ON sessions (issuer, subject) WHERE subject <> '';
CREATE INDEX sessions_device ON sessions (device_mac, created) WHERE device_mac IS NOT NULL;
CREATE INDEX sessions_user ON sessions (user_id) WHERE ended = 0;
CREATE INDEX sessions_created ON sessions (created) WHERE ended = 0;
CREATE INDEX sessions_last_seen ON sessions (last_seen) WHERE ended = 0;
CREATE INDEX sessions_undelivered ON sessions (leased_until) WHERE ended > 0 AND delivered = 0;
CREATE INDEX sessions_over ON sessions (delivered) WHERE delivered > 0;

-- +goose Down
DROP TABLE sessions;
DROP TABLE failures;
DROP TABLE turns;
DROP TABLE creations;
DROP TABLE accounts;
DROP TABLE links;
DROP TABLE tickets;
DROP TABLE spent;
DROP TABLE facts;
