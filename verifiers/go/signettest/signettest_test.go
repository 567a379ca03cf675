package signettest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	signet "signet-signing"
	"signet-signing/signettest"
)

func backend(signer *signettest.Signer) http.Handler {
	verifier := signet.MustVerifier(signet.Options{Keys: []signet.Key{signer.Key}})
	return verifier.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = io.WriteString(w, signet.KeyIDOf(r)+" "+string(body))
	}))
}

func answerTo(handler http.Handler, r *http.Request) (int, string) {
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func TestASignedRequestIsAcceptedByABackendWithTheKeyAndByNoOther(t *testing.T) {
	signer := signettest.New()
	order := func() *http.Request {
		return httptest.NewRequest("POST", "/v1/orders?a=1", strings.NewReader(`{"n":1}`))
	}
	if code, text := answerTo(backend(signer), signer.Sign(order())); code != 200 || text != `test-key {"n":1}` {
		t.Error(code, text)
	}
	if code, text := answerTo(backend(signer), order()); code != 401 || !strings.Contains(text, "no_authorization") {
		t.Error(code, text)
	}
	if code, text := answerTo(backend(signettest.New()), signer.Sign(order())); code != 401 || !strings.Contains(text, "unknown_key") {
		t.Error(code, text)
	}
	changed := signer.Sign(order())
	changed.Body = io.NopCloser(strings.NewReader(`{"n":2}`))
	if code, text := answerTo(backend(signer), changed); code != 401 || !strings.Contains(text, "signature_mismatch") {
		t.Error(code, text)
	}
	late := &signettest.Signer{Key: signer.Key, Now: func() time.Time { return time.Now().Add(-time.Hour) }}
	if code, text := answerTo(backend(signer), late.Sign(order())); code != 401 || !strings.Contains(text, "skew") {
		t.Error(code, text)
	}
}

func TestARequestOfAClientIsSignedForTheHostOfItsURL(t *testing.T) {
	signer := signettest.New()
	server := httptest.NewServer(backend(signer))
	defer server.Close()
	for _, body := range []string{`{"n":1}`, ""} {
		r, err := http.NewRequest("POST", server.URL+"/v1/a%2Fb?b=2&a=1", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(signer.Sign(r))
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if response.StatusCode != 200 || string(text) != "test-key "+body {
			t.Error(response.StatusCode, string(text))
		}
	}
}
