package main

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// Snippets in the README and the guide are run. A fence's info string says
// how:
//
//	```yaml gramex.yaml   a file of the page's app; so for python, html, …
//	```ws /path           a dialogue: "> sent" and "< expected" lines, served from the files so far; or a line with
//	                      the status and text of a refusal
//	```http GET /path     a request; each line of the block stands in the answer
//	```console            "$ parley …" lines are run; below "$ parley connect …" are what is typed and what a
//	                      terminal shows, below "$ echo … | parley connect …" the output
//	```sh cert.pem key.pem  commands that make a certificate and its key; the test makes them itself
//	```go path/x_test.go  a part of that file of ours, which other tests run; so for files in a testdata
//
// js, nginx, text, sh and toml fences are only read. Each "## " heading of a guide page
// starts with the files of the section before.
func TestGuideSnippets(t *testing.T) {
	pages, err := filepath.Glob("../../docs/guide/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("no guide: %v", err)
	}
	dir := t.TempDir()
	for _, page := range append(pages, "../../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		script, err := storyOfPage(string(text))
		if err != nil {
			t.Errorf("%s: %v", page, err)
			continue
		}
		if script == "" {
			continue
		}
		name := strings.TrimSuffix(path.Base(page), ".md") + ".txtar"
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if !t.Failed() {
		testscript.Run(t, scriptParams(dir))
	}
}

var fence = regexp.MustCompile("(?ms)^```([^\n]*)\n(.*?)^```$")

// storyOfPage turns a page's snippets into a script; "" if it has none.
func storyOfPage(text string) (string, error) {
	var commands, files strings.Builder
	serving, stale := false, true
	for n, m := range fence.FindAllStringSubmatch(text, -1) {
		info := strings.Fields(m[1])
		if len(info) == 0 {
			return "", fmt.Errorf("a fence without a language:\n%s", m[2])
		}
		if info[0] == "go" || strings.Contains(m[1], "/testdata/") {
			if err := isPartOf(m[2], info[1:]); err != nil {
				return "", err
			}
			continue
		}
		switch info[0] {
		case "sh":
			if len(info) == 3 {
				fmt.Fprintf(&commands, "certificate app/%s app/%s\n", info[1], info[2])
				stale = true
			}
			continue
		case "js", "nginx", "text", "toml":
			continue
		case "console":
			if !strings.Contains(m[2], "parley connect") {
				for line := range strings.Lines(m[2]) {
					if command, ok := strings.CutPrefix(line, "$ "); ok {
						fmt.Fprintf(&commands, "exec %s", command)
					}
				}
				continue
			}
			fallthrough
		case "ws", "http":
			if stale {
				if serving {
					commands.WriteString("quit\n")
				}
				commands.WriteString("serve app\n")
				serving, stale = true, false
			}
			say := dialogue
			if info[0] == "console" {
				say = connecting
			}
			if err := say(&commands, info, m[2]); err != nil {
				return "", err
			}
			continue
		}
		if len(info) != 2 {
			return "", fmt.Errorf("a %s fence that names no file:\n%s", info[0], m[2])
		}
		fmt.Fprintf(&files, "-- %d/%s --\n%s", n, info[1], m[2])
		fmt.Fprintf(&commands, "mkdir app/%s\ncp %d/%s app/%s\n", path.Dir(info[1]), n, info[1], info[1])
		stale = true
	}
	if commands.Len() == 0 {
		return "", nil
	}
	if stale {
		commands.WriteString("exec parley check app\n")
	}
	return "mkdir app\n" + commands.String() + files.String(), nil
}

// isPartOf says why code is not a part of the one file named.
func isPartOf(code string, files []string) error {
	if len(files) != 1 {
		return fmt.Errorf("a go fence that names no file:\n%s", code)
	}
	text, err := os.ReadFile(path.Join("../..", files[0]))
	if err == nil && !strings.Contains(string(text), code) {
		err = fmt.Errorf("this is no part of %s:\n%s", files[0], code)
	}
	return err
}

func dialogue(commands *strings.Builder, info []string, block string) error {
	if info[0] == "http" {
		if len(info) < 3 {
			return fmt.Errorf("an http fence without method and path")
		}
		fmt.Fprintf(commands, "http %s\n", strings.Join(info[1:], " "))
		for line := range strings.Lines(block) {
			fmt.Fprintf(commands, "stdout '%s'\n", regexp.QuoteMeta(strings.TrimSpace(line)))
		}
		return nil
	}
	if len(info) != 2 {
		return fmt.Errorf("a ws fence without a path")
	}
	if status, text, refused := strings.Cut(strings.TrimSpace(block), " "); refused && status >= "400" && status < "600" {
		fmt.Fprintf(commands, "! dial %s %s\nstdout '^%s$'\n", status, info[1], regexp.QuoteMeta(text))
		return nil
	}
	fmt.Fprintf(commands, "dial %s\n", info[1])
	for line := range strings.Lines(block) {
		quoted := "'" + strings.ReplaceAll(strings.TrimSpace(line[1:]), "'", "''") + "'"
		switch line[0] {
		case '>':
			fmt.Fprintf(commands, "send %s\n", quoted)
		case '<':
			fmt.Fprintf(commands, "expect %s\n", quoted)
		default:
			return fmt.Errorf("a line of a dialogue starts with > or <: %q", line)
		}
	}
	commands.WriteString("close\n")
	return nil
}

// connecting turns what a terminal shows of "parley connect" into commands. The
// page's port is 9988, the test's any.
func connecting(commands *strings.Builder, _ []string, block string) error {
	commands.WriteString("env NO_COLOR=1\n")
	typing := false
	for line := range strings.Lines(block) {
		line = strings.TrimSuffix(line, "\n")
		shown := strings.ReplaceAll(regexp.QuoteMeta(line), ":9988", `:\d+`)
		command, isCommand := strings.CutPrefix(line, "$ ")
		said, piped := strings.CutPrefix(command, "echo ")
		typed, isTyped := strings.CutPrefix(line, "> ")
		switch {
		case isCommand && piped:
			said, command, _ = strings.Cut(said, " | ")
			fmt.Fprintf(commands, "exec printf %s\\n\ncp stdout said\nstdin said\nexec %s\n", said, atServer(command))
		case isCommand:
			typing = true
			fmt.Fprintf(commands, "terminal %s\n", atServer(strings.TrimPrefix(command, "parley ")))
		case typing && isTyped:
			fmt.Fprintf(commands, "screen '> $'\ntype '%s\\r'\n", strings.ReplaceAll(typed, `"`, `\"`))
		case typing:
			fmt.Fprintf(commands, "screen '%s'\n", shown)
		case strings.HasPrefix(line, "parley: "):
			fmt.Fprintf(commands, "stderr '%s'\n", shown)
		default:
			fmt.Fprintf(commands, "stdout '%s'\n", shown)
		}
	}
	if typing {
		commands.WriteString("ended 0\n")
	}
	return nil
}

// atServer completes the path in a command with where the test serves.
func atServer(command string) string { return strings.Replace(command, " /", " $SERVER/", 1) }
