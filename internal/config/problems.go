package config

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Problem is one thing that keeps the program from starting. None of its texts
// holds a secret; text of others is quoted and cut.
type Problem struct {
	Variable string // the name to look for, or ".env"
	Problem  string // what is wrong, without a full stop
	Fix      string // what to do about it
}

// Problems is everything that is wrong, in the order of docs/configuration.md.
type Problems []Problem

// Error has one line for each problem.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, one := range p {
		lines[i] = one.Variable + ": " + one.Problem + "; " + one.Fix
	}
	return strings.Join(lines, "\n")
}

// fault is what a value's own type finds wrong with it. It never holds the text
// of a secret.
type fault struct{ problem, fix string }

func (f fault) Error() string { return f.problem + "; " + f.fix }

// report collects problems. A variable whose value could not be read is broken:
// rules say nothing more about it.
type report struct {
	problems Problems
	broken   map[string]bool
	called   map[string]string // variable → the name it was set by: its alias, NAME_FILE
}

func (r *report) add(variable, problem, fix string) {
	if r.broken[variable] {
		return
	}
	name := variable
	if other := r.called[variable]; other != "" {
		name = other
	}
	r.problems = append(r.problems, Problem{name, problem, fix})
}

// breaks notes each fault in err and that variable has no value.
func (r *report) breaks(variable string, err error) {
	for _, f := range faultsOf(err) {
		r.add(variable, f.problem, f.fix)
	}
	r.broken[variable] = true
}

func faultsOf(err error) []fault {
	var all []fault
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range joined.Unwrap() {
			all = append(all, faultsOf(one)...)
		}
		return all
	}
	var f fault
	if !errors.As(err, &f) {
		// The text of a foreign error may hold the value, so it is not shown.
		f = fault{"not valid", "see docs/configuration.md"}
	}
	return []fault{f}
}

func (r *report) err() error {
	if len(r.problems) == 0 {
		return nil
	}
	order := make(map[string]int)
	for i, v := range Describe() {
		order[v.Name] = i + 1
		order[v.Name+"_FILE"] = i + 1
		if v.Alias != "" {
			order[v.Alias] = i + 1
		}
	}
	slices.SortStableFunc(r.problems, func(a, b Problem) int { return order[a.Variable] - order[b.Variable] })
	return r.problems
}

// shown quotes text of others for a message, cut at 80 characters.
func shown(text string) string {
	const most = 80
	if utf8.RuneCountInString(text) > most {
		text = string([]rune(text)[:most]) + "…"
	}
	return strconv.QuoteToASCII(text)
}
