package signet

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Dialect is a format of webhook signatures. The receiver sets it, because a sender must not be able to choose the weaker one.
type Dialect string

const (
	// XWebhook: x-webhook-id, x-webhook-timestamp, x-webhook-signature. The signature does not cover the id.
	XWebhook Dialect = "x-webhook"
	// Standard Webhooks: webhook-id, webhook-timestamp, webhook-signature, with HMAC (whsec_) or Ed25519 (whpk_).
	Standard Dialect = "standard"
)

// DefaultTolerance is the largest accepted distance between a webhook's timestamp and now.
const DefaultTolerance = 5 * time.Minute

// The limit bounds the work for a request. Senders use at most two keys.
const mostSignatures = 16

// WebhookOptions of a WebhookVerifier.
type WebhookOptions struct {
	Dialect Dialect
	// Secrets are the accepted secrets: whsec_… or, in the dialect Standard, also whpk_….
	Secrets []string
	// Tolerance is the largest accepted distance between the timestamp and now. Default: DefaultTolerance.
	Tolerance time.Duration
	// Now is the clock. Default: time.Now.
	Now func() time.Time
	// HTTP configures the middleware.
	HTTP HTTPOptions
}

// Format keeps the secrets out of logs, whatever the verb.
func (o WebhookOptions) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "signet.WebhookOptions{"+string(o.Dialect)+"}")
}

// WebhookVerified is a valid delivery.
type WebhookVerified struct {
	// ID is empty in the dialect XWebhook, whose signature does not cover it.
	ID        string `json:"id,omitempty"`
	Timestamp int64  `json:"timestamp"`
}

// WebhookVerifier verifies deliveries. It is safe for concurrent use.
type WebhookVerifier struct {
	options WebhookOptions
	keys    []*webhookKey
	gate    *gate
}

// Format keeps the secrets out of logs, whatever the verb.
func (v WebhookVerifier) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "signet.WebhookVerifier{"+string(v.options.Dialect)+"}")
}

type webhookKey struct {
	// prefix of its signatures: sha256=, or v1, or v1a,
	prefix string
	// sign is nil for a public key.
	sign   func(message []byte) string
	verify func(message []byte, signature string) bool
}

// NewWebhookVerifier parses the secrets, and fails with ErrUnusableKey if one is not a secret of the dialect. Without secrets, everything is refused.
func NewWebhookVerifier(options WebhookOptions) (*WebhookVerifier, error) {
	verifier, err := withoutKeys(options)
	if err != nil {
		return nil, err
	}
	if verifier.keys, err = loadWebhookKeys(options); err != nil {
		return nil, err
	}
	return verifier, nil
}

// VerifyWebhook verifies one delivery. The error is a *Refusal, or describes a fault of the options. For repeated use see
// NewWebhookVerifier.
func VerifyWebhook(header http.Header, body []byte, options WebhookOptions) (WebhookVerified, error) {
	verifier, err := withoutKeys(options)
	if err != nil {
		return WebhookVerified{}, err
	}
	var unusable error
	verified, refusal := verifier.verify(header, func() ([]byte, *Refusal) {
		verifier.keys, unusable = loadWebhookKeys(options)
		return body, nil
	})
	if unusable != nil {
		return WebhookVerified{}, unusable
	}
	if refusal != nil {
		return WebhookVerified{}, refusal
	}
	return verified, nil
}

