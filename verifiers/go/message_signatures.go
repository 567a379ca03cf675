package signet

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The algorithms of HTTPMessageSignatures keys.
const (
	Ed25519    = "ed25519"
	HMACSHA256 = "hmac-sha256"
)

const (
	// messageTag marks the signature that verifiers of signature keys look for, among others in one request.
	messageTag   = "signet"
	messageLabel = "signet"
	digestHeader = "content-digest"
)

// requiredComponents are what a signature must cover, apart from the body.
var requiredComponents = []string{"@method", "@authority", "@path", "@query"}

// parameterTypes: a signature with any other parameter is refused, because it could mean a restriction.
var parameterTypes = map[string]string{
	"created": "integer", "expires": "integer", "keyid": "string", "alg": "string", "nonce": "string", "tag": "string",
}

var (
	messageSeconds   = regexp.MustCompile(`^(?:0|[1-9][0-9]{0,14})$`)
	messageField     = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9a-z-]+$")
	messageTarget    = regexp.MustCompile(`^(?:/|[A-Za-z][A-Za-z0-9+.-]*://)[!"$-~]*$`)
	messageAuthority = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://([^/?]*)`)
	originForm       = regexp.MustCompile(`^/[!"$-~]*$`)
	defaultPort      = regexp.MustCompile(`:(?:80|443)$`)
)

var (
	messageEd25519Scheme = &scheme{Ed25519, true, loadMessageEd25519}
	messageHMACScheme    = &scheme{HMACSHA256, true, loadMessageHMAC}
)

// messageSchemeNamed finds the scheme of the alg parameter.
func messageSchemeNamed(alg string) *scheme {
	for _, each := range []*scheme{messageEd25519Scheme, messageHMACScheme} {
		if each.name == alg {
			return each
		}
	}
	return nil
}

// loadMessageHMAC: the secret is base64 of 32 to 64 bytes, the keyid the sign key.
func loadMessageHMAC(key Key) (*loadedKey, error) {
	secret, ok := strictBase64(key.SignSecret)
	if !ok || len(secret) < 32 || len(secret) > 64 {
		return nil, unusable("the secret of a message signature key is base64 of 32 to 64 bytes")
	}
	if !isPrintable(key.SignKey) || strings.Contains(key.SignKey, "\t") {
		return nil, unusable("the key id of a message signature is printable ASCII")
	}
	sum := func(base string) string { return base64.StdEncoding.EncodeToString(hmacBytes(secret, []byte(base))) }
	return &loadedKey{
		accessID: key.SignKey,
		sign:     func(base string) (string, error) { return sum(base), nil },
		verify:   func(base, signature string) bool { return sameText(signature, sum(base)) },
	}, nil
}

// loadMessageEd25519 reads SPKI and PKCS#8 in base64 DER. The keyid is the JWK thumbprint (RFC 7638).
func loadMessageEd25519(key Key) (*loadedKey, error) {
	der, _ := strictBase64(key.SignKey)
	parsed, err := x509.ParsePKIXPublicKey(der)
	public, ok := parsed.(ed25519.PublicKey)
	if err != nil || !ok {
		return nil, unusable("the sign key of an Ed25519 pair is base64 DER of an Ed25519 key")
	}
	var private ed25519.PrivateKey
	if key.SignSecret != "" {
		der, _ := strictBase64(key.SignSecret)
		parsed, err := x509.ParsePKCS8PrivateKey(der)
		if private, ok = parsed.(ed25519.PrivateKey); err != nil || !ok {
			return nil, unusable("the secret of an Ed25519 pair is base64 DER of an Ed25519 key")
		}
		if !public.Equal(private.Public()) {
			return nil, unusable("the halves of this Ed25519 pair do not belong together")
		}
	}
	jwk := `{"crv":"Ed25519","kty":"OKP","x":"` + base64.RawURLEncoding.EncodeToString(public) + `"}`
	thumbprint := sha256.Sum256([]byte(jwk))
	return &loadedKey{
		accessID: base64.RawURLEncoding.EncodeToString(thumbprint[:]),
		sign: func(base string) (string, error) {
			if private == nil {
				return "", unusable("this key has no private half, it can only verify")
			}
			return base64.StdEncoding.EncodeToString(ed25519.Sign(private, []byte(base))), nil
		},
		verify: func(base, signature string) bool {
			given, ok := strictBase64(signature)
			return ok && ed25519.Verify(public, []byte(base), given)
		},
	}, nil
}

