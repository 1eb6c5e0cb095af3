package suite

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"

	"parley.example/parley/bench/internal/proc"
)

// visitors are sessions that a Parley has stored: with something in each, in
// SQLite.
type visitors struct {
	data    string   // the folder with the store and the cookies' secret
	cookies []string // one Cookie header for each
}

// prepareVisitors makes the sessions that the rows need: a Parley of its own
// serves a page that puts something in each, and is ended.
func (s *Suite) prepareVisitors(ctx context.Context, rows []row) error {
	for _, r := range rows {
		for _, one := range r.series {
			if one.visitors == 0 || s.stock[one.visitors] != nil {
				continue
			}
			s.opt.Logf("making %d sessions", one.visitors)
			v, err := s.makeVisitors(ctx, one.visitors)
			if err != nil {
				return fmt.Errorf("making %d sessions: %w", one.visitors, err)
			}
			s.stock[one.visitors] = v
		}
	}
	return nil
}

func (s *Suite) makeVisitors(ctx context.Context, n int) (*visitors, error) {
	data, err := os.MkdirTemp(s.dir, "visitors-")
	if err != nil {
		return nil, err
	}
	v := &visitors{data: data, cookies: make([]string, n)}
	command, err := s.parleyCommand(server{app: "python"})
	if err != nil {
		return nil, err
	}
	command.Env = append(command.Env, "PARLEYDATA="+data)
	p, err := proc.Start(ctx, command, []int{s.opt.ServerCore})
	if err != nil {
		return nil, err
	}
	defer p.Stop() // saves the sessions
	for i := range v.cookies {
		if v.cookies[i], err = visit(ctx, "http://"+p.Addr.String()+"/visit"); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// visit asks for a page and returns the cookie that it sets.
func visit(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return "", err
	}
	cookies := resp.Cookies()
	if resp.StatusCode != http.StatusOK || len(cookies) != 1 {
		return "", fmt.Errorf("GET %s: %s with %d cookies", url, resp.Status, len(cookies))
	}
	return cookies[0].Name + "=" + cookies[0].Value, nil
}
