package doctor

import (
	"slices"
	"strings"
)

// Verdict of one look at an installation.
type Verdict string

// The verdicts: nothing to do; it works, and somebody will be disappointed; it
// does not work; nobody can tell.
const (
	Fine    Verdict = "ok"
	Warning Verdict = "warning"
	Failed  Verdict = "failed"
	Unknown Verdict = "unknown"
)

// Finding is what an operator is told of one thing.
type Finding struct {
	Check   string  `json:"check"`
	Verdict Verdict `json:"verdict"`
	Says    string  `json:"says"` // a sentence, without secrets
	// Setting is the one to change: a variable of Matterpass's, or one of
	// Mattermost's by its path in the configuration (ServiceSettings.SiteURL).
	Setting string `json:"setting,omitempty"`
	Value   any    `json:"value,omitempty"` // what to set it to, where that is known
	// Fixable: Setting is Mattermost's, and Value can be set on request.
	Fixable bool `json:"fixable,omitempty"`
	Restart bool `json:"restart,omitempty"` // Mattermost notices only when it starts
}

// Found is a finding without a setting.
func Found(check string, verdict Verdict, says string) Finding {
	return Finding{Check: check, Verdict: verdict, Says: says}
}

// Holds is a finding of which there is nothing to say but that it is so, or why
// it could not be made.
func Holds(check, says string, err error) Finding {
	if err != nil {
		return Found(check, Failed, err.Error())
	}
	return Found(check, Fine, says)
}

// Change names the setting that would help.
func (f Finding) Change(setting string) Finding {
	f.Setting = setting
	return f
}

// To names a setting of Mattermost's and the value that would help.
func (f Finding) To(setting string, value any) Finding {
	f.Setting, f.Value, f.Fixable = setting, value, true
	return f
}

// byHand leaves a change to people: others may rest on what is there.
func (f Finding) byHand() Finding {
	f.Fixable = false
	return f
}

// Worst is the verdict that counts: Failed before Warning, Warning before Unknown.
func Worst(findings []Finding) Verdict {
	for _, v := range []Verdict{Failed, Warning, Unknown} {
		if Count(findings, v) > 0 {
			return v
		}
	}
	return Fine
}

// Count is how many findings have the verdict.
func Count(findings []Finding, v Verdict) int {
	n := 0
	for _, f := range findings {
		if f.Verdict == v {
			n++
		}
	}
	return n
}

// Fixes are the findings whose setting Mattermost can be told.
func Fixes(findings []Finding) []Finding {
	return slices.DeleteFunc(slices.Clone(findings), func(f Finding) bool { return !f.Fixable })
}

// Patch is what to send to Mattermost for them: sections of its configuration,
// and in each of them keys.
func Patch(fixes []Finding) map[string]map[string]any {
	patch := map[string]map[string]any{}
	for _, f := range fixes {
		section, key, _ := strings.Cut(f.Setting, ".")
		if patch[section] == nil {
			patch[section] = map[string]any{}
		}
		patch[section][key] = f.Value
	}
	return patch
}
