package wstest

import (
	"fmt"
	"strings"
)

// goodText is UTF-8 (RFC 3629).
var goodText = map[string]string{
	"ASCII":                     "hello",
	"U+0000":                    "a\x00b",
	"of two octets":             "κόσμε",
	"of three octets":           "日本語",
	"of four octets":            "a😀b𝄞",
	"first and last of each":    "\x00\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf",
	"around the surrogates":     "\xed\x9f\xbf\xee\x80\x80",
	"byte order mark":           "\xef\xbb\xbfa",
	"noncharacters":             "\ufdd0\ufffe\U0001ffff",
	"replacement character":     "\ufffd",
	"characters of all lengths": "aé漢😀zé",
}

// badText is not, whatever follows.
var badText = map[string]string{
	"lone continuation":           "\x80",
	"continuations":               "\xbf\xbf\xbf",
	"start of two, then ASCII":    "\xc3(",
	"start of three, then ASCII":  "\xe2\x82(",
	"start of four, then ASCII":   "\xf0\x9f\x98(",
	"two starts":                  "\xc3\xc3\xa9",
	"slash in two octets":         "\xc0\xaf",
	"slash in three octets":       "\xe0\x80\xaf",
	"slash in four octets":        "\xf0\x80\x80\xaf",
	"last of one in two":          "\xc1\xbf",
	"last of two in three":        "\xe0\x9f\xbf",
	"last of three in four":       "\xf0\x8f\xbf\xbf",
	"NUL in two octets":           "\xc0\x80",
	"first high surrogate":        "\xed\xa0\x80",
	"last low surrogate":          "\xed\xbf\xbf",
	"pair of surrogates":          "\xed\xa0\xbd\xed\xb8\x80",
	"above U+10FFFF":              "\xf4\x90\x80\x80",
	"start of what was never":     "\xf5\x80\x80\x80",
	"five octets":                 "\xf8\x88\x80\x80\x80",
	"six octets":                  "\xfc\x84\x80\x80\x80\x80",
	"FE":                          "\xfe",
	"FF":                          "\xff",
	"Latin-1":                     "caf\xe9!",
	"noncharacter in a surrogate": "\xed\xaf\xbf\xed\xbf\xbf",
}

// cutText is UTF-8 of which the end is missing.
var cutText = map[string]string{
	"after one of two":    "\xc3",
	"after one of three":  "\xe6",
	"after two of three":  "\xe6\xbc",
	"after one of four":   "\xf0",
	"after three of four": "\xf0\x9f\x98",
}

// shredded is a message in fragments of one octet each.
func shredded(s string) (frames []Frame) {
	for i := range len(s) {
		frames = append(frames, Part(Cont(s[i:i+1])))
	}
	frames[0].Op = OpText
	frames[len(frames)-1].More = false
	return frames
}

// texts is about UTF-8 in text messages (RFC 6455 §8.1).
func texts() (list []conversation) {
	const bad = "text is not UTF-8"
	for name, s := range goodText {
		list = append(list, echoes("good: "+name, append([]Frame{Text(s)}, shredded(s)...), heard("text", s), heard("text", s)))
	}
	s := goodText["characters of all lengths"]
	for i := range len(s) + 1 {
		list = append(list, echoes(fmt.Sprint("good: cut at ", i), []Frame{Part(Text(s[:i])), Part(Cont("")), Cont(s[i:])}, heard("text", s)))
	}
	for name, s := range badText {
		list = append(list,
			fails("bad: "+name, 1007, bad, Text("a"+s+"b")),
			fails("bad: "+name+", alone", 1007, bad, Text(s)),
			fails("bad: "+name+", shredded", 1007, bad, shredded(s+"b")...),
			// Refused when it has come, not when the message ends.
			conversation{
				name:  "bad: " + name + ", at once",
				send:  []Frame{Part(Text("ä" + s + "b"))},
				get:   []string{`close 1007 "text is not UTF-8"`},
				heard: []string{`close 1007 "text is not UTF-8"`},
			},
			conversation{
				name:  "bad: " + name + ", within a frame",
				send:  []Frame{{Op: OpText, Payload: s + "b", Claims: true, Claim: 1000}},
				get:   []string{`close 1007 "text is not UTF-8"`},
				heard: []string{`close 1007 "text is not UTF-8"`},
			},
		)
	}
	for name, s := range cutText {
		list = append(list,
			fails("cut: "+name, 1007, bad, Text("a"+s)),
			fails("cut: "+name+", shredded", 1007, bad, shredded("a"+s)...),
			fails("cut: "+name+", empty end", 1007, bad, Part(Text(s)), Cont("")),
		)
	}
	far := strings.Repeat("x", maxMessage-1) + "\xff"
	return append(list,
		fails("bad: the last of many octets", 1007, bad, Text(far)),
		echoes("binary is not text", []Frame{Binary("\xff\xc0"), Part(Binary("\xed")), Cont("\xa0")}, `binary "\xff\xc0"`, `binary "\xed\xa0"`),
	)
}
