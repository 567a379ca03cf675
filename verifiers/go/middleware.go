package signet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"
)

// The maximum number of characters of a path or a method in the log.
const mostLogged = 200

// DefaultLimitBytes is the gateway's own limit for bodies.
const DefaultLimitBytes = 12 << 20

// HTTPOptions configure a middleware.
type HTTPOptions struct {
	// LimitBytes is the largest body that is read for verification. Default: DefaultLimitBytes.
	LimitBytes int64
	// ReportOnly passes every request on, and logs and counts those that would be refused. In their handlers, SignatureOf returns false.
	ReportOnly bool
	// Refuse answers a refused request. Default: the refusal as JSON, with status 401, 413 or 503.
	Refuse func(w http.ResponseWriter, r *http.Request, refusal *Refusal)
	// Logger gets what report-only mode would refuse, and failures to fetch keys. Default: log.Default().
	Logger *log.Logger
}

// Stats are counts since the start. In report-only mode, Refused counts what would be refused.
type Stats struct {
	Accepted uint64
	Refused  map[Code]uint64
}

// Wrap verifies each request before next. The handler can read the body as usual; the signature covers these bytes.
func (v *Verifier) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v.gate.serve(w, r, next, func(read func() ([]byte, *Refusal)) (any, *Refusal) {
			begun, refusal := v.begin(r.Context(), HeadOf(r))
			if refusal != nil {
				return nil, refusal
			}
			body, refusal := read()
			if refusal != nil {
				return nil, refusal
			}
			return asAny(begun.finish(r.Context(), body))
		})
	})
}

func asAny[T any](value T, refusal *Refusal) (any, *Refusal) { return value, refusal }

// Stats are the counts of the middleware.
func (v *Verifier) Stats() Stats { return v.gate.counts() }

// ServeReady answers 200 when the verifier is ready, and 503 otherwise: for a readiness probe.
func (v *Verifier) ServeReady(w http.ResponseWriter, _ *http.Request) {
	if refusal := v.source.ready(); refusal != nil {
		answer(w, http.StatusServiceUnavailable, refusal)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, "{\"ready\":true}\n")
}

type contextKey struct{}

// SignatureOf is the verified signature of a request; false if no middleware accepted one.
func SignatureOf(r *http.Request) (Verified, bool) {
	verified, ok := r.Context().Value(contextKey{}).(Verified)
	return verified, ok
}

// KeyIDOf is the KeyID of the verified signature of a request; empty if no middleware accepted one.
func KeyIDOf(r *http.Request) string {
	verified, _ := SignatureOf(r)
	return verified.KeyID
}

// gate is the common part of the middlewares for requests and for webhooks.
type gate struct {
	options HTTPOptions

	mutex    sync.Mutex
	accepted uint64
	refused  map[Code]uint64
	loggedAt map[Code]time.Time
}

func newGate(options HTTPOptions) *gate {
	if options.LimitBytes <= 0 {
		options.LimitBytes = DefaultLimitBytes
	}
	// One more byte is read.
	if options.LimitBytes == math.MaxInt64 {
		options.LimitBytes--
	}
	if options.Refuse == nil {
		options.Refuse = answerRefusal
	}
	if options.Logger == nil {
		options.Logger = log.Default()
	}
	return &gate{options: options, refused: map[Code]uint64{}, loggedAt: map[Code]time.Time{}}
}

// serve passes on a request that verify accepts. verify gets a function that reads the body.
func (g *gate) serve(w http.ResponseWriter, r *http.Request, next http.Handler, verify func(read func() ([]byte, *Refusal)) (any, *Refusal)) {
	var taken []byte
	var failed error
	original := r.Body
	verified, refusal := verify(func() ([]byte, *Refusal) {
		body, err := g.read(r)
		taken, failed = body, err
		return body, g.bodyRefusal(r, body, err)
	})
	g.count(r, refusal)
	if refusal != nil && !g.options.ReportOnly {
		g.options.Refuse(w, r, refusal)
		return
	}
	ctx := r.Context()
	if refusal == nil {
		ctx = context.WithValue(ctx, contextKey{}, verified)
	}
	passed := r.WithContext(ctx)
	if refusal == nil {
		// A form that was parsed before may be of another body or query.
		passed.Form, passed.PostForm, passed.MultipartForm = nil, nil, nil
		if _, signed := verified.(Verified); signed {
			passed.URL = signedURL(r)
		}
	}
	switch {
	case refusal == nil && taken != nil:
		// The handler gets only the verified bytes.
		passed.Body = &replayedBody{Reader: bytes.NewReader(taken), original: original}
	case taken != nil || failed != nil:
		passed.Body = &replayedBody{Reader: rest(taken, failed, original), original: original}
	}
	next.ServeHTTP(w, passed)
}

