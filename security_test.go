package parley_test

import "testing"

// TestSecurityRows checks that each attack in docs/security.md names tests
// that exist.
func TestSecurityRows(t *testing.T) {
	rows := provedRows(t, "docs/security.md")
	if len(rows) < 30 {
		t.Errorf("%d attacks: have all tables been read?", len(rows))
	}
	for _, row := range rows {
		if len(row.proofs) == 0 {
			t.Errorf("%s:%d: no test proves what happens at %q", row.page, row.line, row.cells[0])
		}
		row.checkProofs(t)
	}
}
