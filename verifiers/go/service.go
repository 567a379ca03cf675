package signet

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Service is the control plane that has the keys, and the credential of this verifier.
type Service struct {
	// URL of the control plane, such as https://signet.internal.
	URL string
	// InstanceID is the gateway.
	InstanceID string
	// Token is a gateway token of the role verifier. TokenFile, read before each call, is used instead if it is set: a renewed token needs no
	// restart.
	Token     string
	TokenFile string
	// Name of this verifier in receipts. Each process adds a random id.
	Name string
	// MaxKeyAge is the age of the last confirmation of the keys from which every request is refused. Receipts rely on it. Whole seconds, from
	// 10 seconds to 30 days. Default: 5 minutes.
	MaxKeyAge time.Duration
	// AllowPlaintext permits http:// to another machine, and sends the token in clear.
	AllowPlaintext bool
	// Transport is used for the calls. Default: a transport of its own with the defaults of net/http.
	Transport http.RoundTripper
}

// String keeps the token out of logs.
func (s Service) String() string { return "signet.Service{" + s.URL + " " + s.InstanceID + "}" }

// Format keeps the token out of logs, whatever the verb.
func (s Service) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

const (
	defaultMaxKeyAge = 5 * time.Minute
	longestWait      = 20 * time.Second
	answerTime       = 5 * time.Second
	firstPause       = 100 * time.Millisecond
	longestPause     = 5 * time.Second
	reportOnlyPause  = 5 * time.Second
	sameKeysPause    = 5 * time.Second
	mostAnswerBytes  = 64 << 20
)

