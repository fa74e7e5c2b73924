package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"matterpass/internal/httpapi"
	"matterpass/internal/provision"
)

// entry is one person of a file.
type entry struct {
	line    int
	request provision.Request
}

// standardInput is the name of a file that is none.
const standardInput = "-"

// readRoster reads a whole file before anything is done with it. Every line that
// cannot be read is a part of the error, and nothing is left out.
func readRoster(name string) ([]entry, error) {
	if name == standardInput {
		return readLines(os.Stdin)
	}
	file, err := os.Open(name) //nolint:gosec // whoever runs this may read what they can
	if err != nil {
		return nil, err
	}
	defer file.Close()
	switch filepath.Ext(name) {
	case ".csv":
		return readCSV(file)
	case ".jsonl", ".ndjson":
		return readLines(file)
	}
	return nil, fmt.Errorf("%s: its name must end with .csv or .jsonl, for what is in it", name)
}

// longestLine is that of the API's longest body, in bytes.
const longestLine = 64 << 10

// readLines reads JSON, an object in each line, as the API takes it.
func readLines(file io.Reader) ([]entry, error) {
	var (
		entries []entry
		errs    []error
	)
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, longestLine)
	line := 0
	for lines.Scan() {
		line++
		text := bytes.TrimSpace(lines.Bytes())
		if len(text) == 0 {
			continue
		}
		request, err := httpapi.ParseProvision(text)
		if err != nil {
			errs = append(errs, atLine(line, err))
			continue
		}
		entries = append(entries, entry{line, request})
	}
	if err := lines.Err(); err != nil {
		errs = append(errs, atLine(line+1, err))
	}
	return entries, errors.Join(errs...)
}

func atLine(line int, err error) error { return fmt.Errorf("line %d: %w", line, err) }

// columns say where a cell belongs. An empty cell is not there: it leaves what it is
// about as it is.
var columns = map[string]func(r *provision.Request, cell string){
	"email":      func(r *provision.Request, cell string) { r.Email = cell },
	"subject":    func(r *provision.Request, cell string) { r.Subject = cell },
	"username":   func(r *provision.Request, cell string) { r.Username = &cell },
	"first_name": func(r *provision.Request, cell string) { r.FirstName = &cell },
	"last_name":  func(r *provision.Request, cell string) { r.LastName = &cell },
	"nickname":   func(r *provision.Request, cell string) { r.Nickname = &cell },
	"locale":     func(r *provision.Request, cell string) { r.Locale = &cell },
	"password":   func(r *provision.Request, cell string) { r.Password = cell },
	"teams":      readTeams,
}

// readTeams reads "erp:town-square,orders sales": teams, and with each its channels.
func readTeams(r *provision.Request, cell string) {
	for team := range strings.FieldsSeq(cell) {
		name, channels, _ := strings.Cut(team, ":")
		list := slices.DeleteFunc(strings.Split(channels, ","), func(c string) bool { return c == "" })
		r.Teams = append(r.Teams, provision.Team{Name: name, Channels: list})
	}
}

// byteOrderMark begins what spreadsheets call UTF-8.
const byteOrderMark = "\xef\xbb\xbf"

// readCSV reads a table whose first line names the columns.
func readCSV(file io.Reader) ([]entry, error) {
	text := bufio.NewReader(file)
	if mark, _ := text.Peek(len(byteOrderMark)); string(mark) == byteOrderMark {
		_, _ = text.Discard(len(byteOrderMark)) // it is there
	}
	table := csv.NewReader(text)
	header, err := table.Read()
	if err != nil {
		return nil, fmt.Errorf("line 1: the names of the columns are expected: %w", err)
	}
	if err := checkHeader(header); err != nil {
		return nil, atLine(1, err)
	}
	var (
		entries []entry
		errs    []error
	)
	for {
		row, err := table.Read()
		if errors.Is(err, io.EOF) {
			return entries, errors.Join(errs...)
		}
		var broken *csv.ParseError
		if errors.As(err, &broken) && !errors.Is(err, csv.ErrFieldCount) {
			return entries, errors.Join(append(errs, atLine(broken.Line, broken.Err))...) // nobody knows where the next line begins
		}
		line, _ := table.FieldPos(0)
		if err != nil {
			errs = append(errs, atLine(line, err))
			continue
		}
		entries = append(entries, entry{line, requestOf(header, row)})
	}
}

func requestOf(header, row []string) (request provision.Request) {
	for i, name := range header {
		if row[i] != "" {
			columns[name](&request, row[i])
		}
	}
	return request
}

func checkHeader(header []string) error {
	for i, name := range header {
		switch {
		case columns[name] == nil:
			return fmt.Errorf("there is no column %q; there are email, subject, username, first_name, last_name, nickname, locale, password and teams, separated by commas", name)
		case slices.Contains(header[:i], name):
			return fmt.Errorf("the column %s is there twice", name)
		}
	}
	if !slices.Contains(header, "email") {
		return errors.New("the column email is missing")
	}
	return nil
}
