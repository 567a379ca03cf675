package signet

import (
	"context"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// plane answers like a control plane.
type plane struct {
	*httptest.Server
	mutex   sync.Mutex
	changed chan struct{}
	status  int
	etag    string
	keys    []Key
	asked   []*http.Request
}

func startPlane(t *testing.T, keys ...Key) *plane {
	p := &plane{changed: make(chan struct{}), status: 200}
	p.set(200, "1", keys...)
	p.Server = httptest.NewServer(http.HandlerFunc(p.serve))
	t.Cleanup(p.Close)
	return p
}

func (p *plane) set(status int, etag string, keys ...Key) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.status, p.etag, p.keys = status, `"`+etag+`"`, keys
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *plane) serve(w http.ResponseWriter, r *http.Request) {
	p.mutex.Lock()
	p.asked = append(p.asked, r)
	if r.Method == http.MethodDelete {
		p.mutex.Unlock()
		w.WriteHeader(http.StatusNoContent)
		return
	}
	for p.status == 200 && r.Header.Get("If-None-Match") == p.etag && r.Header.Get("Prefer") != "" {
		changed := p.changed
		p.mutex.Unlock()
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
		p.mutex.Lock()
	}
	defer p.mutex.Unlock()
	if p.status != 200 {
		w.WriteHeader(p.status)
		return
	}
	w.Header().Set("Etag", p.etag)
	type version struct {
		Key    string `json:"sign_key"`
		Secret string `json:"sign_secret"`
	}
	keys := []any{}
	for _, key := range p.keys {
		keys = append(keys, map[string]any{"sign_id": key.ID, "sign_type": "hmac", "sign_algorithm": nil, "versions": []version{{key.SignKey, key.SignSecret}}})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"instance_id": "i1", "revision": 1, "keys": keys})
}

func (p *plane) requests() []*http.Request {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return append([]*http.Request{}, p.asked...)
}

func (p *plane) service() *Service {
	return &Service{URL: p.URL, InstanceID: "i1", Token: "sgw_token", Name: "orders-backend"}
}

var quiet = HTTPOptions{Logger: log.New(io.Discard, "", 0)}

func waitReady(t *testing.T, verifier *Verifier) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := verifier.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
}

func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !condition(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited in vain for: " + what)
		}
	}
}

func verdict(t *testing.T, verifier *Verifier, key Key) Code {
	t.Helper()
	_, err := verifier.Verify(context.Background(), signed(t, key, "GET", "/", ""), nil)
	return codeOf(err)
}

func TestADeletedKeyIsRefusedAndItsReplacementAccepted(t *testing.T) {
	next := Key{ID: "next", SignKey: "next-gateway", SignSecret: "Another-0123456789"}
	p := startPlane(t, orders)
	verifier := newVerifier(t, Options{Service: p.service(), HTTP: quiet})
	waitReady(t, verifier)
	if code := verdict(t, verifier, orders); code != "" {
		t.Fatal(code)
	}
	p.set(200, "2", next)
	until(t, "the deletion", func() bool { return verdict(t, verifier, orders) == UnknownKey })
	if code := verdict(t, verifier, next); code != "" {
		t.Error(code)
	}
	// The keys in use are reported at once, with the name and process that receipts show.
	until(t, "the proof", func() bool {
		asked := p.requests()
		return asked[len(asked)-1].Header.Get("If-None-Match") == `"2"`
	})
	first, last := p.requests()[0], p.requests()[len(p.requests())-1]
	name := first.Header.Get("Signet-Verifier")
	if !strings.HasPrefix(name, "orders-backend/") || len(name) != len("orders-backend/")+16 || last.Header.Get("Signet-Verifier") != name {
		t.Error(name)
	}
	if last.Header.Get("Authorization") != "Bearer sgw_token" || last.Header.Get("Signet-Max-Key-Age") != "300" || last.Header.Get("Prefer") != "wait=20" {
		t.Error(last.Header)
	}
}

func TestAKeyThatEndsWhileTheBodyArrivesIsRefused(t *testing.T) {
	next := orders
	next.SignSecret = "Another-0123456789"
	for code, keys := range map[Code][]Key{UnknownKey: nil, SignatureMismatch: {next}} {
		p := startPlane(t, orders)
		verifier := newVerifier(t, Options{Service: p.service(), HTTP: quiet})
		waitReady(t, verifier)
		request := arriving(t, orders, "body")
		request.Body = io.NopCloser(&deleting{strings.NewReader("body"), func() {
			p.set(200, "2", keys...)
			until(t, "the end", func() bool { return verdict(t, verifier, orders) == code })
		}})
		if answer := serve(verifier.Wrap(echo), request); answer.Code != 401 || !strings.Contains(answer.Body.String(), string(code)) {
			t.Errorf("%d %s", answer.Code, answer.Body)
		}
	}
}

