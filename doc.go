// Package parley is the vocabulary of Parley, a server for live applications:
// connections, messages, sessions, publications and close codes.
//
// Every other package of the project speaks in these words; this one imports
// only the standard library.
package parley
