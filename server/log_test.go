package server

import (
	"bytes"
	"strings"
	"testing"

	"parley.example/parley/internal/config"
)

func TestTracebackIsWrittenAsLines(t *testing.T) {
	var out bytes.Buffer
	log := newLog(config.Log{Format: "text"}, &out).With("endpoint", "bot")
	log.Error("function raised", "err", "ValueError: no", "traceback", "Traceback:\n  File \"bot.py\", line 1\nValueError: no")
	log.Info("next")

	_, got, _ := strings.Cut(out.String(), " ")
	want := `level=ERROR msg="function raised" endpoint=bot err="ValueError: no"
    Traceback:
      File "bot.py", line 1
    ValueError: no
`
	if !strings.HasPrefix(got, want) || !strings.Contains(got[len(want):], "msg=next endpoint=bot\n") {
		t.Errorf("logged:\n%s\nwant first:\n%s", got, want)
	}
}