// read reads one byte more than the limit at most.
func (g *gate) read(r *http.Request) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	return io.ReadAll(io.LimitReader(r.Body, g.options.LimitBytes+1))
}

// signedURL has the signed query, if net/url would read another query from the received one.
func signedURL(r *http.Request) *url.URL {
	_, query := splitTarget(HeadOf(r).Target)
	signed := asSigned(query)
	if signed == query || r.URL == nil {
		return r.URL
	}
	changed := *r.URL
	changed.RawQuery = signed
	return &changed
}

func (g *gate) bodyRefusal(r *http.Request, body []byte, err error) *Refusal {
	var tooLarge *http.MaxBytesError
	switch limit := g.options.LimitBytes; {
	case errors.As(err, &tooLarge):
		return refuse(TooLarge, "the body is longer than "+strconv.FormatInt(tooLarge.Limit, 10)+" bytes")
	case err != nil:
		return refuse(Malformed, "the body could not be read")
	case int64(len(body)) > limit:
		return refuse(TooLarge, "the body is longer than "+strconv.FormatInt(limit, 10)+" bytes")
	// The handler may use the bytes that were read before, which the signature does not cover.
	case int64(len(body)) < r.ContentLength, len(body) == 0 && r.ContentLength < 0 && isParsed(r):
		return refuse(Malformed, "the body was read before, or ended early")
	}
	return nil
}

func isParsed(r *http.Request) bool {
	return r.Form != nil || r.PostForm != nil || r.MultipartForm != nil
}

// rest is the whole body again: the bytes that were read, then the error or the remaining bytes.
func rest(taken []byte, failed error, original io.Reader) io.Reader {
	if failed != nil {
		return io.MultiReader(bytes.NewReader(taken), failingReader{failed})
	}
	return io.MultiReader(bytes.NewReader(taken), original)
}

type failingReader struct{ err error }

func (f failingReader) Read([]byte) (int, error) { return 0, f.err }

type replayedBody struct {
	io.Reader
	original io.Closer
}

func (b *replayedBody) Close() error { return b.original.Close() }

func (g *gate) counts() Stats {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	refused := make(map[Code]uint64, len(g.refused))
	for code, count := range g.refused {
		refused[code] = count
	}
	return Stats{Accepted: g.accepted, Refused: refused}
}

// count logs what report-only mode would refuse, at most one line per second for each code, because clients decide how many requests there
// are.
func (g *gate) count(r *http.Request, refusal *Refusal) {
	g.mutex.Lock()
	if refusal == nil {
		g.accepted++
		g.mutex.Unlock()
		return
	}
	g.refused[refusal.Code]++
	count := g.refused[refusal.Code]
	now := time.Now()
	due := g.options.ReportOnly && now.Sub(g.loggedAt[refusal.Code]) >= time.Second
	if due {
		g.loggedAt[refusal.Code] = now
	}
	g.mutex.Unlock()
	if due {
		path := ""
		if r.URL != nil {
			path = r.URL.Path
		}
		g.options.Logger.Printf("signet: would refuse %q %q: %s (%d so far)", startOf(r.Method), startOf(path), refusal.Error(), count)
	}
}

// startOf is the part of a client's text that the log shows.
func startOf(text string) string {
	left := mostLogged
	for at := range text {
		if left == 0 {
			return text[:at]
		}
		left--
	}
	return text
}

func (g *gate) log(text string) { g.options.Logger.Print("signet: " + text) }

func answerRefusal(w http.ResponseWriter, _ *http.Request, refusal *Refusal) {
	switch refusal.Code {
	case TooLarge:
		w.Header().Set("Connection", "close")
		answer(w, http.StatusRequestEntityTooLarge, refusal)
	case KeysUnavailable, StoreUnavailable:
		answer(w, http.StatusServiceUnavailable, refusal)
	case NoSignature:
		answer(w, http.StatusUnauthorized, refusal)
	default:
		w.Header().Set("WWW-Authenticate", hmacScheme.name)
		answer(w, http.StatusUnauthorized, refusal)
	}
}

func answer(w http.ResponseWriter, status int, refusal *Refusal) {
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(refusal)
}
