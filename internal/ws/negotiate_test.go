package ws

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	pmd     = "permessage-deflate"
	none    = ""
	refused = "refused"
	plainly = pmd + "; server_no_context_takeover; client_no_context_takeover"
)

func TestNegotiate(t *testing.T) {
	for _, tc := range []struct {
		offer    string // lines are cut by \n
		fresh    string // answered without takeover
		takeover string // answered with it
	}{
		{pmd, plainly, pmd},
		{pmd + "; client_max_window_bits", plainly, pmd}, // browsers
		{"  \t" + pmd + "\t;\tclient_max_window_bits  ", plainly, pmd},
		{pmd + "; client_max_window_bits=8", plainly, pmd},
		{pmd + "; client_max_window_bits=15", plainly, pmd},
		{pmd + ";client_max_window_bits = 10", plainly, pmd},
		{pmd + `; client_max_window_bits="15"`, plainly, pmd},
		{pmd + `; client_max_window_bits="\1\5"`, plainly, pmd},
		{pmd + "; server_no_context_takeover", plainly, pmd + "; server_no_context_takeover"},
		{pmd + "; client_no_context_takeover", plainly, pmd + "; client_no_context_takeover"},
		{pmd + "; client_no_context_takeover; server_no_context_takeover", plainly, plainly},
		{pmd + "; server_max_window_bits=8", plainly + "; server_max_window_bits=8", pmd + "; server_max_window_bits=8"},
		{pmd + "; server_max_window_bits=15", plainly + "; server_max_window_bits=15", pmd + "; server_max_window_bits=15"},
		{pmd + `; server_max_window_bits="9"; client_max_window_bits=9`, plainly + "; server_max_window_bits=9", pmd + "; server_max_window_bits=9"},

		// Passed over.
		{"", none, none},
		{" , ,, \t", none, none},
		{"x-webkit-deflate-frame", none, none},
		{`x-other; a=1; b="two"; a, permessage-bzip2`, none, none},
		{"Permessage-Deflate", none, none},
		{"permessage", none, none},
		{"x-other, " + pmd + ", x-more", plainly, pmd},
		{"x-other\n" + pmd, plainly, pmd},
		{"\n, " + pmd + " ,,", plainly, pmd},

		// Declined.
		{pmd + "; turbo", none, none},
		{pmd + "; turbo=1", none, none},
		{pmd + "; server_no_context_takeover; server_no_context_takeover", none, none},
		{pmd + "; client_no_context_takeover; client_no_context_takeover", none, none},
		{pmd + "; server_max_window_bits=9; server_max_window_bits=9", none, none},
		{pmd + "; client_max_window_bits; client_max_window_bits", none, none},
		{pmd + "; client_max_window_bits; client_max_window_bits=10", none, none},
		{pmd + "; server_no_context_takeover=1", none, none},
		{pmd + "; client_no_context_takeover=true", none, none},
		{pmd + "; server_max_window_bits", none, none},
		{pmd + "; server_max_window_bits=7", none, none},
		{pmd + "; server_max_window_bits=16", none, none},
		{pmd + "; server_max_window_bits=0", none, none},
		{pmd + "; server_max_window_bits=08", none, none},
		{pmd + "; server_max_window_bits=+9", none, none},
		{pmd + "; server_max_window_bits=-9", none, none},
		{pmd + "; server_max_window_bits=1", none, none},
		{pmd + "; server_max_window_bits=abc", none, none},
		{pmd + "; server_max_window_bits=99999999999999999999", none, none},
		{pmd + "; client_max_window_bits=7", none, none},
		{pmd + "; client_max_window_bits=16", none, none},
		{pmd + "; client_max_window_bits=09", none, none},
		{pmd + "; client_max_window_bits=x", none, none},
		{pmd + "; Client_Max_Window_Bits", none, none},
		{pmd + "; client_max_window_bits; turbo, " + pmd, plainly, pmd},
		{pmd + "; server_max_window_bits=7, " + pmd + "; server_max_window_bits=10, " + pmd, plainly + "; server_max_window_bits=10", pmd + "; server_max_window_bits=10"},
		{pmd + ", " + pmd + "; server_no_context_takeover", plainly, pmd},

		// Malformed.
		{pmd + ";", refused, refused},
		{pmd + ";;client_max_window_bits", refused, refused},
		{pmd + "; client_max_window_bits=", refused, refused},
		{pmd + `; client_max_window_bits=""`, refused, refused},
		{pmd + `; client_max_window_bits=" 15"`, refused, refused},
		{pmd + `; client_max_window_bits="15`, refused, refused},
		{pmd + `; client_max_window_bits="15\`, refused, refused},
		{pmd + `; client_max_window_bits="1\"5"`, refused, refused},
		{pmd + `; client_max_window_bits="15"x`, refused, refused},
		{pmd + "; =15", refused, refused},
		{pmd + "; client_max_window_bits=10=10", refused, refused},
		{pmd + " client_max_window_bits", refused, refused},
		{pmd + "=1", refused, refused},
		{"; client_max_window_bits", refused, refused},
		{"x/y", refused, refused},
		{"x@y", refused, refused},
		{"caf\u00e9", refused, refused},
		{"a\x00", refused, refused},
		{pmd + ", ;", refused, refused},
		{pmd + "\n;", refused, refused},
		{`;;=,,"unterminated; permessage-deflate=;`, refused, refused},
		{pmd + strings.Repeat(";", 50_000), refused, refused},
		{pmd + "; a=" + strings.Repeat("\"\\", 20_000), refused, refused},
	} {
		for _, opt := range []*Compression{nil, {}, {ContextTakeover: true}} {
			want := tc.fresh
			switch {
			case opt == nil && want != refused:
				want = none
			case opt != nil && opt.ContextTakeover:
				want = tc.takeover
			}
			p, got, refusal := negotiate(strings.Split(tc.offer, "\n"), opt)
			if refusal != nil {
				got = refused
				if refusal.Status != 400 {
					t.Errorf("%.100q: refused with %d", tc.offer, refusal.Status)
				}
			}
			if got != want || (p == nil) != (got == none || got == refused) {
				t.Errorf("%.100q, %+v:\n got %q\nwant %q", tc.offer, opt, got, want)
			}
		}
	}
	if p, answer, refusal := negotiate(nil, &Compression{}); p != nil || answer != "" || refusal != nil {
		t.Errorf("without a header: %v, %q, %v", p, answer, refusal)
	}
}

// What is agreed on is what the answer says and the endpoint wants.
func TestNegotiatedParameters(t *testing.T) {
	for _, tc := range []struct {
		offer string
		opt   Compression
		want  deflateParams
	}{
		{"", Compression{}, deflateParams{deflateKey{15, 1}, 512, false, false}},
		{"", Compression{ContextTakeover: true}, deflateParams{deflateKey{15, 1}, 512, true, true}},
		{"; server_no_context_takeover", Compression{ContextTakeover: true}, deflateParams{deflateKey{15, 1}, 512, false, true}},
		{"; client_no_context_takeover", Compression{ContextTakeover: true}, deflateParams{deflateKey{15, 1}, 512, true, false}},
		{"; server_max_window_bits=15", Compression{Threshold: 1, Level: 9}, deflateParams{deflateKey{15, 9}, 1, false, false}},
		{"; server_max_window_bits=14", Compression{Level: 9}, deflateParams{deflateKey{14, 0}, 512, false, false}},
		{"; client_max_window_bits=8", Compression{Level: 100}, deflateParams{deflateKey{15, 9}, 512, false, false}},
		{"", Compression{Level: -1}, deflateParams{deflateKey{15, 1}, 512, false, false}},
	} {
		p, _, _ := negotiate([]string{pmd + tc.offer}, &tc.opt)
		if p == nil || *p != tc.want {
			t.Errorf("%q, %+v: %+v, want %+v", tc.offer, tc.opt, p, tc.want)
		}
	}
}

// The grammar once more, as regular expressions. A quoted value is a token
// once it is unquoted.
const (
	tokenRE     = "[-!#$%&'*+.^_`|~0-9A-Za-z]+"
	paramRE     = `[ \t]*;[ \t]*` + tokenRE + `(?:[ \t]*=[ \t]*(?:` + tokenRE + `|"(?:\\?` + "[-!#$%&'*+.^_`|~0-9A-Za-z]" + `)+"))?`
	extensionRE = tokenRE + `(?:` + paramRE + `)*`
)

var (
	wellFormed = regexp.MustCompile(`^[ \t,]*(?:` + extensionRE + `(?:[ \t]*,[ \t,]*` + extensionRE + `)*)?[ \t,]*$`)
	extensions = regexp.MustCompile(extensionRE)
)

// parameters reads an offer or an answer of permessage-deflate. ok is false if
// it has to be declined.
func parameters(extension string) (p map[string]string, ok bool) {
	extension = strings.NewReplacer(" ", "", "\t", "", `"`, "", `\`, "").Replace(extension)
	parts := strings.Split(extension, ";")
	if parts[0] != pmd {
		return nil, false
	}
	p = map[string]string{}
	for _, part := range parts[1:] {
		name, value, hasValue := strings.Cut(part, "=")
		_, twice := p[name]
		p[name] = value
		bits := slices.Contains(strings.Split("8 9 10 11 12 13 14 15", " "), value)
		switch {
		case twice:
			return nil, false
		case name == "client_max_window_bits" && (bits || !hasValue):
		case name == "server_max_window_bits" && bits:
		case (name == "client_no_context_takeover" || name == "server_no_context_takeover") && !hasValue:
		default:
			return nil, false
		}
	}
	return p, true
}

// FuzzNegotiate checks the answer against the first offer that is not to be
// declined.
func FuzzNegotiate(f *testing.F) {
	for _, s := range []string{
		pmd, pmd + "; client_max_window_bits", pmd + `;server_max_window_bits="\1\0"; client_no_context_takeover, x; a=b`,
		pmd + "; turbo, " + pmd + "; server_no_context_takeover", pmd + "; client_max_window_bits=", ",,",
	} {
		f.Add(s, pmd+"; server_max_window_bits=9", true)
		f.Add("x-other", s, false)
	}
	f.Fuzz(func(t *testing.T, line1, line2 string, takeover bool) {
		p, answer, refusal := negotiate([]string{line1, line2}, &Compression{ContextTakeover: takeover})
		if well := wellFormed.MatchString(line1) && wellFormed.MatchString(line2); well != (refusal == nil) {
			t.Fatalf("well-formed %v, refusal %v", well, refusal)
		}
		if refusal != nil {
			return
		}
		var offer map[string]string
		for _, extension := range extensions.FindAllString(line1+","+line2, -1) {
			if o, ok := parameters(extension); ok {
				offer = o
				break
			}
		}
		if offer == nil || p == nil {
			if offer != nil || p != nil || answer != "" {
				t.Fatalf("offered %v, answered %q", offer, answer)
			}
			return
		}
		got, ok := parameters(answer)
		if !ok || !wellFormed.MatchString(answer) {
			t.Fatalf("the answer is %q", answer)
		}
		want := map[string]string{}
		for name, value := range offer {
			if name != "client_max_window_bits" {
				want[name] = value
			}
		}
		if !takeover {
			want["server_no_context_takeover"], want["client_no_context_takeover"] = "", ""
		}
		if len(got) != len(want) {
			t.Fatalf("offered %v, answered %q", offer, answer)
		}
		for name, value := range want {
			if v, there := got[name]; !there || v != value {
				t.Fatalf("offered %v, answered %q", offer, answer)
			}
		}
	})
}
