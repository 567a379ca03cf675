package signet

import (
	"strings"
)

// Difference is the first line in which two canonical requests differ.
type Difference struct {
	// Part is method, uri, query, "header host", …, signedHeaders or payload.
	Part     string `json:"part"`
	Received string `json:"received"`
	Signed   string `json:"signed"`
	// Column is the index of the first different byte.
	Column int `json:"column"`
}

// CanonicalRequest is what the signature of a request covers. It contains no secret. The error is a *Refusal.
func CanonicalRequest(head Head, body []byte, signatureHeader string) (string, error) {
	parsed, refusal := parseAuthorization(head, signatureHeader)
	if refusal != nil {
		return "", refusal
	}
	return parsed.canonical(body), nil
}

// Explain compares the verifier's canonical request with the signer's. It returns nil if both are equal, which means that the secret
// differs.
func Explain(received, signed string) *Difference {
	ours, theirs := strings.Split(received, "\n"), strings.Split(signed, "\n")
	for line := 0; line < len(ours) || line < len(theirs); line++ {
		a, b := lineAt(ours, line), lineAt(theirs, line)
		if a == b && line < len(ours) && line < len(theirs) {
			continue
		}
		column := 0
		for column < len(a) && column < len(b) && a[column] == b[column] {
			column++
		}
		return &Difference{Part: partName(ours, line), Received: a, Signed: b, Column: column}
	}
	return nil
}

func lineAt(lines []string, at int) string {
	if at < len(lines) {
		return lines[at]
	}
	return ""
}

// partName: the component of a signature base; else method, URI, query, a line for each header, an empty line, signed headers, payload.
func partName(lines []string, line int) string {
	if ours := strings.SplitN(lineAt(lines, line), `"`, 3); len(ours) == 3 && ours[0] == "" {
		return ours[1]
	}
	switch {
	case line < 3:
		return []string{"method", "uri", "query"}[line]
	case line == len(lines)-2:
		return "signedHeaders"
	case line == len(lines)-1:
		return "payload"
	}
	if name, _, _ := strings.Cut(lineAt(lines, line), ":"); name != "" {
		return "header " + name
	}
	return "number of lines"
}