func withoutKeys(options WebhookOptions) (*WebhookVerifier, error) {
	if options.Dialect != XWebhook && options.Dialect != Standard {
		return nil, errors.New("signet: the dialect of webhooks is XWebhook or Standard")
	}
	if options.Tolerance < 0 {
		return nil, errors.New("signet: Tolerance is negative")
	}
	if options.Tolerance == 0 {
		options.Tolerance = DefaultTolerance
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	return &WebhookVerifier{options: options, gate: newGate(options.HTTP)}, nil
}

// loadWebhookKeys returns no key if one is unusable.
func loadWebhookKeys(options WebhookOptions) ([]*webhookKey, error) {
	var keys []*webhookKey
	for _, secret := range options.Secrets {
		key, err := loadWebhookKey(options.Dialect, secret)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

var (
	webhookID        = regexp.MustCompile(`^[!-\-/-~]+$`)
	webhookTimestamp = regexp.MustCompile(`^[0-9]{1,12}$`)
	webhookKeyText   = regexp.MustCompile(`^[A-Za-z0-9+/]+={0,2}$`)
	webhookPrefix    = regexp.MustCompile(`^wh(?:sec|sk|pk)_`)
)

// Verify verifies one delivery with its raw body. The error is a *Refusal.
func (v *WebhookVerifier) Verify(header http.Header, body []byte) (WebhookVerified, error) {
	verified, refusal := v.verify(header, func() ([]byte, *Refusal) { return body, nil })
	if refusal != nil {
		return WebhookVerified{}, refusal
	}
	return verified, nil
}

func (v *WebhookVerifier) verify(header http.Header, read func() ([]byte, *Refusal)) (WebhookVerified, *Refusal) {
	none := WebhookVerified{}
	prefix := v.options.Dialect.prefix()
	head := Head{Header: header}.headers()
	id, _ := head.value(prefix + "-id")
	timestamp, _ := head.value(prefix + "-timestamp")
	signature, _ := head.value(prefix + "-signature")
	if signature == "" {
		return none, refuse(NoSignature, "there is no "+prefix+"-signature header")
	}
	if !webhookTimestamp.MatchString(timestamp) {
		return none, refuse(Malformed, prefix+"-timestamp is whole seconds since the epoch")
	}
	if v.options.Dialect == Standard && !webhookID.MatchString(id) {
		return none, refuse(Malformed, "webhook-id is visible ASCII without a full stop")
	}
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || v.isFar(seconds) {
		return none, refuse(Skew, prefix+"-timestamp is too far from the clock here")
	}
	body, refusal := read()
	if refusal != nil {
		return none, refusal
	}
	message := v.options.Dialect.signedBytes(id, timestamp, body)
	given := strings.Split(signature, v.options.Dialect.separator())
	if len(given) > mostSignatures {
		given = given[:mostSignatures]
	}
	for _, key := range v.keys {
		for _, each := range given {
			if key.verify(message, trim(each)) {
				// The timestamp is checked again, because the sender may have held the body open.
				if v.isFar(seconds) {
					return none, refuse(Skew, prefix+"-timestamp is too far from the clock here")
				}
				verified := WebhookVerified{Timestamp: seconds}
				if v.options.Dialect == Standard {
					verified.ID = id
				}
				return verified, nil
			}
		}
	}
	return none, refuse(SignatureMismatch, "signed with another secret, or changed on the way")
}

func (v *WebhookVerifier) isFar(timestamp int64) bool {
	now := float64(v.options.Now().UnixMilli()) / 1000
	return math.Abs(now-float64(timestamp)) > v.options.Tolerance.Seconds()
}

// Wrap verifies each delivery before next.
func (v *WebhookVerifier) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v.gate.serve(w, r, next, func(read func() ([]byte, *Refusal)) (any, *Refusal) { return asAny(v.verify(r.Header, read)) })
	})
}

// Stats are the counts of the middleware.
func (v *WebhookVerifier) Stats() Stats { return v.gate.counts() }

// WebhookOf is the verified delivery of a request; false if no middleware accepted one.
func WebhookOf(r *http.Request) (WebhookVerified, bool) {
	verified, ok := r.Context().Value(contextKey{}).(WebhookVerified)
	return verified, ok
}

