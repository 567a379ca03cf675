// Package signet verifies requests that a Signet gateway signed, and webhooks that Signet sent. It needs only the standard library. The
// formats are defined in docs/signing.md of Signet; the codes of refusals are those of the other verifiers.
package signet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// DefaultSkew is the largest accepted distance between X-Sdk-Date, or created, and now.
const DefaultSkew = 15 * time.Minute

// Options of a Verifier. Exactly one of Keys, Lookup and Service is set.
type Options struct {
	// Keys is a fixed list. Several keys may have one id during a rotation.
	Keys []Key
	// Lookup finds the keys with an id, for a scheme (the first word of the Authorization header): none if unknown. With an error, the request
	// is refused with KeysUnavailable. It is called again after the body has arrived, and after the ReplayStore has answered, so that a key
	// that was deleted meanwhile is refused.
	Lookup func(ctx context.Context, accessID, scheme string) ([]Key, error)
	// Service fetches the keys of a gateway and keeps them current.
	Service *Service

	// Skew is the largest accepted distance between X-Sdk-Date and now, in either direction. Default: DefaultSkew.
	Skew time.Duration
	// AllowUnsignedPayload accepts requests whose signature does not cover the body.
	AllowUnsignedPayload bool
	// SignatureHeader has the gateway's signature (backend_sign_header). Default: authorization.
	SignatureHeader string
	// ReplayStore accepts each request once. Default: none, so a request may be repeated within the skew.
	ReplayStore ReplayStore
	// Now is the clock. Default: time.Now.
	Now func() time.Time

	// HTTP configures the middleware.
	HTTP HTTPOptions
}

// Verified is a valid signature.
type Verified struct {
	// KeyID is the ID of the key, or the id in the Authorization header if the key has none.
	KeyID string `json:"keyId"`
	// BodySigned is false for UNSIGNED-PAYLOAD and for Basic, where the body may have been changed on the way.
	BodySigned bool `json:"bodySigned"`
	// SignedHeaders are in lower case, in the order of the Authorization header. Do not trust other headers.
	SignedHeaders []string `json:"signedHeaders"`
}

// Verifier verifies requests. It is safe for concurrent use.
type Verifier struct {
	options Options
	source  keySource
	gate    *gate
}

// Format keeps the keys out of logs, whatever the verb.
func (v Verifier) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "signet.Verifier") }

// keySource has the keys of a verifier.
type keySource interface {
	find(ctx context.Context, accessID, scheme string) ([]*loadedKey, *Refusal)
	// still refuses a key that was deleted or got another secret since it was found.
	still(ctx context.Context, key *loadedKey) *Refusal
	ready() *Refusal
	close()
}