type deleting struct {
	io.Reader
	first func()
}

func (d *deleting) Read(into []byte) (int, error) {
	if d.first != nil {
		d.first()
		d.first = nil
	}
	return d.Reader.Read(into)
}

func TestARefusedTokenDropsTheKeysAndAFailureKeepsThem(t *testing.T) {
	for status, code := range map[int]Code{401: KeysUnavailable, 403: KeysUnavailable, 404: KeysUnavailable, 409: "", 500: "", 503: ""} {
		p := startPlane(t, orders)
		verifier := newVerifier(t, Options{Service: p.service(), HTTP: quiet})
		waitReady(t, verifier)
		p.set(status, "1", orders)
		// The waiting request or the next one gets the new status. One more request shows that the answer was read.
		seen := len(p.requests())
		until(t, "two answers", func() bool { return len(p.requests()) >= seen+2 })
		if given := verdict(t, verifier, orders); given != code {
			t.Errorf("%d: %q", status, given)
		}
		p.set(200, "3", orders)
		until(t, "keys again", func() bool { return verifier.Ready() == nil })
	}
}

func TestNothingIsAcceptedBeforeTheKeysAndAfterTheirAge(t *testing.T) {
	p := startPlane(t, orders)
	p.set(503, "1")
	verifier := newVerifier(t, Options{Service: p.service(), HTTP: quiet})
	if code := verdict(t, verifier, orders); code != KeysUnavailable {
		t.Error(code)
	}
	answer := serve(verifier.Wrap(echo), arriving(t, orders, ""))
	if answer.Code != 503 || answer.Header().Get("Retry-After") != "1" {
		t.Error(answer.Code, answer.Header())
	}
	if answer := serve(http.HandlerFunc(verifier.ServeReady), httptest.NewRequest("GET", "/ready", nil)); answer.Code != 503 {
		t.Error(answer.Code)
	}
	p.set(200, "1", orders)
	waitReady(t, verifier)
	if answer := serve(http.HandlerFunc(verifier.ServeReady), httptest.NewRequest("GET", "/ready", nil)); answer.Code != 200 {
		t.Error(answer.Code)
	}
	p.set(503, "1")
	keys := verifier.source.(*serviceKeys)
	keys.mutex.Lock()
	old := *keys.held
	old.asOf.monotonic -= defaultMaxKeyAge + time.Second
	keys.held = &old
	keys.mutex.Unlock()
	if code := verdict(t, verifier, orders); code != KeysUnavailable || verifier.Ready() == nil {
		t.Error(code)
	}
}

func TestTheAgeIsTheLargerOneByTwoClocks(t *testing.T) {
	then := instantNow()
	hour := instant{then.monotonic + time.Hour, then.wall.Add(time.Hour)}
	for what, now := range map[string]instant{
		"the monotonic clock stood while the machine slept": {then.monotonic, hour.wall},
		"the wall clock was set back":                       {hour.monotonic, then.wall.Add(-time.Hour)},
	} {
		if elapsed := now.since(then); elapsed != time.Hour {
			t.Errorf("%s: %v", what, elapsed)
		}
	}
}

func TestCloseLeavesRefusesAndLeavesNothingRunning(t *testing.T) {
	p := startPlane(t, orders)
	before := runtime.NumGoroutine()
	verifier := newVerifier(t, Options{Service: p.service(), HTTP: quiet})
	waitReady(t, verifier)
	verifier.Close()
	verifier.Close()
	if code := verdict(t, verifier, orders); code != KeysUnavailable {
		t.Error(code)
	}
	asked := p.requests()
	last := asked[len(asked)-1]
	if last.Method != "DELETE" || last.Header.Get("Signet-Verifier") != asked[0].Header.Get("Signet-Verifier") {
		t.Error(last.Method, last.Header)
	}
	if err := verifier.WaitReady(context.Background()); err == nil {
		t.Error("a closed verifier is ready")
	}
	until(t, "the end of every goroutine", func() bool { return runtime.NumGoroutine() <= before })
}

// late answers the waiting request after the client has given up.
type late struct {
	http.RoundTripper
	asked chan struct{}
}

