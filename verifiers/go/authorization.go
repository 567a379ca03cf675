package signet

import (
	"math"
	"net/http"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

const (
	// Clients sign only a few headers.
	mostSignedHeaders = 64
	// The maximum number of characters of the target and the signed headers, which is twice the limit of HTTP servers.
	mostSignedChars = 65536
	dateLayout      = "20060102T150405Z"
)

var (
	visible    = `[^,\s\v` + wideSpaces + `]+`
	signedForm = regexp.MustCompile(`^Access=(` + visible + `), *SignedHeaders=([!-+\--~]+), *Signature=((?:[0-9A-Fa-f]{2})+)$`)
	dateForm   = regexp.MustCompile(`^\d{8}T\d{6}Z$`)
)

// Head is a request without its body.
type Head struct {
	Method string
	// Target as received: path and query, undecoded, before a router removed a prefix.
	Target string
	// Host is the value of the Host header.
	Host   string
	Header http.Header
}

// HeadOf reads a request of net/http.
func HeadOf(r *http.Request) Head {
	target := r.RequestURI
	if target == "" && r.URL != nil {
		target = r.URL.RequestURI()
	}
	return Head{Method: r.Method, Target: target, Host: r.Host, Header: r.Header}
}

// headers reads the headers of a Head.
type headers struct {
	Head
	// others are the names that net/http would write in another case, in order. Only a map that net/http did not fill may have them.
	others []string
}

func (h Head) headers() headers {
	var others []string
	for name := range h.Header {
		if http.CanonicalHeaderKey(strings.ToLower(name)) != name {
			others = append(others, name)
		}
	}
	sort.Strings(others)
	return headers{h, others}
}

// value reads a header by its lower-case name. Values of a repeated header are joined, so that a repeated signature is refused.
func (h headers) value(name string) (string, bool) {
	values := h.Header[http.CanonicalHeaderKey(name)]
	for _, other := range h.others {
		if sameFold(other, name) {
			values = append(values[:len(values):len(values)], h.Header[other]...)
		}
	}
	// net/http moves the Host header out of the map.
	if len(values) == 0 && name == "host" && h.Host != "" {
		values = []string{h.Host}
	}
	if len(values) == 0 {
		return "", false
	}
	return wireText(strings.Join(values, ", ")), true
}

// authorization is the parsed signature of a request, before a key or the body is used.
type authorization struct {
	scheme        *scheme
	accessID      string
	signedHeaders string
	signature     string
	signedAt      time.Time
	bodySigned    bool

	head        headers
	date        string
	headerLines string
	announced   string
	isAnnounced bool
	// message is set for an HTTP message signature, instead of the four before it.
	message *messageContent
}

func parseAuthorization(received Head, signatureHeader string) (*authorization, *Refusal) {
	head := received.headers()
	if signatureHeader == "" {
		signatureHeader = "authorization"
	}
	value, _ := head.value(strings.ToLower(signatureHeader))
	value = trim(value)
	// A message signature with our tag decides, whatever Authorization has: that may be the application's own.
	if message, refusal := parseMessageSignature(head, value != ""); message != nil || refusal != nil {
		return message, refusal
	}
	if value == "" {
		return nil, refuse(NoAuthorization, "there is no "+signatureHeader+" header")
	}
	if value == "unsigned" {
		return nil, refuse(NoAuthorization, "the gateway let this request pass without signing it")
	}
	name, rest, _ := strings.Cut(value, " ")
	rest = trim(rest)
	scheme := schemeNamed(name)
	if scheme == nil {
		return nil, refuse(Malformed, "the header names no scheme that is known here")
	}
	noTarget := refuse(Malformed, "a request target has no #, space or control character")
	wrongForm := refuse(Malformed, "the header does not have the form of "+scheme.name)
	if !scheme.covers {
		pair, ok := strictBase64(rest)
		user, password, found := strings.Cut(string(pair), ":")
		if !ok || !found || user == "" {
			return nil, wrongForm
		}
		if !isTarget(head.Target) {
			return nil, noTarget
		}
		return &authorization{scheme: scheme, accessID: user, signature: password, head: head}, nil
	}
	parts := signedForm.FindStringSubmatch(rest)
	if parts == nil {
		return nil, wrongForm
	}
	if !isTarget(head.Target) {
		return nil, noTarget
	}
	parsed := &authorization{scheme: scheme, accessID: parts[1], signedHeaders: parts[2], signature: parts[3], head: head}
	if refusal := parsed.readSigned(); refusal != nil {
		return nil, refusal
	}
	return parsed, nil
}

func (a *authorization) readSigned() *Refusal {
	if refusal := a.readSignedHeaders(); refusal != nil {
		return refusal
	}
	date, _ := a.head.value("x-sdk-date")
	a.date = trim(date)
	at, err := time.Parse(dateLayout, a.date)
	// Parse accepts fractions of a second, and years before 100.
	if err != nil || !dateForm.MatchString(a.date) || at.Year() < 100 {
		return refuse(Malformed, "X-Sdk-Date has the form YYYYMMDDTHHMMSSZ")
	}
	a.signedAt = at
	a.announced, a.isAnnounced = a.head.value("x-sdk-content-sha256")
	a.announced = trim(a.announced)
	if hasLineBreak(a.announced) {
		return refuse(Malformed, "a header value has a line break")
	}
	a.bodySigned = a.announced != UnsignedPayload
	return nil
}

// readSignedHeaders reads the signed headers in order, names in lower case.
func (a *authorization) readSignedHeaders() *Refusal {
	names := strings.SplitN(a.signedHeaders, ";", mostSignedHeaders+1)
	if len(names) > mostSignedHeaders {
		return refuse(Malformed, "more than 64 headers are signed")
	}
	seen := make(map[string]bool, len(names))
	chars := len(a.head.Target)
	var lines strings.Builder
	for _, name := range names {
		lower := strings.ToLower(name)
		if seen[lower] {
			return refuse(Malformed, "a header is signed twice: "+printable(lower))
		}
		value, ok := a.head.value(lower)
		if !ok {
			return refuse(MissingSignedHeader, "a signed header did not arrive: "+printable(lower))
		}
		value = trim(value)
		if chars += utf16Length(value); chars > mostSignedChars {
			return refuse(Malformed, "more than 65536 characters are signed")
		}
		if hasLineBreak(value) {
			return refuse(Malformed, "a header value has a line break")
		}
		seen[lower] = true
		lines.WriteString(lower + ":" + value + "\n")
	}
	if !seen["x-sdk-date"] {
		return refuse(MissingSignedHeader, "x-sdk-date is not signed")
	}
	a.headerLines = lines.String()
	return nil
}

// check applies the rules that need neither a key nor the body.
func (a *authorization) check(now time.Time, skew time.Duration, allowUnsignedPayload bool) *Refusal {
	if !a.scheme.covers {
		return nil
	}
	// A Duration ends at 292 years, and Sub returns the longest one beyond.
	if away := now.Sub(a.signedAt); away > skew || away < -skew {
		seconds := math.Abs(float64(now.UnixMilli()-a.signedAt.UnixMilli())) / 1000
		date := "X-Sdk-Date"
		if a.message != nil {
			date = "created"
		}
		return refuse(Skew, date+" is "+strconv.FormatInt(int64(math.Round(seconds)), 10)+" s away from the clock here")
	}
	if a.message != nil && !a.message.expiresAt.IsZero() && now.After(a.message.expiresAt) {
		return refuse(Skew, "the signature has ended: expires is over")
	}
	if !a.bodySigned && !allowUnsignedPayload {
		return refuse(BodyUnsigned, "the signature does not cover the body")
	}
	return nil
}

// canonical is the signature base of a message signature, else the canonical request, with the payload that the request announces or the body's own hash.
func (a *authorization) canonical(body []byte) string {
	if !a.scheme.covers {
		return ""
	}
	if a.message != nil {
		return a.message.base
	}
	payload := a.announced
	if !a.isAnnounced {
		payload = sha256Hex(body)
	}
	return canonicalRequest(a.head.Method, wireText(a.head.Target), a.headerLines, a.signedHeaders, payload)
}

func (a *authorization) stringToSign(body []byte) string {
	if !a.scheme.covers {
		return ""
	}
	if a.message != nil {
		return a.message.base
	}
	return stringToSign(a.scheme.name, a.date, a.canonical(body))
}

// replayID is what a replay store remembers of the signed text.
func (a *authorization) replayID(text string) string {
	if a.message != nil {
		// A signature base may be long.
		return a.scheme.name + " " + sha256Hex([]byte(text))
	}
	return text
}

// bodyMatches hashes the body if the request announces its hash, so it is asked last.
func (a *authorization) bodyMatches(body []byte) bool {
	if a.message != nil {
		return a.message.bodyMatches(body)
	}
	return !a.isAnnounced || a.announced == UnsignedPayload || a.announced == sha256Hex(body)
}

// candidates are the keys of this scheme with this id, because the header must not choose how a secret is used.
func (a *authorization) candidates(keys []*loadedKey) []*loadedKey {
	var found []*loadedKey
	for _, key := range keys {
		if key.scheme == a.scheme && key.accessID == a.accessID {
			found = append(found, key)
		}
	}
	return found
}

// sameFold compares without regard to the case of ASCII letters, and distinguishes the case of all others.
func sameFold(a, b string) bool {
	return a == b || isASCII(a) && isASCII(b) && strings.EqualFold(a, b)
}

func hasLineBreak(text string) bool { return strings.ContainsAny(text, "\r\n") }

func isASCII(text string) bool {
	for i := 0; i < len(text); i++ {
		if text[i] >= 0x80 {
			return false
		}
	}
	return true
}

func utf16Length(text string) int {
	if isASCII(text) {
		return len(text)
	}
	return len(utf16.Encode([]rune(text)))
}

// printable makes a header's name fit for a hint.
func printable(name string) string {
	if len(name) > 64 {
		name = name[:64]
	}
	return strings.Map(func(r rune) rune {
		if r < '!' || r > '~' {
			return '?'
		}
		return r
	}, name)
}
