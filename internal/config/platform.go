package config

import "strconv"

// platform is a hosting platform, recognised by a variable it sets.
type platform struct {
	name      string
	publicURL string // "" where the platform names no public host
}

// detect looks at the process's own environment only.
func detect(env map[string]string) platform {
	for _, p := range []struct {
		mark, name string
		publicURL  string
	}{
		{"RAILWAY_ENVIRONMENT", "Railway", https(env["RAILWAY_PUBLIC_DOMAIN"])},
		{"VERCEL", "Vercel", https(vercelHost(env))},
		{"FLY_APP_NAME", "Fly", https(env["FLY_APP_NAME"] + ".fly.dev")},
		{"RENDER", "Render", env["RENDER_EXTERNAL_URL"]},
		{"K_SERVICE", "Cloud Run", ""},
		{"DYNO", "Heroku", ""},
	} {
		if env[p.mark] != "" {
			return platform{p.name, p.publicURL}
		}
	}
	return platform{}
}

// vercelHost is the production domain in production, and the deployment's own in
// a preview, where Vercel sets both.
func vercelHost(env map[string]string) string {
	if host := env["VERCEL_PROJECT_PRODUCTION_URL"]; host != "" && env["VERCEL_ENV"] != "preview" {
		return host
	}
	return env["VERCEL_URL"]
}

func https(host string) string {
	if host == "" {
		return ""
	}
	return "https://" + host
}

// port applies the PORT of a platform, which routes to nothing else.
func (l *loader) port() {
	port := l.process["PORT"]
	if port == "" {
		return
	}
	if l.platform.name == "" {
		l.warn("PORT: ignored, no known platform sets it; HTTP_ADDR says where to listen")
		return
	}
	if number, err := strconv.ParseUint(port, 10, 16); err != nil || number == 0 {
		l.add("PORT", shown(port)+" is not a port", "let "+l.platform.name+" set it, or unset it to use HTTP_ADDR")
		return
	}
	l.settings["HTTP_ADDR"] = setting{":" + port, fromPlatform}
}
