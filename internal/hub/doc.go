// Package hub knows channels by name: who is a member, and how a publication
// reaches all of them.
//
// Every publication goes through a Broker, also on a single node, so that
// there is one path and one order per channel.
package hub
