package config

import (
	_ "embed"
	"fmt"
	"strings"
)

// What the generated documents say besides the variables.
var (
	//go:embed markdown.txt
	markdownText string
	//go:embed template.txt
	templateText string
)

// Markdown is docs/configuration.md.
func Markdown() string {
	before, after, _ := strings.Cut(markdownText, "{{variables}}\n")
	var b strings.Builder
	b.WriteString(before)
	group := ""
	for _, v := range Describe() {
		if v.Group != group {
			group = v.Group
			fmt.Fprintf(&b, "\n### %s\n\n| variable | default | meaning |\n|---|---|---|\n", group)
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", v.names(), v.defaults(), v.meaning())
	}
	b.WriteString(strings.ReplaceAll(after, "{{later}}", "`"+strings.Join(laterNames(), "`, `")+"`"))
	return b.String()
}

func (v Variable) names() string {
	text := code(v.Name)
	if v.Secret {
		text += ", " + code(v.Name+fileSuffix)
	}
	if v.Alias != "" {
		text += " (alias " + code(v.Alias) + ")"
	}
	return text
}

func (v Variable) defaults() string {
	var parts []string
	if v.Unset != "" {
		parts = append(parts, v.Unset)
	} else if v.Default != "" {
		parts = append(parts, code(v.Default))
	}
	if v.Development != "" {
		parts = append(parts, "development: "+code(v.Development))
	}
	if v.Production != "" {
		parts = append(parts, "production: "+code(v.Production))
	}
	return strings.Join(parts, "; ")
}

func (v Variable) meaning() string {
	text := v.Description
	if v.Min != "" {
		text += " From " + code(v.Min) + " to " + code(v.Max) + "."
	}
	if v.Example != "" {
		text += " Example: " + code(v.Example) + "."
	}
	if v.Note != "" {
		text += " **Security:** " + v.Note
	}
	return text
}

func code(text string) string { return "`" + text + "`" }

// Template is .env.template: a .env for a machine of one's own as it stands, and
// a list of what to set in production.
func Template() string {
	var b strings.Builder
	b.WriteString(templateText)
	group := ""
	for _, v := range Describe() {
		if v.Group != group {
			group = v.Group
			fmt.Fprintf(&b, "\n# --- %s ---\n", group)
		}
		v.writeTemplate(&b)
	}
	return b.String()
}

func (v Variable) writeTemplate(b *strings.Builder) {
	b.WriteString("\n")
	comment(b, "", v.Description)
	comment(b, "Security: ", v.Note)
	comment(b, "Alias: ", v.Alias)
	comment(b, "Default: ", strings.ReplaceAll(v.defaults(), "`", ""))
	comment(b, "Local: ", v.Local)
	comment(b, "Production: ", v.Example)
	sample := v.Local
	for _, other := range []string{v.Default, v.Example} {
		if sample == "" {
			sample = other
		}
	}
	mark := "#"
	if v.Local != "" && !v.Secret {
		mark = ""
	}
	fmt.Fprintf(b, "%s%s=%s\n", mark, v.Name, sample)
}

// comment writes a labelled text over as many lines as it takes.
func comment(b *strings.Builder, label, text string) {
	const width = 78
	if text == "" {
		return
	}
	line := "# " + label
	for i, word := range strings.Fields(text) {
		if i > 0 && len(line)+len(word) >= width {
			b.WriteString(strings.TrimRight(line, " ") + "\n")
			line = "#   "
		}
		line += word + " "
	}
	b.WriteString(strings.TrimRight(line, " ") + "\n")
}