// component is a covered component and its value.
type component struct{ name, value string }

// derivedComponent: the parts of the target count as sent, without any decoding. A port 80 or 443 is left out of the authority: neither side knows
// the scheme that the client used.
func derivedComponent(name, method, authority, target string) (string, bool) {
	path, query := splitTarget(target)
	switch name {
	case "@method":
		return method, true
	case "@authority":
		return defaultPort.ReplaceAllString(strings.ToLower(authority), ""), true
	case "@path":
		if path == "" {
			path = "/"
		}
		return path, true
	case "@query":
		return "?" + query, true
	}
	return "", false
}

// signatureParameters is the value of @signature-params: the member of Signature-Input.
func signatureParameters(components []component, parameters []parameter) string {
	names := make([]string, len(components))
	for i, each := range components {
		names[i] = serializeString(each.name)
	}
	text := "(" + strings.Join(names, " ") + ")"
	for _, each := range parameters {
		value := each.item.value
		if each.item.kind == "string" {
			value = serializeString(value)
		}
		text += ";" + each.name + "=" + value
	}
	return text
}

// signatureBase is what is signed (RFC 9421 §2.5).
func signatureBase(components []component, parameters string) string {
	var lines strings.Builder
	for _, each := range components {
		lines.WriteString(serializeString(each.name) + ": " + each.value + "\n")
	}
	return lines.String() + `"@signature-params": ` + parameters
}

// signMessage returns the headers of a message signature that covers the body.
func signMessage(head Head, body []byte, loaded *loadedKey, now time.Time) (http.Header, error) {
	if !originForm.MatchString(head.Target) {
		return nil, errors.New("signet: a signed target starts with a slash and is ASCII: encode it")
	}
	var components []component
	for _, name := range requiredComponents {
		value, _ := derivedComponent(name, head.Method, head.Host, head.Target)
		components = append(components, component{name, value})
	}
	digest := "sha-256=:" + digestOf["sha-256"](body) + ":"
	components = append(components, component{digestHeader, digest})
	var nonce [16]byte
	if _, err := rand.Read(nonce[:]); err != nil {
		return nil, err
	}
	parameters := signatureParameters(components, []parameter{
		{"created", bareItem{"integer", strconv.FormatInt(now.Unix(), 10)}},
		{"keyid", bareItem{"string", loaded.accessID}},
		{"alg", bareItem{"string", loaded.scheme.name}},
		{"nonce", bareItem{"string", base64.RawURLEncoding.EncodeToString(nonce[:])}},
		{"tag", bareItem{"string", messageTag}},
	})
	signature, err := loaded.sign(signatureBase(components, parameters))
	if err != nil {
		return nil, err
	}
	headers := http.Header{}
	headers.Set("Signature-Input", messageLabel+"="+parameters)
	headers.Set("Signature", messageLabel+"=:"+signature+":")
	headers.Set("Content-Digest", digest)
	return headers, nil
}

// digestOf gives digests of RFC 9530 in base64.
var digestOf = map[string]func([]byte) string{
	"sha-256": func(body []byte) string {
		sum := sha256.Sum256(body)
		return base64.StdEncoding.EncodeToString(sum[:])
	},
	"sha-512": func(body []byte) string {
		sum := sha512.Sum512(body)
		return base64.StdEncoding.EncodeToString(sum[:])
	},
}

// messageContent is what a message signature covers.
type messageContent struct {
	base string
	// digests in base64 by algorithm; nil when the body is not covered.
	digests map[string]string
	// expiresAt is the sender's own end of the signature; zero if it named none.
	expiresAt time.Time
}

