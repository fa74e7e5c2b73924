package gateway

import (
	"slices"
	"strings"
)

const frameAncestors = "frame-ancestors"

// withAncestors adds sources to the frame-ancestors directive of every policy in
// one Content-Security-Policy value, and adds the directive where a policy has
// none. Nothing else is touched. A policy that says 'none' goes on saying so: it
// is a page that does not want to be framed by anybody.
//
// A value is a list of policies separated by commas, all of which apply; in a
// policy the first directive of a name counts (CSP Level 3 sections 2.2, 2.2.1).
func withAncestors(value string, sources []string) string {
	policies := strings.Split(value, ",")
	for i, policy := range policies {
		if strings.TrimSpace(policy) != "" {
			policies[i] = mergePolicy(policy, sources)
		}
	}
	return strings.Join(policies, ",")
}

func mergePolicy(policy string, sources []string) string {
	directives := strings.Split(policy, ";")
	for i, directive := range directives {
		fields := strings.Fields(directive)
		if len(fields) > 0 && strings.EqualFold(fields[0], frameAncestors) {
			directives[i] = mergeDirective(directive, fields[1:], sources)
			return strings.Join(directives, ";")
		}
	}
	return strings.TrimRight(policy, "; \t") + "; " + ancestorsOnly(sources)
}

func mergeDirective(directive string, have, sources []string) string {
	if len(have) == 1 && strings.EqualFold(have[0], "'none'") {
		return directive
	}
	merged := slices.Clone(have)
	for _, source := range sources {
		if !slices.ContainsFunc(have, func(s string) bool { return strings.EqualFold(s, source) }) {
			merged = append(merged, source)
		}
	}
	before := directive[:len(directive)-len(strings.TrimLeft(directive, " \t"))]
	return before + ancestorsOnly(merged)
}

// ancestorsOnly is the policy for a page that came without one.
func ancestorsOnly(sources []string) string {
	return frameAncestors + " " + strings.Join(sources, " ")
}
