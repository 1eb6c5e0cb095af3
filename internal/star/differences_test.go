package star_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"parley.example/parley"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/call/calltest"
	"parley.example/parley/internal/python"
	"parley.example/parley/internal/star"
)

var update = flag.Bool("update", false, "write the tables of docs/expressions.md")

// corpusMessage is what on_message gets.
const corpusMessage = "héllo wörld"

// A topic is a part of testdata/corpus.txt.
type topic struct {
	title, advice string
	expressions   []string
}

func readCorpus(t *testing.T) (topics []topic) {
	t.Helper()
	text, err := os.ReadFile("testdata/corpus.txt")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		title, isTitle := strings.CutPrefix(line, "## ")
		advice, isAdvice := strings.CutPrefix(line, "> ")
		switch {
		case isTitle:
			topics = append(topics, topic{title: title})
		case line == "" || strings.HasPrefix(line, "# "):
		case isAdvice:
			topics[len(topics)-1].advice = advice
		case seen[line]:
			t.Errorf("%s is there twice", line)
		default:
			seen[line] = true
			last := &topics[len(topics)-1]
			last.expressions = append(last.expressions, line)
		}
	}
	return topics
}

// An outcome is what comes of an expression.
type outcome struct {
	value   string // as Python would write it, and the effects; "" if there is none
	refused string // why it is not Starlark; "" if it is
}

func (o outcome) String() string {
	switch {
	case o.refused != "":
		return o.refused
	case o.value == "":
		return "raises"
	}
	return code(o.value)
}

// code is text as Markdown's code in a table.
func code(text string) string {
	text = strings.ReplaceAll(text, "|", `\|`)
	if strings.Contains(text, "`") {
		return "`` " + text + " ``"
	}
	return "`" + text + "`"
}

// TestDifferencesFromPython evaluates the corpus in both runtimes, by real
// connections. The tables of docs/expressions.md are what it finds.
func TestDifferencesFromPython(t *testing.T) {
	topics := readCorpus(t)
	var all []string
	for _, topic := range topics {
		all = append(all, topic.expressions...)
	}
	if len(all) < 300 {
		t.Fatalf("the corpus has only %d expressions", len(all))
	}
	inStarlark, inPython := starlarkOutcomes(t, all), pythonOutcomes(t, all)
	var page, others strings.Builder
	same, n := 0, 0
	for _, topic := range topics {
		var table, refused strings.Builder
		for _, text := range topic.expressions {
			here, there := inStarlark[n], inPython[n]
			n++
			switch {
			case here.value == there.value:
				same++
			case here.refused != "":
				fmt.Fprintf(&refused, "| %s | %s | %s |\n", code(text), there, here)
			default:
				fmt.Fprintf(&table, "| %s | %s | %s |\n", code(text), there, here)
			}
		}
		if table.Len()+refused.Len() > 0 && topic.advice == "" {
			t.Errorf("%s: what is to be done instead?", topic.title)
		}
		if table.Len() > 0 {
			fmt.Fprintf(&page, "### %s\n\n%s\n\n| expression | Python | Starlark |\n|---|---|---|\n%s\n", topic.title, topic.advice, table.String())
		}
		others.WriteString(refused.String())
	}
	expectPage(t, fmt.Sprintf("Of %d expressions %d mean the same in both.\n\n%s## What makes an app a Python app\n\n"+
		"Starlark cannot read these, or does not have what they name.\n\n| expression | Python | in Starlark |\n|---|---|---|\n%s",
		len(all), same, page.String(), others.String()))
}

const (
	tablesBegin = "<!-- Made by go test ./internal/star -run TestDifferencesFromPython -update -->\n\n"
	tablesEnd   = "\n<!-- The end of what the test makes -->\n"
)

// expectPage compares tables with what stands in the page, or writes them there.
func expectPage(t *testing.T, tables string) {
	t.Helper()
	const path = "../../docs/expressions.md"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(page), tablesBegin)
	stands, after, ends := strings.Cut(rest, tablesEnd)
	if !begins || !ends {
		t.Fatalf("%s lacks the comments between which the tables stand", path)
	}
	if *update {
		if err := os.WriteFile(path, []byte(before+tablesBegin+tables+tablesEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want := strings.Split(tables, "\n")
	got := strings.Split(stands, "\n")
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("docs/expressions.md lacks: %s", line)
		}
	}
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("docs/expressions.md has, and it is not so: %s", line)
		}
	}
	if stands != tables && !t.Failed() {
		t.Error("docs/expressions.md: the lines are in another order")
	}
	if t.Failed() {
		t.Log("if a difference is meant to be: go test ./internal/star -run TestDifferencesFromPython -update")
	}
}

// expressionEndpoint answers a message with what corpus.show says of an
// expression.
func expressionEndpoint(n int, text string) call.Functions {
	f := functions(map[call.Hook]string{call.OnMessage: "handler.write_message(corpus.show((" + text + ")))"})
	f.Endpoint = "e" + strconv.Itoa(n)
	return f
}

