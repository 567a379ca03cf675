package signet

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"sort"
	"strings"
	"unicode/utf8"
)

// UnsignedPayload is the payload line of a body that the signature does not cover.
const UnsignedPayload = "UNSIGNED-PAYLOAD"

const upperHex = "0123456789ABCDEF"

var authority = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*`)

// canonicalRequest never fails: every string has a canonical form. headerLines are "name:value\n" in the order of signedHeaders.
func canonicalRequest(method, target, headerLines, signedHeaders, payload string) string {
	path, query := splitTarget(target)
	lines := []string{strings.ToUpper(method), canonicalURI(path), canonicalQuery(query), headerLines, signedHeaders, payload}
	return strings.Join(lines, "\n")
}

func stringToSign(scheme, date, canonical string) string {
	return scheme + "\n" + date + "\n" + sha256Hex([]byte(canonical))
}

func sha256Hex(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// isTarget reports whether a text is a valid request target (RFC 9112). Applications read targets with other characters in different ways.
func isTarget(target string) bool {
	for i := 0; i < len(target); i++ {
		if c := target[i]; c == '#' || c <= ' ' || c == 0x7f {
			return false
		}
	}
	return true
}

// splitTarget splits at the first question mark. A request target has no fragment: a verifier refuses one with #.
func splitTarget(target string) (path, query string) {
	if !strings.HasPrefix(target, "/") {
		target = target[len(authority.FindString(target)):]
	}
	path, query, _ = strings.Cut(target, "?")
	return path, query
}

// canonicalURI decodes and encodes each segment, so that %2F stays in its segment. Dot segments and empty ones are kept.
func canonicalURI(path string) string {
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		segments[i] = percentEncode(percentDecode(segment))
	}
	encoded := strings.Join(segments, "/")
	if strings.HasSuffix(encoded, "/") {
		return encoded
	}
	return encoded + "/"
}

// canonicalQuery sorts by decoded name, then decoded value. A missing = is added, empty pairs are dropped, + is a space.
func canonicalQuery(query string) string {
	type pair struct{ name, value string }
	var pairs []pair
	for _, text := range strings.Split(query, "&") {
		if text == "" {
			continue
		}
		name, value, _ := strings.Cut(strings.ReplaceAll(text, "+", " "), "=")
		pairs = append(pairs, pair{percentDecode(name), percentDecode(value)})
	}
	// The bytes of UTF-8 have the order of code points.
	sort.SliceStable(pairs, func(i, j int) bool {
		if pairs[i].name != pairs[j].name {
			return pairs[i].name < pairs[j].name
		}
		return pairs[i].value < pairs[j].value
	})
	encoded := make([]string, len(pairs))
	for i, each := range pairs {
		encoded[i] = percentEncode(each.name) + "=" + percentEncode(each.value)
	}
	return strings.Join(encoded, "&")
}

// percentDecode treats a % without two hexadecimal digits as a percent sign.
func percentDecode(text string) string {
	if !strings.Contains(text, "%") {
		return text
	}
	decoded := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) {
			high, low := hexDigit(text[i+1]), hexDigit(text[i+2])
			if high >= 0 && low >= 0 {
				decoded = append(decoded, byte(high<<4|low))
				i += 2
				continue
			}
		}
		decoded = append(decoded, text[i])
	}
	return string(decoded)
}

// asSigned writes a query in a form that net/url reads as the signature covers it, because net/url drops pairs that have a semicolon or a %
// without two hexadecimal digits.
func asSigned(query string) string {
	var plain strings.Builder
	for i := 0; i < len(query); i++ {
		switch c := query[i]; {
		case c == ';':
			plain.WriteString("%3B")
		case c == '%' && !(i+2 < len(query) && hexDigit(query[i+1]) >= 0 && hexDigit(query[i+2]) >= 0):
			plain.WriteString("%25")
		default:
			plain.WriteByte(c)
		}
	}
	return plain.String()
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// percentEncode encodes all bytes but the unreserved characters of RFC 3986, in upper case.
func percentEncode(text string) string {
	var encoded strings.Builder
	encoded.Grow(len(text))
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~' {
			encoded.WriteByte(c)
		} else {
			encoded.WriteByte('%')
			encoded.WriteByte(upperHex[c>>4])
			encoded.WriteByte(upperHex[c&15])
		}
	}
	return encoded.String()
}

// wireText treats bytes that are not UTF-8 as Latin-1, like all verifiers of Signet.
func wireText(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	runes := make([]rune, len(text))
	for i := 0; i < len(text); i++ {
		runes[i] = rune(text[i])
	}
	return string(runes)
}

// The white space beyond ASCII that the reference implementation removes from the ends of a value.
const wideSpaces = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"

func trim(text string) string { return strings.Trim(text, " \t\n\v\f\r"+wideSpaces) }