// SignWebhook returns the headers of one delivery. The newest secret comes first.
func SignWebhook(dialect Dialect, secrets []string, id string, timestamp int64, body []byte) (http.Header, error) {
	if dialect != XWebhook && dialect != Standard {
		return nil, errors.New("signet: the dialect of webhooks is XWebhook or Standard")
	}
	if len(secrets) == 0 {
		return nil, errors.New("signet: a webhook is signed with at least one secret")
	}
	if !webhookID.MatchString(id) || timestamp < 0 {
		return nil, errors.New("signet: a message id is visible ASCII without a full stop, and a timestamp is not negative")
	}
	text := strconv.FormatInt(timestamp, 10)
	message := dialect.signedBytes(id, text, body)
	var signatures []string
	for _, secret := range secrets {
		key, err := loadWebhookKey(dialect, secret)
		if err != nil {
			return nil, err
		}
		if key.sign == nil {
			return nil, unusable("a whpk_ key can only verify")
		}
		signatures = append(signatures, key.prefix+key.sign(message))
	}
	headers := http.Header{}
	headers.Set(dialect.prefix()+"-id", id)
	headers.Set(dialect.prefix()+"-timestamp", text)
	headers.Set(dialect.prefix()+"-signature", strings.Join(signatures, dialect.separator()))
	return headers, nil
}

func (d Dialect) prefix() string {
	if d == Standard {
		return "webhook"
	}
	return "x-webhook"
}

func (d Dialect) separator() string {
	if d == Standard {
		return " "
	}
	return ","
}

func (d Dialect) signedBytes(id, timestamp string, body []byte) []byte {
	start := timestamp + "."
	if d == Standard {
		start = id + "." + start
	}
	return append([]byte(start), body...)
}

func loadWebhookKey(dialect Dialect, secret string) (*webhookKey, error) {
	if dialect == Standard {
		return loadStandardKey(secret)
	}
	if secret == "" {
		return nil, unusable("a webhook secret is not empty")
	}
	if strings.HasPrefix(secret, "whpk_") {
		return nil, unusable("a whpk_ key is for the dialect Standard")
	}
	// The key is the whole text with its prefix.
	sign := func(message []byte) string { return hmacHex([]byte(secret), message) }
	verify := func(message []byte, signature string) bool { return sameHex(signature, "sha256="+sign(message)) }
	return &webhookKey{"sha256=", sign, verify}, nil
}

func loadStandardKey(secret string) (*webhookKey, error) {
	prefix := webhookPrefix.FindString(secret)
	text := secret[len(prefix):]
	if !webhookKeyText.MatchString(text) {
		return nil, unusable("a Standard Webhooks key is base64 after its prefix")
	}
	key := lenientBase64(text)
	switch {
	case prefix == "whsk_" && (len(key) == ed25519.SeedSize || len(key) == ed25519.PrivateKeySize):
		private := ed25519.NewKeyFromSeed(key[:ed25519.SeedSize])
		sign := func(message []byte) string { return base64.StdEncoding.EncodeToString(ed25519.Sign(private, message)) }
		return &webhookKey{"v1a,", sign, ed25519Verify(private.Public().(ed25519.PublicKey))}, nil
	case prefix == "whsk_":
		return nil, unusable("a whsk_ key has 32 or 64 bytes")
	case prefix == "whpk_" && len(key) == ed25519.PublicKeySize:
		return &webhookKey{"v1a,", nil, ed25519Verify(key)}, nil
	case prefix == "whpk_":
		return nil, unusable("a whpk_ key has 32 bytes")
	case len(key) == 0:
		return nil, unusable("a Standard Webhooks key is base64 after its prefix")
	}
	sign := func(message []byte) string { return base64.StdEncoding.EncodeToString(hmacBytes(key, message)) }
	verify := func(message []byte, signature string) bool { return sameText(signature, "v1,"+sign(message)) }
	return &webhookKey{"v1,", sign, verify}, nil
}

func ed25519Verify(key ed25519.PublicKey) func([]byte, string) bool {
	return func(message []byte, signature string) bool {
		if !strings.HasPrefix(signature, "v1a,") {
			return false
		}
		given, ok := strictBase64(signature[len("v1a,"):])
		return ok && ed25519.Verify(key, message, given)
	}
}
