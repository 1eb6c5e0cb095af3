package apptest_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"parley.example/parley/internal/apptest"
)

// wanted is what a comment says of its line, or of the file: "# want 7: text"
// stands for a problem in column 7 that begins with text.
var wanted = regexp.MustCompile(`# want(?:-(file)| (\d+)): (.*)`)

func TestMistakes(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.bad.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			for i, line := range strings.Split(string(text), "\n") {
				m := wanted.FindStringSubmatch(line)
				switch {
				case m == nil:
				case m[1] == "file":
					want = append(want, path+": "+m[3])
				default:
					want = append(want, fmt.Sprintf("%s:%d:%s: %s", path, i+1, m[2], m[3]))
				}
			}
			_, err = apptest.Read([]string{path})
			var wrong apptest.Error
			if !errors.As(err, &wrong) {
				t.Fatalf("error is %v, want an Error", err)
			}
			got := wrong.Lines()
			for i := range max(len(got), len(want)) {
				switch {
				case i >= len(got):
					t.Errorf("not told: %s", want[i])
				case i >= len(want):
					t.Errorf("told: %s", got[i])
				case !strings.HasPrefix(got[i], want[i]):
					t.Errorf("told: %s\nwant:  %s", got[i], want[i])
				}
			}
		})
	}
}

func TestMistakesOfAllFilesAreTold(t *testing.T) {
	_, err := apptest.Read([]string{"testdata/list.bad.yaml", "testdata/all.good.yaml", "testdata/empty.bad.yaml"})
	want := "testdata/list.bad.yaml:1:1: the file must be a mapping of tests by their names\n" +
		"testdata/empty.bad.yaml: the file is empty; it has names of tests, and steps under each"
	if err == nil || err.Error() != want {
		t.Errorf("error:\n%v\nwant:\n%s", err, want)
	}
	if _, err := apptest.Read([]string{"testdata/none.yaml"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error: %v, want one that says that there is no such file", err)
	}
}

func TestWhateverMayBeWritten(t *testing.T) {
	files, err := apptest.Read([]string{"testdata/all.good.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, test := range files[0].Tests {
		names = append(names, test.Name)
	}
	if got := strings.Join(names, " "); got != "dial messages pages" {
		t.Errorf("tests: %s", got)
	}
}
