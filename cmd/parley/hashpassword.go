package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"parley.example/parley/internal/auth"
)

func hashPasswordCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "hash-password",
		Short: "make the hash of a password, for credentials: in a gramex.yaml",
		Long: `Asks for a password, twice and without showing it, and prints its hash (argon2id),
which stands for it under credentials: of a SimpleAuth. If the standard input is
no terminal, its first line is the password.`,
		Example: `  parley hash-password
  pass show chat/alice | parley hash-password`,
		Annotations: map[string]string{noSettings: "it serves nothing"},
		Args:        usageArgs(cobra.NoArgs),
		RunE:        func(*cobra.Command, []string) error { return a.hashPassword() },
	}
}

// What a password may be: longer ones only cost time, shorter ones are guessed.
const (
	mostPassword = 1024 // bytes
	fewPassword  = 8    // characters
)

func (a *app) hashPassword() error {
	typed := term.IsTerminal(int(os.Stdin.Fd()))
	ask := passwordOfPipe
	if typed {
		ask = func() (string, error) { return typePassword(os.Stdin, a.stderr) }
	}
	password, err := ask()
	if err != nil {
		return err
	}
	if err := checkPassword(password); err != nil {
		return err
	}
	if utf8.RuneCountInString(password) < fewPassword {
		fmt.Fprintf(a.stderr, "parley: this password has less than %d characters and is soon guessed\n", fewPassword)
	}
	hash := auth.HashPassword(password)
	if typed {
		fmt.Fprint(a.stderr, "parley: what to write for a user alice, in the gramex.yaml under kwargs: of a SimpleAuth:\n\n",
			"  credentials:\n    alice: ", hash, "\n\nThe hash alone:\n")
	}
	fmt.Fprintln(a.stdout, hash)
	return nil
}

func checkPassword(password string) error {
	switch {
	case password == "":
		return errors.New("an empty password is none")
	case len(password) > mostPassword:
		return fmt.Errorf("a password has at most %d bytes", mostPassword)
	case !utf8.ValidString(password):
		return errors.New("this password is not UTF-8 text: nobody could type it into a page")
	}
	return nil
}

// passwordOfPipe reads the first line of the standard input.
func passwordOfPipe() (string, error) {
	line, err := bufio.NewReader(io.LimitReader(os.Stdin, mostPassword+2)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("reading the password: %w", err)
	}
	return strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"), nil
}

// typePassword asks for a password in the terminal stdin, twice.
func typePassword(stdin *os.File, stderr io.Writer) (string, error) {
	fd := int(stdin.Fd())
	state, err := term.MakeRaw(fd) // Ctrl-C is a key, and cannot leave the terminal without an echo
	if err != nil {
		return "", fmt.Errorf("reading single keys: %w", err)
	}
	defer func() { _ = term.Restore(fd, state) }()
	editor := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{&keys{in: stdin, resized: func() {}}, stderr}, "")
	var typed [2]string
	for i, prompt := range []string{"Password: ", "Once more: "} {
		typed[i], err = editor.ReadPassword(prompt)
		switch {
		case errors.Is(err, io.EOF): // Ctrl-C or Ctrl-D
			io.WriteString(stderr, "\r\n")
			return "", errors.New("no password was given")
		case err != nil:
			return "", fmt.Errorf("reading the password: %w", err)
		}
		if err := checkPassword(typed[i]); err != nil {
			return "", err
		}
	}
	if typed[0] != typed[1] {
		return "", errors.New("these were two different passwords")
	}
	return typed[0], nil
}