var (
	verifierName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$`)
	noKeysYet    = refuse(KeysUnavailable, "the keys have not arrived yet")
	keysDropped  = refuse(KeysUnavailable, "the control plane refuses to give keys to this verifier")
	keysTooOld   = refuse(KeysUnavailable, "the keys are too old, the control plane does not answer")
	closed       = refuse(KeysUnavailable, "the verifier is closed")
)

// heldKeys are replaced as a whole.
type heldKeys struct {
	etag string
	// byAccessID has parsed keys; the same key stays the same pointer.
	byAccessID map[string][]*loadedKey
	all        map[*loadedKey]bool
	// asOf is the time at which the request was sent that last confirmed the keys.
	asOf instant
}

type serviceKeys struct {
	service    Service
	endpoint   string
	process    string
	reportOnly bool
	client     *http.Client
	log        func(string)

	mutex sync.Mutex
	held  *heldKeys
	// missing says why there are no keys.
	missing *Refusal

	stop    context.CancelFunc
	ctx     context.Context
	stopped chan struct{}
	once    sync.Once
}

func newServiceKeys(service Service, reportOnly bool, log func(string)) (*serviceKeys, error) {
	base, err := url.Parse(strings.TrimRight(service.URL, "/"))
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, errors.New("signet: Service.URL is an http or https URL")
	}
	if base.Scheme == "http" && !service.AllowPlaintext && !isLoopback(base.Hostname()) {
		return nil, errors.New("signet: Service.URL is https, but for this machine itself; AllowPlaintext permits http")
	}
	if service.InstanceID == "" || service.Token == "" && service.TokenFile == "" {
		return nil, errors.New("signet: Service has an InstanceID and a Token or a TokenFile")
	}
	if !verifierName.MatchString(service.Name) {
		return nil, errors.New("signet: Service.Name is 1 to 64 letters, digits, '.', '_', ':' or '-', the first a letter or a digit")
	}
	if service.MaxKeyAge == 0 {
		service.MaxKeyAge = defaultMaxKeyAge
	}
	if service.MaxKeyAge < 10*time.Second || service.MaxKeyAge > 30*24*time.Hour || service.MaxKeyAge%time.Second != 0 {
		return nil, errors.New("signet: Service.MaxKeyAge is whole seconds, from 10 seconds to 30 days")
	}
	id := make([]byte, 12)
	if _, err := rand.Read(id); err != nil {
		return nil, err
	}
	if service.Transport == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.ResponseHeaderTimeout = longestWait + answerTime
		service.Transport = transport
	}
	ctx, stop := context.WithCancel(context.Background())
	return &serviceKeys{
		service:    service,
		endpoint:   base.String() + "/signet/v1/instances/" + url.PathEscape(service.InstanceID) + "/verification-keys",
		process:    base64.RawURLEncoding.EncodeToString(id),
		reportOnly: reportOnly,
		client: &http.Client{
			Transport: service.Transport,
			// The token is for this server alone.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		log:     log,
		missing: noKeysYet,
		ctx:     ctx,
		stop:    stop,
		stopped: make(chan struct{}),
	}, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (s *serviceKeys) start() { go s.run() }

func (s *serviceKeys) find(_ context.Context, accessID, _ string) ([]*loadedKey, *Refusal) {
	held, refusal := s.current()
	if refusal != nil {
		return nil, refusal
	}
	return held.byAccessID[accessID], nil
}

func (s *serviceKeys) still(_ context.Context, key *loadedKey) *Refusal {
	held, refusal := s.current()
	if refusal == nil && !held.all[key] {
		return key.gone(held.byAccessID[key.accessID])
	}
	return refusal
}

func (s *serviceKeys) ready() *Refusal {
	_, refusal := s.current()
	return refusal
}

func (s *serviceKeys) current() (*heldKeys, *Refusal) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.held == nil {
		return nil, s.missing
	}
	if instantNow().since(s.held.asOf) > s.service.MaxKeyAge {
		return nil, keysTooOld
	}
	return s.held, nil
}

// instant is read from both clocks, because the monotonic one may stop while the machine sleeps, and the wall clock can be set.
type instant struct {
	monotonic time.Duration
	wall      time.Time
}

var started = time.Now()

func instantNow() instant {
	return instant{monotonic: time.Since(started), wall: time.Now().Round(0)}
}

// since is the longer of the two times by the two clocks.
func (i instant) since(then instant) time.Duration {
	monotonic, wall := i.monotonic-then.monotonic, i.wall.Sub(then.wall)
	if wall > monotonic {
		return wall
	}
	return monotonic
}

func (s *serviceKeys) waitReady(ctx context.Context) error {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		refusal := s.ready()
		if refusal == nil {
			return nil
		}
		select {
		case <-ticker.C:
		case <-s.ctx.Done():
			return closed
		case <-ctx.Done():
			return fmt.Errorf("%w (%s)", ctx.Err(), refusal.Hint)
		}
	}
}

// close waits for the fetches to end, drops the keys, and only then reports that nothing is accepted any more.
func (s *serviceKeys) close() {
	s.once.Do(func() {
		s.stop()
		<-s.stopped
		s.drop(closed)
		// A report-only verifier shares its name in receipts with other processes, and continues to accept.
		if !s.reportOnly {
			ctx, cancel := context.WithTimeout(context.Background(), answerTime)
			defer cancel()
			if response, err := s.call(ctx, http.MethodDelete, nil, 0); err == nil {
				response.Body.Close()
			}
		}
		s.client.CloseIdleConnections()
	})
}

func (s *serviceKeys) run() {
	defer close(s.stopped)
	pause := firstPause
	failing := ""
	for s.ctx.Err() == nil {
		began := time.Now()
		after, err := s.fetch()
		if s.ctx.Err() != nil {
			return
		}
		if err == nil {
			if failing != "" {
				s.log("the keys arrive again")
			}
			failing, pause = "", firstPause
			// A server that stops answers a wait at once.
			if after == 0 && time.Since(began) < firstPause {
				after = firstPause
			}
			s.sleep(after)
			continue
		}
		// Each reason is logged once, because a failure may last for hours.
		if text := err.Error(); text != failing {
			s.log("the keys could not be fetched: " + text)
			failing = text
		}
		if after < pause {
			after = pause
		}
		s.sleep(after)
		if pause *= 2; pause > longestPause {
			pause = longestPause
		}
	}
}

func (s *serviceKeys) sleep(duration time.Duration) {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.ctx.Done():
	}
}

// fetch sends one request and returns how long to pause. While nothing changes, the server answers at the end of the wait.
func (s *serviceKeys) fetch() (time.Duration, error) {
	s.mutex.Lock()
	held := s.held
	s.mutex.Unlock()
	wait := longestWait
	if third := s.service.MaxKeyAge / 3; third < wait {
		wait = third.Truncate(time.Second)
	}
	if held == nil || s.reportOnly {
		wait = 0
	}
	ctx, cancel := context.WithTimeout(s.ctx, wait+answerTime)
	defer cancel()
	asOf := instantNow()
	response, err := s.call(ctx, http.MethodGet, held, wait)
	if err != nil {
		return 0, withoutURL(err)
	}
	defer response.Body.Close()
	switch {
	case response.StatusCode == http.StatusOK:
		fetched, err := s.read(response, held)
		if err != nil {
			return 0, err
		}
		fetched.asOf = asOf
		s.hold(fetched)
		// A proxy on the way drops If-None-Match, so that a wait would end at once.
		if held != nil && held.etag == fetched.etag {
			return sameKeysPause, nil
		}
	case response.StatusCode == http.StatusNotModified && held != nil:
		confirmed := *held
		// The answer is at least as recent as the request.
		confirmed.asOf = asOf
		s.hold(&confirmed)
	default:
		switch response.StatusCode {
		case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
			s.drop(keysDropped)
		}
		seconds, _ := strconv.Atoi(response.Header.Get("Retry-After"))
		pause := time.Duration(seconds) * time.Second
		if pause < 0 || pause > longestPause {
			pause = longestPause
		}
		return pause, errors.New("the control plane answered " + strconv.Itoa(response.StatusCode))
	}
	if s.reportOnly {
		return reportOnlyPause, nil
	}
	if response.StatusCode == http.StatusOK {
		// The next request shows at once that these keys are in use.
		return time.Nanosecond, nil
	}
	return 0, nil
}

// call makes a request. In report-only mode everything is accepted, so the request claims nothing: it names no process, no keys in use and
// no maximum age.
func (s *serviceKeys) call(ctx context.Context, method string, held *heldKeys, wait time.Duration) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, s.endpoint, nil)
	if err != nil {
		return nil, err
	}
	token := s.service.Token
	if s.service.TokenFile != "" {
		text, err := os.ReadFile(s.service.TokenFile)
		if err != nil {
			return nil, errors.New("the token file cannot be read")
		}
		token = strings.TrimSpace(string(text))
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Signet-Verifier", s.service.Name)
	if !s.reportOnly {
		request.Header.Set("Signet-Verifier", s.service.Name+"/"+s.process)
		request.Header.Set("Signet-Max-Key-Age", strconv.Itoa(int(s.service.MaxKeyAge/time.Second)))
		if held != nil {
			request.Header.Set("If-None-Match", held.etag)
		}
		if wait > 0 {
			request.Header.Set("Prefer", "wait="+strconv.Itoa(int(wait/time.Second)))
		}
	}
	return s.client.Do(request)
}

// withoutURL shortens the error of a call for the log.
func withoutURL(err error) error {
	var failed *url.Error
	if errors.As(err, &failed) {
		return failed.Err
	}
	return err
}

func (s *serviceKeys) read(response *http.Response, held *heldKeys) (*heldKeys, error) {
	bytes, err := io.ReadAll(io.LimitReader(response.Body, mostAnswerBytes+1))
	if err != nil {
		return nil, errors.New("the answer ended early")
	}
	if len(bytes) > mostAnswerBytes {
		return nil, errors.New("the answer is too long")
	}
	var view struct {
		InstanceID string `json:"instance_id"`
		Keys       []struct {
			ID        string `json:"sign_id"`
			Type      string `json:"sign_type"`
			Algorithm string `json:"sign_algorithm"`
			Versions  []struct {
				Key    string `json:"sign_key"`
				Secret string `json:"sign_secret"`
			} `json:"versions"`
		} `json:"keys"`
	}
	etag := response.Header.Get("Etag")
	if err := json.Unmarshal(bytes, &view); err != nil || etag == "" || view.InstanceID != s.service.InstanceID {
		return nil, errors.New("the answer is not one of a control plane")
	}
	known := map[Key]*loadedKey{}
	if held != nil {
		for loaded := range held.all {
			known[loaded.of] = loaded
		}
	}
	next := &heldKeys{etag: etag, byAccessID: map[string][]*loadedKey{}, all: map[*loadedKey]bool{}}
	for _, each := range view.Keys {
		for _, version := range each.Versions {
			key := Key{ID: each.ID, Type: SignType(each.Type), Algorithm: each.Algorithm, SignKey: version.Key, SignSecret: version.Secret}
			if each.Type == "" {
				key.Type = "unknown"
			}
			// Whoever verifies needs no private half.
			if key.Type == PublicKey || key.Algorithm == Ed25519 {
				key.SignSecret = ""
			}
			loaded := known[key]
			if loaded == nil {
				if loaded, err = load(key); err != nil {
					// One unusable key does not affect the other keys.
					s.log("the key " + each.ID + " is not usable: " + err.Error())
					continue
				}
			}
			if !next.all[loaded] {
				next.all[loaded] = true
				next.byAccessID[loaded.accessID] = append(next.byAccessID[loaded.accessID], loaded)
			}
		}
	}
	return next, nil
}

func (s *serviceKeys) hold(next *heldKeys) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.held = next
}

func (s *serviceKeys) drop(reason *Refusal) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.held, s.missing = nil, reason
}
