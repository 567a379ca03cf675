package signet

import (
	"bytes"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// arriving is a signed request as a server receives it.
func arriving(t *testing.T, key Key, body string) *http.Request {
	t.Helper()
	request := httptest.NewRequest("POST", "http://backend.internal/a%2Fb?x=1", strings.NewReader(body))
	headers, err := Sign(HeadOf(request), []byte(body), key, at)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range headers {
		request.Header[name] = values
	}
	return request
}

// echo answers with the request that a handler sees.
var echo = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	verified, ok := SignatureOf(r)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
	}
	_, _ = io.WriteString(w, string(body)+"|"+verified.KeyID)
	if !ok {
		_, _ = io.WriteString(w, "|unverified")
	}
})

func serve(handler http.Handler, r *http.Request) *httptest.ResponseRecorder {
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, r)
	return recorder
}

func TestTheHandlerSeesTheBodyThatWasVerified(t *testing.T) {
	handler := newVerifier(t, Options{Keys: []Key{orders}}).Wrap(http.StripPrefix("/a", echo))
	for _, body := range []string{"", `{"a":1}`} {
		answer := serve(newVerifier(t, Options{Keys: []Key{orders}}).Wrap(echo), arriving(t, orders, body))
		if answer.Code != 200 || answer.Body.String() != body+"|orders" {
			t.Errorf("%d %s", answer.Code, answer.Body)
		}
	}
	// A change by a router after the verifier does not affect the verification.
	if answer := serve(handler, arriving(t, orders, "x")); answer.Code != 200 {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
	// A change before the verifier does not affect it either.
	wrapped := http.StripPrefix("/a", newVerifier(t, Options{Keys: []Key{orders}}).Wrap(echo))
	if answer := serve(wrapped, arriving(t, orders, "x")); answer.Code != 200 {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
}

func TestARefusedRequestDoesNotReachTheHandler(t *testing.T) {
	verifier := newVerifier(t, Options{Keys: []Key{orders}})
	request := arriving(t, orders, "body")
	request.Body = io.NopCloser(strings.NewReader("other"))
	answer := serve(verifier.Wrap(echo), request)
	if answer.Code != 401 || answer.Body.String() != `{"code":"signature_mismatch","hint":"signed with another secret, or changed on the way: compare with explain()"}`+"\n" {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
	if answer.Header().Get("WWW-Authenticate") != "SDK-HMAC-SHA256" || verifier.Stats().Refused[SignatureMismatch] != 1 {
		t.Error(answer.Header(), verifier.Stats())
	}
}

type unreadable struct{ t *testing.T }

func (u unreadable) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

func TestTheBodyOfAnUnknownClientIsNotRead(t *testing.T) {
	other := orders
	other.SignKey = "other-gateway"
	request := arriving(t, other, "")
	request.Body = io.NopCloser(unreadable{t})
	if answer := serve(newVerifier(t, Options{Keys: []Key{orders}}).Wrap(echo), request); answer.Code != 401 {
		t.Error(answer.Code)
	}
}

func TestALongBodyIs413(t *testing.T) {
	verifier := newVerifier(t, Options{Keys: []Key{orders}, HTTP: HTTPOptions{LimitBytes: 4}})
	if answer := serve(verifier.Wrap(echo), arriving(t, orders, "1234")); answer.Code != 200 {
		t.Error(answer.Code)
	}
	answer := serve(verifier.Wrap(echo), arriving(t, orders, "12345"))
	if answer.Code != 413 || answer.Header().Get("Connection") != "close" || !strings.Contains(answer.Body.String(), "the body is longer than 4 bytes") {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
	// A limit that was set before counts as well.
	limited := http.MaxBytesHandler(newVerifier(t, Options{Keys: []Key{orders}}).Wrap(echo), 4)
	if answer := serve(limited, arriving(t, orders, "12345")); answer.Code != 413 {
		t.Error(answer.Code)
	}
	// No unverified byte is passed on, whatever the limit.
	most := newVerifier(t, Options{Keys: []Key{orders}, HTTP: HTTPOptions{LimitBytes: 1<<63 - 1}}).Wrap(echo)
	smuggled := arriving(t, orders, "")
	smuggled.Body = io.NopCloser(strings.NewReader("smuggled"))
	if answer := serve(most, smuggled); answer.Code != 401 {
		t.Error(answer.Code, answer.Body)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("cut off") }

func TestABodyThatIsCutOffIsRefused(t *testing.T) {
	request := arriving(t, orders, "body")
	request.Body = io.NopCloser(io.MultiReader(strings.NewReader("body"), broken{}))
	if answer := serve(newVerifier(t, Options{Keys: []Key{orders}}).Wrap(echo), request); answer.Code != 401 {
		t.Error(answer.Code)
	}
}

// before is a middleware that reads the request before the verifier does.
func before(read func(r *http.Request), next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		read(r)
		next.ServeHTTP(w, r)
	})
}

// form answers with the parsed form that a handler sees.
var form = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	_, _ = io.WriteString(w, r.Form.Encode()+"|"+r.PostForm.Encode())
})

func posted(t *testing.T, signedBody, sentBody string, length int64) *http.Request {
	t.Helper()
	request := arriving(t, orders, signedBody)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Body, request.ContentLength = io.NopCloser(strings.NewReader(sentBody)), length
	return request
}

func TestABodyThatWasReadBeforeIsNotAnEmptyOne(t *testing.T) {
	parse := func(r *http.Request) { _ = r.ParseForm() }
	read := func(r *http.Request) { _, _ = io.ReadAll(r.Body) }
	half := func(r *http.Request) { _, _ = io.ReadFull(r.Body, make([]byte, 5)) }
	parts := func(r *http.Request) { _ = r.ParseMultipartForm(1 << 20) }
	emptied := func(r *http.Request) { r.Body = http.NoBody }
	const sent = "to=me&to=evil"
	for what, each := range map[string]struct {
		read   func(*http.Request)
		signed string
		length int64
	}{
		"parsed":                      {parse, "", int64(len(sent))},
		"read":                        {read, "", int64(len(sent))},
		"half of it":                  {half, "&to=evil", int64(len(sent))},
		"emptied":                     {emptied, "", int64(len(sent))},
		"parsed, of unknown length":   {parse, "", -1},
		"as parts, of unknown length": {parts, "", -1},
	} {
		verifier := newVerifier(t, Options{Keys: []Key{orders}})
		answer := serve(before(each.read, verifier.Wrap(form)), posted(t, each.signed, sent, each.length))
		if answer.Code != 401 || !strings.Contains(answer.Body.String(), `{"code":"malformed","hint":"the body was read before, or ended early"}`) {
			t.Errorf("%s: %d %s", what, answer.Code, answer.Body)
		}
	}
	verifier := newVerifier(t, Options{Keys: []Key{orders}})
	// A middleware that parses the form of a request without a body, or that puts the body back, is harmless.
	if answer := serve(before(parse, verifier.Wrap(form)), posted(t, "", "", 0)); answer.Code != 200 || answer.Body.String() != "x=1|" {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
	// An empty body may have no length.
	if answer := serve(verifier.Wrap(form), posted(t, "", "", -1)); answer.Code != 200 || answer.Body.String() != "x=1|" {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
	back := func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(sent)) }
	if answer := serve(before(back, verifier.Wrap(form)), posted(t, sent, "", int64(len(sent)))); answer.Code != 200 {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
	if answer := serve(verifier.Wrap(verifier.Wrap(form)), posted(t, sent, sent, -1)); answer.Code != 200 || answer.Body.String() != "to=me&to=evil&x=1|to=me&to=evil" {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
}

func TestAHandlerSeesNoFormThatWasParsedFromAnotherBody(t *testing.T) {
	forge := func(r *http.Request) {
		_ = r.ParseForm()
		r.Body = io.NopCloser(strings.NewReader("to=me"))
	}
	verifier := newVerifier(t, Options{Keys: []Key{orders}})
	if answer := serve(before(forge, verifier.Wrap(form)), posted(t, "to=me", "to=xx", 5)); answer.Body.String() != "to=me&x=1|to=me" {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
}

func TestADeliveryWhoseBodyWasReadBeforeIsRefused(t *testing.T) {
	const secret = "whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldY"
	now := at
	verifier, err := NewWebhookVerifier(WebhookOptions{Dialect: Standard, Secrets: []string{secret}, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	deliver := func(read func(*http.Request), signed string) string {
		request := httptest.NewRequest("POST", "/hook", strings.NewReader("{}"))
		request.Header, _ = SignWebhook(Standard, []string{secret}, "msg_1", at.Unix(), []byte(signed))
		return serve(before(read, verifier.Wrap(echo)), request).Body.String()
	}
	if text := deliver(func(r *http.Request) { _, _ = io.ReadAll(r.Body) }, ""); !strings.Contains(text, "the body was read before, or ended early") {
		t.Error(text)
	}
	slow := func(r *http.Request) {
		r.Body = io.NopCloser(&deleting{r.Body, func() { now = at.Add(DefaultTolerance + time.Second) }})
	}
	if text := deliver(slow, "{}"); !strings.Contains(text, `"skew"`) {
		t.Error(text)
	}
}

func TestTheHandlerParsesTheQueryThatWasSigned(t *testing.T) {
	seen := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.URL.Query().Encode()+"|"+r.FormValue("id"))
	})
	verifier := newVerifier(t, Options{Keys: []Key{orders}})
	for what, each := range map[string]struct{ signed, sent, seen string }{
		"nothing special":      {"/a?b=2&id=7", "/a?b=2&id=7", "b=2&id=7|7"},
		"a semicolon":          {"/a?limit=10%3B&id=7", "/a?limit=10;&id=7", "id=7&limit=10%3B|7"},
		"a percent sign":       {"/a?q=%25zz&id=7", "/a?q=%zz&id=7", "id=7&q=%25zz|7"},
		"the last ones":        {"/a?id=7&q=%25%252&r=%41%25", "/a?id=7&q=%%2&r=%41%", "id=7&q=%25%252&r=A%25|7"},
		"both":                 {"/a?id=7&%25%3B=%25%3B1", "/a?id=7&%;=%;1", "%25%3B=%25%3B1&id=7|7"},
		"an absolute target":   {"/a?id=7%3B", "http://backend.internal/a?id=7;", "id=7%3B|7;"},
		"plus and empty pairs": {"/a?&a=+&&b&id=7", "/a?&a=+&&b&id=7", "a=+&b=&id=7|7"},
	} {
		for _, outer := range []func(http.Handler) http.Handler{
			func(h http.Handler) http.Handler { return h },
			// It reads two parameters where the signature covers one.
			http.AllowQuerySemicolons,
			func(h http.Handler) http.Handler {
				return before(func(r *http.Request) { _ = r.FormValue("id") }, h)
			},
		} {
			request := httptest.NewRequest("GET", each.sent, nil)
			request.Host = "backend.internal"
			request.Header = signed(t, orders, "GET", each.signed, "").Header
			original := *request.URL
			answer := serve(outer(verifier.Wrap(seen)), request)
			if answer.Code != 200 || answer.Body.String() != each.seen || *request.URL != original {
				t.Errorf("%s: %d %s", what, answer.Code, answer.Body)
			}
		}
	}
}

func TestTheLogHasTheStartOfALongPath(t *testing.T) {
	var lines bytes.Buffer
	verifier := newVerifier(t, Options{Keys: []Key{orders}, HTTP: HTTPOptions{ReportOnly: true, Logger: log.New(&lines, "", 0)}})
	request := httptest.NewRequest("GET", "/"+strings.Repeat("%C3%A9", 5000), nil)
	request.Method = strings.Repeat("M", 5000)
	serve(verifier.Wrap(echo), request)
	expected := `signet: would refuse "` + strings.Repeat("M", 200) + `" "/` + strings.Repeat("é", 199) + `": no_auth`
	if !strings.HasPrefix(lines.String(), expected) {
		t.Error(lines.String())
	}
}

func TestReportOnlyPassesEverythingAndCountsAndLogs(t *testing.T) {
	var lines bytes.Buffer
	options := HTTPOptions{ReportOnly: true, LimitBytes: 8, Logger: log.New(&lines, "", 0)}
	verifier := newVerifier(t, Options{Keys: []Key{orders}, HTTP: options})
	handler := verifier.Wrap(echo)
	tampered := arriving(t, orders, "body")
	tampered.Body = io.NopCloser(strings.NewReader("other"))
	unsigned := httptest.NewRequest("GET", "/log%0Aforged?token=private", nil)
	for what, each := range map[string]struct {
		request  *http.Request
		expected string
	}{
		"signed":     {arriving(t, orders, "body"), "body|orders"},
		"unsigned":   {unsigned, "||unverified"},
		"tampered":   {tampered, "other||unverified"},
		"a long one": {arriving(t, orders, "123456789"), "123456789||unverified"},
	} {
		if answer := serve(handler, each.request); answer.Code != 200 || answer.Body.String() != each.expected {
			t.Errorf("%s: %d %s", what, answer.Code, answer.Body)
		}
	}
	for i := 0; i < 100; i++ {
		serve(handler, httptest.NewRequest("GET", "/", nil))
	}
	stats := verifier.Stats()
	if stats.Accepted != 1 || stats.Refused[NoAuthorization] != 101 || stats.Refused[SignatureMismatch] != 1 || stats.Refused[TooLarge] != 1 {
		t.Error(stats)
	}
	text := lines.String()
	if !strings.Contains(text, `signet: would refuse "GET" "/log\nforged": no_authorization: there is no authorization header (1 so far)`) || strings.Contains(text, "private") {
		t.Error(text)
	}
	if count := strings.Count(text, "no_authorization"); count > 10 {
		t.Error(count, "lines")
	}
}

func TestWebhooksOfBothDialects(t *testing.T) {
	const old, next = "whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldY", "whsec_YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4"
	const private = "whsk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	const public = "whpk_A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="
	body := []byte(`{"event":"order.created","order_id":"ord_123"}`)
	for _, each := range []struct {
		dialect        Dialect
		signs, accepts []string
		code           Code
	}{
		{XWebhook, []string{old}, []string{old}, ""},
		{XWebhook, []string{next, old}, []string{old}, ""},
		{XWebhook, []string{next}, []string{old}, SignatureMismatch},
		{Standard, []string{old}, []string{next, old}, ""},
		{Standard, []string{private}, []string{public}, ""},
		{Standard, []string{private}, []string{old}, SignatureMismatch},
		{Standard, []string{old}, []string{public}, SignatureMismatch},
	} {
		headers, err := SignWebhook(each.dialect, each.signs, "msg_1", at.Unix(), body)
		if err != nil {
			t.Fatal(err)
		}
		verifier, err := NewWebhookVerifier(WebhookOptions{Dialect: each.dialect, Secrets: each.accepts, Now: clock})
		if err != nil {
			t.Fatal(err)
		}
		verified, err := verifier.Verify(headers, body)
		expect(t, string(each.dialect), err, each.code)
		if covers := err == nil && each.dialect == Standard; (verified.ID == "msg_1") != covers {
			t.Errorf("%s: id %q", each.dialect, verified.ID)
		}
		if each.code != "" {
			continue
		}
		_, err = verifier.Verify(headers, append(body, ' '))
		expect(t, "another body", err, SignatureMismatch)
		late := *verifier
		late.options.Now = func() time.Time { return at.Add(DefaultTolerance + time.Second) }
		_, err = late.Verify(headers, body)
		expect(t, "late", err, Skew)
		_, err = verifier.Verify(http.Header{}, body)
		expect(t, "no headers", err, NoSignature)
	}
}

func TestTheDialectIsTheReceivers(t *testing.T) {
	const secret = "whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldY"
	headers, err := SignWebhook(XWebhook, []string{secret}, "msg_1", at.Unix(), nil)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := NewWebhookVerifier(WebhookOptions{Dialect: Standard, Secrets: []string{secret}, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	_, err = verifier.Verify(headers, nil)
	expect(t, "the weaker dialect", err, NoSignature)
	for _, options := range []WebhookOptions{{Secrets: []string{secret}}, {Dialect: Standard, Secrets: []string{"whpk_AAAA"}}, {Dialect: Standard, Secrets: []string{"whsec_"}}, {Dialect: XWebhook, Secrets: []string{""}}} {
		if _, err := NewWebhookVerifier(options); err == nil {
			t.Errorf("%v is accepted", options.Dialect)
		}
	}
	// A public key, which everybody may know, is no secret for an HMAC.
	open := WebhookOptions{Dialect: XWebhook, Secrets: []string{"whpk_A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="}, Now: clock}
	if _, err := VerifyWebhook(headers, nil, open); !errors.Is(err, ErrUnusableKey) {
		t.Error(err)
	}
	_, err = VerifyWebhook(headers, nil, WebhookOptions{Dialect: XWebhook, Now: clock})
	expect(t, "no secret", err, SignatureMismatch)
}

func TestAWebhookHandlerSeesTheDelivery(t *testing.T) {
	const secret = "whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldY"
	verifier, err := NewWebhookVerifier(WebhookOptions{Dialect: Standard, Secrets: []string{secret}, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	handler := verifier.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		delivery, ok := WebhookOf(r)
		if string(body) != "{}" || !ok || delivery.ID != "msg_1" {
			t.Error(string(body), delivery, ok)
		}
	}))
	deliver := func(body string) int {
		request := httptest.NewRequest("POST", "/hook", strings.NewReader(body))
		request.Header, _ = SignWebhook(Standard, []string{secret}, "msg_1", at.Unix(), []byte("{}"))
		return serve(handler, request).Code
	}
	if deliver("{}") != 200 || deliver("{ }") != 401 || verifier.Stats().Accepted != 1 {
		t.Error(verifier.Stats())
	}
}