func (l late) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Header.Get("Prefer") == "" {
		return l.RoundTripper.RoundTrip(request)
	}
	close(l.asked)
	<-request.Context().Done()
	time.Sleep(50 * time.Millisecond)
	return l.RoundTripper.RoundTrip(request.Clone(context.Background()))
}

func TestAnAnswerThatArrivesWhileClosingBringsNoKeys(t *testing.T) {
	p := startPlane(t, orders)
	service := p.service()
	asked := make(chan struct{})
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	service.Transport = late{transport, asked}
	verifier := newVerifier(t, Options{Service: service, HTTP: quiet})
	<-asked
	p.set(200, "2", orders)
	verifier.Close()
	keys := verifier.source.(*serviceKeys)
	<-keys.stopped
	if code := verdict(t, verifier, orders); code != KeysUnavailable {
		t.Errorf("%q after the end", code)
	}
}

// Everything is accepted, so receipts must not count this process among those that refuse.
func TestReportOnlyClaimsNothing(t *testing.T) {
	p := startPlane(t, orders)
	options := quiet
	options.ReportOnly = true
	verifier := newVerifier(t, Options{Service: p.service(), HTTP: options})
	waitReady(t, verifier)
	verifier.Close()
	for _, request := range p.requests() {
		header := request.Header
		if request.Method != "GET" || header.Get("Signet-Verifier") != "orders-backend" || header.Get("If-None-Match") != "" || header.Get("Signet-Max-Key-Age") != "" {
			t.Error(request.Method, header)
		}
	}
}

func TestATokenFileIsReadBeforeEachCallAndTheTokenIsNotRedirected(t *testing.T) {
	p := startPlane(t, orders)
	file := filepath.Join(t.TempDir(), "token")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("sgw_old")
	service := p.service()
	service.Token, service.TokenFile = "", file
	verifier := newVerifier(t, Options{Service: service, HTTP: quiet})
	waitReady(t, verifier)
	write("sgw_new")
	p.set(200, "2", orders)
	until(t, "the new token", func() bool {
		asked := p.requests()
		return asked[len(asked)-1].Header.Get("Authorization") == "Bearer sgw_new"
	})

	away := httptest.NewServer(http.RedirectHandler(p.URL, http.StatusTemporaryRedirect))
	defer away.Close()
	seen := len(p.requests())
	redirected := newVerifier(t, Options{Service: &Service{URL: away.URL, InstanceID: "i1", Token: "sgw_redirected", Name: "n"}, HTTP: quiet})
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	if redirected.WaitReady(ctx) == nil {
		t.Error("keys arrived through a redirect")
	}
	for _, request := range p.requests()[seen:] {
		if strings.Contains(request.Header.Get("Authorization"), "redirected") {
			t.Error("the token was sent to another server")
		}
	}
}

func TestAnswersThatAreNoKeysAreNotTaken(t *testing.T) {
	for _, text := range []string{"", "{}", `{"instance_id":"other","keys":[]}`, "<html>"} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Etag", `"1"`)
			_, _ = io.WriteString(w, text)
		}))
		verifier := newVerifier(t, Options{Service: &Service{URL: server.URL, InstanceID: "i1", Token: "t", Name: "n"}, HTTP: quiet})
		keys := verifier.source.(*serviceKeys)
		if _, err := keys.fetch(); err == nil || verifier.Ready() == nil {
			t.Errorf("%q is taken for keys", text)
		}
		server.Close()
	}
}

func TestAServerThatNeverWaitsIsNotAskedInALoop(t *testing.T) {
	p := startPlane(t, orders)
	forgetful := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("If-None-Match")
		p.serve(w, r)
	}))
	defer forgetful.Close()
	service := p.service()
	service.URL = forgetful.URL
	verifier := newVerifier(t, Options{Service: service, HTTP: quiet})
	waitReady(t, verifier)
	until(t, "a second answer", func() bool { return len(p.requests()) >= 2 })
	keys := verifier.source.(*serviceKeys)
	if pause, err := keys.fetch(); err != nil || pause != sameKeysPause {
		t.Error(pause, err)
	}
	if count := len(p.requests()); count > 3 {
		t.Error(count, "requests")
	}
}

func TestOneUnusableKeyDoesNotEndTheOthers(t *testing.T) {
	p := startPlane(t, Key{ID: "broken", SignKey: "broken-gateway"}, orders)
	verifier := newVerifier(t, Options{Service: p.service(), HTTP: quiet})
	waitReady(t, verifier)
	if code := verdict(t, verifier, orders); code != "" {
		t.Error(code)
	}
}
