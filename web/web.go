// Package web holds the files that browsers get: the widget, the shell that it
// shows, the embed doctor and the demo's ERP page. It embeds them as they are written, nothing is bundled or
// generated, and it knows nothing of HTTP: who serves a file chooses its headers.
package web

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"io/fs"
)

//go:embed widget/matterpass.js widget/matterpass.d.ts pages/erp
//go:embed pages/oidc/index.html pages/oidc/outcome.css pages/oidc/outcome.js
//go:embed pages/doctor/index.html pages/doctor/doctor.css pages/doctor/doctor.js pages/doctor/verdict.js
//go:embed pages/shell/index.html pages/shell/shell.css pages/shell/shell.js pages/shell/cards.js pages/shell/facts.js
//go:embed pages/shell/frame.js pages/shell/live.js pages/shell/notify.js pages/shell/oidc.js pages/shell/protocol.js pages/shell/session.js
//go:embed pages/shell/storage.js pages/shell/unread.js
//go:embed pages/launch/index.html pages/launch/launch.js pages/launch/embedder.js
var files embed.FS

// Widget holds matterpass.js, the module that defines <mattermost-chat>, and
// its types, matterpass.d.ts.
func Widget() fs.FS { return sub("widget") }

// ERP holds the page of the demo's stand-in ERP: index.html, erp.css, erp.js.
func ERP() fs.FS { return sub("pages/erp") }

// Shell holds the page around Mattermost: index.html, a template that is told
// the shell's configuration, shell.css, and the modules that shell.js loads.
func Shell() fs.FS { return sub("pages/shell") }

// Launch holds the page to which a launch ticket leads: index.html, a template that
// is told who may embed it, and its modules; it uses some of the shell's.
func Launch() fs.FS { return sub("pages/launch") }

// OIDC holds the page on which a sign-in with an identity provider ends, unless
// it ends in chat: index.html, a template that is told the outcome, outcome.css
// and outcome.js.
func OIDC() fs.FS { return sub("pages/oidc") }

// Doctor holds the page that finds out why an embedded chat does not work:
// index.html, a template that is told how the browser came to it, doctor.css,
// doctor.js and verdict.js.
func Doctor() fs.FS { return sub("pages/doctor") }

// ETag is a strong entity tag (RFC 9110, section 8.8.3) made of a file's
// content: the same bytes have the same tag in every instance and build.
func ETag(content []byte) string {
	sum := sha256.Sum256(content)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
}

// sub cannot fail: the folders are part of the build.
func sub(dir string) fs.FS {
	tree, err := fs.Sub(files, dir)
	if err != nil {
		panic(err)
	}
	return tree
}
