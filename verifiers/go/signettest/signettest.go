// Package signettest signs as a gateway does, for tests of a backend that has no gateway.
package signettest

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"time"

	signet "signet-signing"
)

// KeyID is reported by the verifier for requests of a Signer.
const KeyID = "test-key"

// Signer signs requests with a key that exists in one test run only. Give the backend under test Key, and nothing else.
type Signer struct {
	Key signet.Key
	// Now is the clock. Default: time.Now. Tests of the date set it.
	Now func() time.Time
}

// New makes a signer with a new key of the type HMAC. For another type, make a Signer with a Key of your own.
func New() *Signer {
	return &Signer{Key: signet.Key{ID: KeyID, Type: signet.HMAC, SignKey: "test-" + random(8), SignSecret: random(32)}}
}

func random(length int) string {
	bytes := make([]byte, length)
	if _, err := rand.Read(bytes); err != nil {
		panic(err)
	}
	return hex.EncodeToString(bytes)
}

// Sign signs a request of httptest.NewRequest or of http.NewRequest, and returns it. It reads the body and puts it back. It panics when the
// request cannot be signed. To test a refusal, change the request after it was signed, or sign it with another signer.
func (s *Signer) Sign(r *http.Request) *http.Request {
	var body []byte
	if r.Body != nil && r.Body != http.NoBody {
		read, err := io.ReadAll(r.Body)
		if err != nil {
			panic(fmt.Sprintf("signettest: the body cannot be read: %v", err))
		}
		_ = r.Body.Close()
		body = read
		r.Body = io.NopCloser(bytes.NewReader(body))
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	}
	head := signet.HeadOf(r)
	// A request for a client has its host in the URL.
	if head.Host == "" {
		head.Host = r.URL.Host
	}
	now := time.Now
	if s.Now != nil {
		now = s.Now
	}
	headers, err := signet.Sign(head, body, s.Key, now())
	if err != nil {
		panic(err)
	}
	for name, values := range headers {
		r.Header[name] = values
	}
	return r
}