func (m *messageContent) bodyMatches(body []byte) bool {
	for algorithm, digest := range m.digests {
		if digestOf[algorithm](body) != digest {
			return false
		}
	}
	return true
}

// parseMessageSignature looks for the signature with our tag. Nothing is returned when there is none, which is decided before anything else is
// checked. alternative: whether the request has an Authorization header that may be a signature instead.
func parseMessageSignature(head headers, alternative bool) (*authorization, *Refusal) {
	text, present := head.value("signature-input")
	if !present {
		return nil, nil
	}
	inputs, ok := parseDictionary(strip(text))
	if !ok || len(text) > mostSignedChars {
		if alternative {
			return nil, nil
		}
		return nil, refuse(Malformed, "Signature-Input is not a dictionary with each key once")
	}
	var tagged []namedMember
	for _, each := range inputs {
		if tag, ok := parameterNamed(each.parameters, "tag"); ok && tag == (bareItem{"string", messageTag}) {
			tagged = append(tagged, each)
		}
	}
	if len(tagged) == 0 {
		return nil, nil
	}
	if len(tagged) > 1 {
		return nil, refuse(Malformed, "more than one signature has the tag "+messageTag)
	}
	if !tagged[0].isList {
		return nil, refuse(Malformed, "a member of Signature-Input is an inner list")
	}
	signature, refusal := signatureNamed(head, tagged[0].name)
	if refusal != nil {
		return nil, refusal
	}
	return readMessage(head, len(text), tagged[0].member, signature)
}

func signatureNamed(head headers, label string) (string, *Refusal) {
	text, present := head.value("signature")
	if !present {
		return "", refuse(Malformed, "there is a Signature-Input header and no Signature header")
	}
	signatures, ok := parseDictionary(strip(text))
	if !ok || len(text) > mostSignedChars {
		return "", refuse(Malformed, "Signature is not a dictionary with each key once")
	}
	found := memberNamed(signatures, label)
	if found == nil || found.isList || found.bare.kind != "bytes" || len(found.parameters) > 0 {
		return "", refuse(Malformed, "Signature has no byte sequence with the label of Signature-Input")
	}
	return found.bare.value, nil
}

func readMessage(head headers, inputChars int, input member, signature string) (*authorization, *Refusal) {
	if !isVisible(head.Method) {
		return nil, refuse(Malformed, "a method is printable ASCII")
	}
	if !messageTarget.MatchString(head.Target) {
		return nil, refuse(Malformed, "a target starts with a slash or a scheme, and is printable ASCII without # and spaces")
	}
	parsed := &authorization{signature: signature, head: head, message: &messageContent{}}
	alg, refusal := parsed.readMessageParameters(input.parameters)
	if refusal != nil {
		return nil, refusal
	}
	host, _ := head.value("host")
	host = strip(host)
	components, refusal := readComponents(head, input.items, host, inputChars+len(head.Target))
	if refusal != nil {
		return nil, refusal
	}
	if named := messageAuthority.FindStringSubmatch(head.Target); named != nil && !strings.EqualFold(named[1], host) {
		return nil, refuse(Malformed, "the target names another authority than Host")
	}
	if parsed.scheme = messageSchemeNamed(alg); parsed.scheme == nil {
		return nil, refuse(Malformed, "the signature names no algorithm that is known here")
	}
	names := make([]string, len(components))
	for i, each := range components {
		names[i] = each.name
		if each.name == digestHeader {
			if parsed.message.digests = parseContentDigest(each.value); parsed.message.digests == nil {
				return nil, refuse(Malformed, "Content-Digest has no digest of sha-256 or sha-512")
			}
			parsed.bodySigned = true
		}
	}
	parsed.signedHeaders = strings.Join(names, ";")
	parsed.message.base = signatureBase(components, signatureParameters(components, input.parameters))
	return parsed, nil
}

