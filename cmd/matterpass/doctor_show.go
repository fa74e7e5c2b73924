package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/fatih/color"

	"matterpass/internal/doctor"
)

// diagnosis is what --json prints.
type diagnosis struct {
	Verdict  doctor.Verdict   `json:"verdict"`
	Findings []doctor.Finding `json:"findings"`
	Fixed    []doctor.Finding `json:"fixed"`
}

func printFindings(out io.Writer, findings, fixed []doctor.Finding) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(diagnosis{doctor.Worst(findings), findings, append([]doctor.Finding{}, fixed...)})
}

// showFindings is for people: a line for each finding, and below it what to change.
func showFindings(out io.Writer, findings, fixed []doctor.Finding) error {
	var text strings.Builder
	for _, f := range fixed {
		fmt.Fprintf(&text, "%s %s is now %s%s\n", color.GreenString("%-8s", "fixed"), f.Setting, inWords(f.Value), afterRestart(f))
	}
	for _, f := range findings {
		fmt.Fprintf(&text, "%s %-18s %s\n", coloured(f.Verdict), f.Check, f.Says)
		if f.Setting != "" {
			fmt.Fprintf(&text, "%28s%s\n", "→ ", remedy(f))
		}
	}
	fmt.Fprintf(&text, "\n%s: %d failed, %s", count(len(findings), "finding"), doctor.Count(findings, doctor.Failed),
		count(doctor.Count(findings, doctor.Warning), "warning"))
	if n := len(doctor.Fixes(findings)); n > 0 && len(fixed) == 0 {
		fmt.Fprintf(&text, "; matterpass doctor --fix changes %s of Mattermost's", count(n, "setting"))
	}
	_, err := fmt.Fprintln(out, text.String())
	return err
}

func coloured(v doctor.Verdict) string {
	paint := map[doctor.Verdict]func(string, ...any) string{
		doctor.Fine: color.GreenString, doctor.Warning: color.YellowString, doctor.Failed: color.RedString, doctor.Unknown: color.CyanString,
	}
	return paint[v]("%-8s", v)
}

func remedy(f doctor.Finding) string {
	if f.Value == nil {
		return f.Setting
	}
	return fmt.Sprintf("%s = %s, in Mattermost%s", f.Setting, inWords(f.Value), afterRestart(f))
}

func afterRestart(f doctor.Finding) string {
	if f.Restart {
		return "; it needs a restart of Mattermost"
	}
	return ""
}

// inWords is a setting's value as its JSON.
func inWords(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(text)
}
