package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"parley.example/parley"
	"parley.example/parley/internal/session"
)

func sessionsListCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "list [DIR or FILE]",
		Short: "show the sessions that hold something, and who has logged in",
		Long: `Prints a line for each session that holds something: its id, the id of who has
logged in and (through a login page) when, when it was last changed or its cookie
renewed, and when it ends. An id is no cookie: it opens nothing without the
server's signature.`,
		Args: usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.listSessions(cmd.Context(), args)
		},
	}
}

func (a *app) listSessions(ctx context.Context, args []string) error {
	p, err := a.placeOf(args)
	if err != nil {
		return err
	}
	if p.file == "" {
		fmt.Fprintln(a.stderr, "parley: this app keeps its sessions in memory: only its server knows them")
		return nil
	}
	list, err := p.summaries(ctx)
	switch {
	case err != nil:
		return err
	case len(list) == 0:
		fmt.Fprintln(a.stderr, "parley: there are no sessions")
		return nil
	}
	slices.SortFunc(list, func(a, b session.Summary) int {
		return cmp.Or(cmp.Compare(a.User.ID(), b.User.ID()), a.Login.Compare(b.Login), cmp.Compare(a.ID, b.ID))
	})
	w := tabwriter.NewWriter(a.stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tUSER\tLOGGED IN\tCHANGED\tENDS")
	for _, s := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", s.ID, userText(s.User), timeText(s.Login), timeText(s.Expires.Add(-p.settings.Expiry)), timeText(s.Ends))
	}
	return w.Flush()
}

func (p place) summaries(ctx context.Context) (list []session.Summary, err error) {
	store, err := p.open()
	if store == nil || err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return session.Summaries(ctx, store)
}

const nothing = "-"

// userText is a user's id, as one word. It may be anybody's choice: what a
// terminal would obey is quoted.
func userText(u parley.User) string {
	id := u.ID()
	switch {
	case u == nil:
		return nothing
	case id == "" || id == nothing || strings.ContainsFunc(id, func(r rune) bool {
		return r == '"' || r == ' ' || !strconv.IsPrint(r)
	}):
		return strconv.Quote(id)
	}
	return id
}

func timeText(t time.Time) string {
	if t.IsZero() {
		return nothing
	}
	return t.Local().Format("2006-01-02 15:04")
}