func starlarkOutcomes(t *testing.T, texts []string) []outcome {
	t.Helper()
	outcomes := make([]outcome, len(texts))
	judge := star.New(star.Options{})
	var endpoints []call.Functions
	for i, text := range texts {
		f := expressionEndpoint(i, text)
		if _, err := judge.Judge([]string{"handler", "message"}, call.Step{Function: text}); err != nil {
			outcomes[i].refused = column.ReplaceAllString(err.Error(), "")
			f = expressionEndpoint(i, "None")
		}
		endpoints = append(endpoints, f)
	}
	r, hooks := start(t, star.Options{Dirs: []string{"testdata"}}, endpoints...)
	for i := range texts {
		if outcomes[i].refused == "" {
			outcomes[i].value = evaluate(t, r, hooks[i], i)
		}
	}
	return outcomes
}

var column = regexp.MustCompile(`^column \d+: `)

func pythonOutcomes(t *testing.T, texts []string) []outcome {
	t.Helper()
	dir, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	r := python.New(python.Options{
		Dir: dir, Dirs: []string{dir}, Cache: t.TempDir(), Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	var hooks []call.Hooks
	for i, text := range texts {
		h, err := r.Compile(expressionEndpoint(i, text))
		if err != nil {
			t.Fatal(err)
		}
		hooks = append(hooks, h)
	}
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = r.Run(ctx) }) // it ends as it is told to
	defer running.Wait()
	defer stop()
	outcomes := make([]outcome, len(texts))
	for i := range texts {
		outcomes[i].value = evaluate(t, r, hooks[i], i)
	}
	return outcomes
}

// evaluate sends one message to the endpoint of an expression. It returns what
// was written and done besides; "" if the expression raised, or could not be
// loaded.
func evaluate(t *testing.T, r call.Runtime, hooks call.Hooks, n int) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	about := info(parley.ConnID(n + 1))
	about.Endpoint = "e" + strconv.Itoa(n)
	about.User = parley.ParseUser([]byte(`{"id": "ann", "deep": {"er": [{"est": 1}]}}`))
	if err := r.Ready(ctx, about, hooks); err != nil {
		if ctx.Err() != nil {
			t.Fatal(err)
		}
		return ""
	}
	effects := &calltest.Effects{Session: about.Session}
	s := r.Open(about, hooks, effects)
	s.Message(parley.Text, []byte(corpusMessage))
	wait(t, effects, func(lines []string) bool {
		return slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, "done") })
	})
	s.Close(parley.CloseNormal, "")
	value, others := "", ""
	for _, line := range ended(t, effects) {
		written, isText := strings.CutPrefix(line, "write text ")
		text, err := strconv.Unquote(written)
		var tree []any
		switch {
		case strings.HasPrefix(line, "fail"):
			return ""
		case isText && err == nil && strings.HasPrefix(text, `["`) && json.Unmarshal([]byte(text), &tree) == nil:
			value = shown(t, tree)
		case line != "ended" && !strings.HasPrefix(line, "done"):
			others += "; " + line
		}
	}
	return value + others
}

// shown writes a value as Python would: a tree is a type, and what is in it.
func shown(t *testing.T, tree []any) string {
	t.Helper()
	kind := tree[0].(string)
	if len(tree) == 1 {
		return "<" + kind + ">"
	}
	var parts []string
	items, _ := tree[1].([]any)
	for _, item := range items {
		switch item := item.(type) {
		case float64:
			parts = append(parts, strconv.Itoa(int(item)))
		case []any:
			if kind == "dict" {
				parts = append(parts, shown(t, item[0].([]any))+": "+shown(t, item[1].([]any)))
			} else {
				parts = append(parts, shown(t, item))
			}
		}
	}
	inside := strings.Join(parts, ", ")
	switch kind {
	case "NoneType", "bool", "int", "float":
		return tree[1].(string)
	case "str":
		if text, ok := tree[1].(string); ok {
			return quoted(text)
		}
		return tree[2].(string)
	case "bytes":
		var b strings.Builder
		for _, octet := range items {
			b.WriteString(escapedOctet(byte(octet.(float64))))
		}
		return "b'" + b.String() + "'"
	case "list":
		return "[" + inside + "]"
	case "tuple":
		if len(items) == 1 {
			inside += ","
		}
		return "(" + inside + ")"
	case "set":
		if len(items) == 0 {
			return "set()"
		}
		return "{" + inside + "}"
	case "dict":
		return "{" + inside + "}"
	}
	t.Fatalf("what is %v?", tree)
	return ""
}

func quoted(text string) string {
	quote := '\''
	if strings.Contains(text, "'") && !strings.Contains(text, `"`) {
		quote = '"'
	}
	var b strings.Builder
	b.WriteRune(quote)
	for _, c := range text {
		switch {
		case c == quote || c == '\\':
			b.WriteString(`\` + string(c))
		case c < 0x80:
			b.WriteString(escapedOctet(byte(c)))
		case unicode.IsPrint(c):
			b.WriteRune(c)
		default:
			fmt.Fprintf(&b, `\u%04x`, c)
		}
	}
	b.WriteRune(quote)
	return b.String()
}

func escapedOctet(c byte) string {
	switch {
	case c == '\n':
		return `\n`
	case c == '\t':
		return `\t`
	case c == '\r':
		return `\r`
	case c < ' ' || c >= 0x7f:
		return fmt.Sprintf(`\x%02x`, c)
	}
	return string(rune(c))
}
