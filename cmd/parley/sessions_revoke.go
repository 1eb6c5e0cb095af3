package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"parley.example/parley/internal/control"
	"parley.example/parley/internal/session"
)

// revokePatience is how long one server may take.
const revokePatience = 30 * time.Second

func sessionsRevokeCommand(a *app) *cobra.Command {
	var which control.Sessions
	cmd := &cobra.Command{
		Use:   "revoke [DIR or FILE] (ID | --user ID | --all)",
		Short: "end sessions: log somebody out everywhere",
		Long: `Ends sessions at once: their cookies open nothing any more, what was stored in them
is gone, and their sockets close with 4401. It reaches every server that runs on
this machine with the same data folder, and what is kept in the file if none runs.`,
		Example: `  parley sessions revoke --user alice
  parley sessions revoke chat --all
  parley sessions revoke -- -t5CBGyZBCJ0xAfuIS7a5SgF   an ID may begin with a dash`,
		Args: usageArgs(cobra.MaximumNArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			args, err := whichSessions(&which, args, cmd.Flags().Changed("user"))
			if err != nil {
				return &usageError{text: err.Error(), command: cmd.CommandPath()}
			}
			return a.revokeSessions(cmd.Context(), args, which)
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().StringVar(&which.User, "user", "", "the sessions in which the user of this `ID` has logged in")
	cmd.Flags().BoolVar(&which.All, "all", false, "all sessions")
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		text := err.Error()
		if strings.Contains(text, "shorthand") {
			text += " (an ID that begins with a dash goes behind --)"
		}
		return &usageError{text: text, command: cmd.CommandPath()}
	})
	return cmd
}

// whichSessions adds what args say to which, and returns the rest of them: the
// app.
func whichSessions(which *control.Sessions, args []string, user bool) (rest []string, err error) {
	switch {
	case user && which.User == "":
		return nil, errors.New("--user needs an id")
	case user && which.All:
		return nil, errors.New("choose one of --user and --all")
	case user || which.All:
		if len(args) > 1 || len(args) == 1 && session.IsID(args[0]) {
			return nil, errors.New("choose one of ID, --user and --all")
		}
		return args, nil
	case len(args) == 0:
		return nil, errors.New("name a session, or say --user ID or --all")
	}
	last := len(args) - 1
	if which.ID = args[last]; !session.IsID(which.ID) {
		return nil, fmt.Errorf("%q is no session's id; name one, or say --user ID or --all", which.ID)
	}
	return args[:last], nil
}

// revokeSessions asks every server, and then does what is left to do itself.
func (a *app) revokeSessions(ctx context.Context, args []string, which control.Sessions) error {
	p, err := a.placeOf(args)
	if err != nil {
		return err
	}
	peers, err := control.Peers(p.dir)
	if err != nil {
		return err
	}
	ended, running, failed := 0, 0, 0
	for _, peer := range peers {
		ctx, cancel := context.WithTimeout(ctx, revokePatience)
		n, err := peer.Revoke(ctx, which)
		cancel()
		if errors.Is(err, control.ErrGone) {
			continue
		}
		running++
		if err != nil {
			failed++
			fmt.Fprintf(a.stderr, "parley: %v\n", err)
			continue
		}
		ended += a.tellEnded(n, "by the server with process id "+peer.PID)
	}
	n, err := p.revoke(ctx, which)
	ended += a.tellEnded(n, "in "+p.file)
	switch {
	case err != nil:
		return err
	case failed > 0:
		return fmt.Errorf("%d of %d servers did not do it: what is open there stays open", failed, running)
	case ended > 0:
		return nil
	case p.file == "" && running == 0:
		return errors.New("there is nothing to end: this app keeps its sessions in memory, and no server runs")
	case which.All:
		fmt.Fprintln(a.stderr, "parley: there are no sessions")
		return nil
	case which.User != "":
		return fmt.Errorf("no such session: nobody has logged in as %q", which.User)
	}
	return fmt.Errorf("no such session: %s", which.ID)
}

// tellEnded says how many sessions were ended, if any, and returns that.
func (a *app) tellEnded(n int, where string) int {
	switch n {
	case 0:
	case 1:
		fmt.Fprintf(a.stderr, "parley: 1 session ended %s\n", where)
	default:
		fmt.Fprintf(a.stderr, "parley: %d sessions ended %s\n", n, where)
	}
	return n
}

// revoke ends what is left in the file.
func (p place) revoke(ctx context.Context, which control.Sessions) (n int, err error) {
	store, err := p.open()
	if store == nil || err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	m := p.manager(store)
	switch {
	case which.User != "":
		return m.RevokeUser(ctx, which.User)
	case which.All:
		return m.RevokeAll(ctx)
	}
	known, err := m.Revoke(ctx, which.ID)
	if known {
		n = 1
	}
	return n, err
}