func (a *authorization) readMessageParameters(parameters []parameter) (alg string, refusal *Refusal) {
	isCreated, isAlg := false, false
	for _, each := range parameters {
		kind, known := parameterTypes[each.name]
		if !known {
			return "", refuse(Malformed, "the signature has an unknown parameter: "+clipped(each.name))
		}
		if kind != each.item.kind || kind == "integer" && !messageSeconds.MatchString(each.item.value) {
			return "", refuse(Malformed, "the parameter "+each.name+" of the signature has another type")
		}
		switch each.name {
		case "created":
			isCreated, a.signedAt = true, secondsOf(each.item.value)
		case "expires":
			a.message.expiresAt = secondsOf(each.item.value)
		case "keyid":
			a.accessID = each.item.value
		case "alg":
			isAlg, alg = true, each.item.value
		}
	}
	if !isCreated || !isAlg || a.accessID == "" {
		return "", refuse(Malformed, "a signature has created, keyid and alg")
	}
	return alg, nil
}

// secondsOf reads at most 15 digits.
func secondsOf(digits string) time.Time {
	seconds, _ := strconv.ParseInt(digits, 10, 64)
	return time.Unix(seconds, 0)
}

// readComponents reads the covered components in order. chars is the length of what else is signed.
func readComponents(head headers, items []item, host string, chars int) ([]component, *Refusal) {
	if len(items) > mostSignedHeaders {
		return nil, refuse(Malformed, "more than 64 components are signed")
	}
	seen := map[string]bool{}
	var components []component
	for _, each := range items {
		if each.bare.kind != "string" || len(each.parameters) > 0 {
			return nil, refuse(Malformed, "a component is a string without parameters")
		}
		name := each.bare.value
		if seen[name] {
			return nil, refuse(Malformed, "a component is signed twice: "+clipped(name))
		}
		derived := strings.HasPrefix(name, "@")
		if !derived && !messageField.MatchString(name) {
			return nil, refuse(Malformed, "a component is no field name in lower case: "+clipped(name))
		}
		value, found := derivedComponent(name, head.Method, host, head.Target)
		if !derived {
			value, found = head.value(name)
		} else if !found {
			return nil, refuse(Malformed, "a component is not known here: "+clipped(name))
		}
		if !found || name == "@authority" && value == "" {
			return nil, refuse(MissingSignedHeader, "a signed component did not arrive: "+clipped(name))
		}
		if chars += utf16Length(value); chars > mostSignedChars {
			return nil, refuse(Malformed, "more than 65536 characters are signed")
		}
		if !isPrintable(value) {
			return nil, refuse(Malformed, "the value of a signed component is not printable ASCII: "+clipped(name))
		}
		seen[name] = true
		components = append(components, component{name, strip(value)})
	}
	for _, name := range requiredComponents {
		if !seen[name] {
			return nil, refuse(MissingSignedHeader, name+" is not signed")
		}
	}
	return components, nil
}

// parseContentDigest gives the digests of the algorithms that are known here; nil when there is none, or for other text (RFC 9530).
func parseContentDigest(text string) map[string]string {
	dictionary, ok := parseDictionary(text)
	if !ok {
		return nil
	}
	var digests map[string]string
	for _, each := range dictionary {
		if each.isList || each.bare.kind != "bytes" {
			return nil
		}
		if digestOf[each.name] == nil {
			continue
		}
		if digests == nil {
			digests = map[string]string{}
		}
		digests[each.name] = each.bare.value
	}
	return digests
}

// clipped makes a name of printable ASCII fit for a hint.
func clipped(name string) string {
	if len(name) > 64 {
		return name[:64]
	}
	return name
}

// strip removes spaces and tabs at the ends.
func strip(text string) string { return strings.Trim(text, " \t") }

// isPrintable: ASCII without control characters, apart from the tab. A signature base is ASCII, and a header value that is not would be read
// differently by servers in different languages.
func isPrintable(text string) bool {
	for i := 0; i < len(text); i++ {
		if text[i] != '\t' && (text[i] < ' ' || text[i] > '~') {
			return false
		}
	}
	return true
}