// NewVerifier parses a fixed list of keys once, and fails if one of them is not usable. With a Service it starts to fetch keys; call Close.
func NewVerifier(options Options) (*Verifier, error) {
	if options.Skew < 0 {
		return nil, errors.New("signet: Skew is negative")
	}
	if options.Skew == 0 {
		options.Skew = DefaultSkew
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	verifier := &Verifier{options: options, gate: newGate(options.HTTP)}
	var sources []keySource
	if options.Keys != nil {
		fixed := fixedKeys{}
		for _, key := range options.Keys {
			loaded, err := load(key)
			if err != nil {
				return nil, err
			}
			fixed[loaded.accessID] = append(fixed[loaded.accessID], loaded)
		}
		sources = append(sources, fixed)
	}
	if options.Lookup != nil {
		sources = append(sources, &lookedUpKeys{lookup: options.Lookup})
	}
	if options.Service != nil {
		service, err := newServiceKeys(*options.Service, options.HTTP.ReportOnly, verifier.gate.log)
		if err != nil {
			return nil, err
		}
		sources = append(sources, service)
	}
	if len(sources) != 1 {
		return nil, errors.New("signet: a verifier has exactly one of Keys, Lookup and Service")
	}
	verifier.source = sources[0]
	if service, ok := verifier.source.(*serviceKeys); ok {
		service.start()
	}
	return verifier, nil
}

// MustVerifier is NewVerifier for programs that cannot start without it: it panics.
func MustVerifier(options Options) *Verifier {
	verifier, err := NewVerifier(options)
	if err != nil {
		panic(err)
	}
	return verifier
}

// Verify verifies one request with its raw body. The error is a *Refusal.
func (v *Verifier) Verify(ctx context.Context, head Head, body []byte) (Verified, error) {
	begun, refusal := v.begin(ctx, head)
	if refusal != nil {
		return Verified{}, refusal
	}
	verified, refusal := begun.finish(ctx, body)
	if refusal != nil {
		return Verified{}, refusal
	}
	return verified, nil
}

// Ready is nil when requests can be verified; with a Service, when its keys have arrived and are not too old. The error is a *Refusal.
func (v *Verifier) Ready() error {
	if refusal := v.source.ready(); refusal != nil {
		return refusal
	}
	return nil
}

// WaitReady waits until the verifier is ready.
func (v *Verifier) WaitReady(ctx context.Context) error {
	service, ok := v.source.(*serviceKeys)
	if !ok {
		return v.Ready()
	}
	return service.waitReady(ctx)
}

// Close drops the keys of a Service, reports that to the service, and waits until the goroutines of this verifier have ended. All later
// requests are refused.
func (v *Verifier) Close() { v.source.close() }

// begun is a request with valid headers and a known key.
type begun struct {
	verifier      *Verifier
	authorization *authorization
	keys          []*loadedKey
}

var (
	unknownKey = refuse(UnknownKey, "no key goes by this id here")
	mismatch   = refuse(SignatureMismatch, "signed with another secret, or changed on the way: compare with explain()")
)

// begin checks everything that headers show, before the body of an unknown client is read.
func (v *Verifier) begin(ctx context.Context, head Head) (*begun, *Refusal) {
	now := v.options.Now()
	parsed, refusal := parseAuthorization(head, v.options.SignatureHeader)
	if refusal != nil {
		return nil, refusal
	}
	if refusal := parsed.check(now, v.options.Skew, v.options.AllowUnsignedPayload); refusal != nil {
		return nil, refusal
	}
	found, refusal := v.source.find(ctx, parsed.accessID, parsed.scheme.name)
	if refusal != nil {
		return nil, refusal
	}
	keys := parsed.candidates(found)
	if len(keys) == 0 {
		return nil, unknownKey
	}
	return &begun{v, parsed, keys}, nil
}

func (b *begun) finish(ctx context.Context, body []byte) (Verified, *Refusal) {
	text := b.authorization.stringToSign(body)
	var signer *loadedKey
	for _, key := range b.keys {
		if key.verify(text, b.authorization.signature) {
			signer = key
			break
		}
	}
	if signer == nil {
		return Verified{}, mismatch
	}
	if !b.authorization.bodyMatches(body) {
		announced := "X-Sdk-Content-Sha256"
		if b.authorization.message != nil {
			announced = "Content-Digest"
		}
		return Verified{}, refuse(BodyHashMismatch, "the body is not the one that "+announced+" announces")
	}
	// The date is checked again, because the client decides how long its body takes.
	now, refusal := b.still(ctx, signer)
	if refusal != nil {
		return Verified{}, refusal
	}
	if b.verifier.options.ReplayStore != nil && b.authorization.scheme.covers {
		if refusal := b.remember(ctx, signer, text, now); refusal != nil {
			return Verified{}, refusal
		}
		// The date is checked again, because the store may have taken long, and forgets requests that are too old.
		if _, refusal := b.still(ctx, signer); refusal != nil {
			return Verified{}, refusal
		}
	}
	verified := Verified{KeyID: signer.keyID, BodySigned: b.authorization.bodySigned, SignedHeaders: []string{}}
	if names := b.authorization.signedHeaders; names != "" {
		verified.SignedHeaders = strings.Split(strings.ToLower(names), ";")
	}
	return verified, nil
}

// still refuses a request whose key was deleted, or that became too old, since its headers arrived. It returns the time.
func (b *begun) still(ctx context.Context, signer *loadedKey) (time.Time, *Refusal) {
	if refusal := b.verifier.source.still(ctx, signer); refusal != nil {
		return time.Time{}, refusal
	}
	now := b.verifier.options.Now()
	return now, b.authorization.check(now, b.verifier.options.Skew, b.verifier.options.AllowUnsignedPayload)
}

// remember stores the string to sign, because the hexadecimal digits of a signature may have either case. Requests of Basic all look alike
// and are not stored.
func (b *begun) remember(ctx context.Context, signer *loadedKey, text string, now time.Time) *Refusal {
	expiresAt := b.authorization.signedAt.Add(b.verifier.options.Skew)
	fresh, err := b.verifier.options.ReplayStore.Remember(ctx, signer.keyID+" "+b.authorization.replayID(text), expiresAt, now)
	if err != nil {
		return refuse(StoreUnavailable, "the replay store did not answer")
	}
	if !fresh {
		return refuse(Replayed, "this very request was accepted before")
	}
	return nil
}

// fixedKeys are keys by their id in the Authorization header.
type fixedKeys map[string][]*loadedKey

func (f fixedKeys) find(_ context.Context, accessID, _ string) ([]*loadedKey, *Refusal) {
	return f[accessID], nil
}
func (f fixedKeys) still(context.Context, *loadedKey) *Refusal { return nil }
func (f fixedKeys) ready() *Refusal                            { return nil }
func (f fixedKeys) close()                                     {}

// lookedUpKeys parses keys from a look-up, and parses a key again only if it has changed.
type lookedUpKeys struct {
	lookup func(ctx context.Context, accessID, scheme string) ([]Key, error)
	loads  loads
}

func (l *lookedUpKeys) find(ctx context.Context, accessID, scheme string) ([]*loadedKey, *Refusal) {
	keys, err := l.lookup(ctx, accessID, scheme)
	if err != nil {
		var refusal *Refusal
		if errors.As(err, &refusal) {
			return nil, refusal
		}
		return nil, refuse(KeysUnavailable, "the keys could not be looked up")
	}
	var found []*loadedKey
	for _, key := range keys {
		// A key that cannot be loaded cannot have signed.
		if loaded, err := l.loads.load(key); err == nil {
			found = append(found, loaded)
		}
	}
	return found, nil
}

// still looks up the key again. The id of the key may change, but not its secret.
func (l *lookedUpKeys) still(ctx context.Context, key *loadedKey) *Refusal {
	found, refusal := l.find(ctx, key.accessID, key.scheme.name)
	if refusal != nil {
		return refusal
	}
	for _, each := range found {
		if each.scheme == key.scheme && each.of.SignKey == key.of.SignKey && each.of.SignSecret == key.of.SignSecret {
			return nil
		}
	}
	return key.gone(found)
}
func (l *lookedUpKeys) ready() *Refusal { return nil }
func (l *lookedUpKeys) close()          {}

const mostLoads = 1024

// loads caches parsed keys. The zero value is ready.
type loads struct {
	mutex sync.Mutex
	known map[Key]*loadedKey
}

func (l *loads) load(key Key) (*loadedKey, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if loaded := l.known[key]; loaded != nil {
		return loaded, nil
	}
	loaded, err := load(key)
	if err != nil {
		return nil, err
	}
	if l.known == nil || len(l.known) >= mostLoads {
		l.known = map[Key]*loadedKey{}
	}
	l.known[key] = loaded
	return loaded, nil
}
