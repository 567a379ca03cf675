package signet

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

var at = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func clock() time.Time { return at }

var orders = Key{ID: "orders", SignKey: "orders-gateway", SignSecret: "Secret-0123456789"}

func newVerifier(t testing.TB, options Options) *Verifier {
	t.Helper()
	if options.Now == nil {
		options.Now = clock
	}
	verifier, err := NewVerifier(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(verifier.Close)
	return verifier
}

// signed is a request as it arrives.
func signed(t testing.TB, key Key, method, target, body string) Head {
	t.Helper()
	head := Head{Method: method, Target: target, Host: "backend.internal", Header: http.Header{}}
	headers, err := Sign(head, []byte(body), key, at)
	if err != nil {
		t.Fatal(err)
	}
	head.Header = headers
	return head
}

func codeOf(err error) Code {
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return refusal.Code
	}
	return ""
}

func expect(t *testing.T, what string, err error, code Code) {
	t.Helper()
	if err != nil && codeOf(err) == "" || codeOf(err) != code {
		t.Errorf("%s: %v, expected %q", what, err, code)
	}
}

func pair(t testing.TB) Key {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	open, _ := x509.MarshalPKIXPublicKey(&private.PublicKey)
	secret, _ := x509.MarshalPKCS8PrivateKey(private)
	return Key{Type: PublicKey, SignKey: base64.StdEncoding.EncodeToString(open), SignSecret: base64.StdEncoding.EncodeToString(secret)}
}

func TestThePublishedExamplesVerify(t *testing.T) {
	const vector = "Vb3_Nk8!Hc6@Wd1#"
	query := "/v1/orders?b=2&a=1&q=%E4%B8%AD+%2B"
	for _, example := range []struct {
		key                               Key
		method, target, host, body, proof string
	}{
		{Key{SignKey: "c9a2f1d0b37e4c58a1f6e0d2b4c8a7e3", SignSecret: "Zk4Wq-9x_T!7sVb2@Lm#Qp5$Rn8%Yt1"}, "POST", "/v1/orders/a%2Fb", "backend.internal", `{"name":"密钥","n":1}`,
			"SDK-HMAC-SHA256 Access=c9a2f1d0b37e4c58a1f6e0d2b4c8a7e3, SignedHeaders=host;x-sdk-date, Signature=e3ac209c663cda2c9e3021c0b753a1b7a20a21e9a1f69cd46b2c44b8c20d056d"},
		{Key{Type: AES, Algorithm: AES128CFB, SignKey: "Jx7+Qm2/Lp9-Rt4=", SignSecret: vector}, "GET", query, "backend.internal:8080", "",
			"SIGNET-AES-128-CFB-MAC Access=7397a4f502330f16d5806966595d60fc, SignedHeaders=host;x-sdk-date, Signature=2e55b68083f63c5b81eb1dcbd6fc931d"},
		{Key{Type: AES, Algorithm: AES256CFB, SignKey: "Jx7+Qm2/Lp9-Rt4=Ys5%Ug0$Ze8#Ia1!", SignSecret: vector}, "GET", query, "backend.internal:8080", "",
			"SIGNET-AES-256-CFB-MAC Access=9529db047f8af0e106596f7ef93970e1, SignedHeaders=host;x-sdk-date, Signature=074324bcf83816c7ec035dffb6efc239"},
	} {
		head := Head{Method: example.method, Target: example.target, Host: example.host, Header: http.Header{"Authorization": {example.proof}, "X-Sdk-Date": {"20260101T000000Z"}}}
		verifier := newVerifier(t, Options{Keys: []Key{example.key}})
		_, err := verifier.Verify(context.Background(), head, []byte(example.body))
		expect(t, example.proof, err, "")
		_, err = verifier.Verify(context.Background(), head, []byte(example.body+" "))
		expect(t, "with another body", err, SignatureMismatch)
	}
}

func TestEachKindOfKeyVerifiesWhatItSigned(t *testing.T) {
	rsaKey := pair(t)
	open := rsaKey
	open.SignSecret = ""
	for name, keys := range map[string][2]Key{
		"hmac":       {orders, orders},
		"basic":      {{Type: Basic, SignKey: "user", SignSecret: "Pa55:word"}, {Type: Basic, SignKey: "user", SignSecret: "Pa55:word"}},
		"public_key": {rsaKey, open},
	} {
		head := signed(t, keys[0], "POST", "/a//b?x=%zz&y", "body")
		verified, err := newVerifier(t, Options{Keys: []Key{keys[1]}}).Verify(context.Background(), head, []byte("body"))
		expect(t, name, err, "")
		if covers := name != "basic"; verified.BodySigned != covers {
			t.Errorf("%s: bodySigned is %v", name, verified.BodySigned)
		}
	}
	if _, err := Sign(Head{Method: "GET", Target: "/", Host: "h"}, nil, open, at); err == nil {
		t.Error("a public key signs")
	}
}

func TestEachRefusalHasItsCode(t *testing.T) {
	verifier := newVerifier(t, Options{Keys: []Key{orders}})
	announcing := func(value string) Head {
		head := signed(t, orders, "POST", "/", "body")
		head.Header.Set("X-Sdk-Content-Sha256", value)
		return head
	}
	with := func(name, value string) Head {
		head := signed(t, orders, "POST", "/", "body")
		head.Header.Set(name, value)
		return head
	}
	proof := signed(t, orders, "POST", "/", "body").Header.Get("Authorization")
	twice := with("X", "")
	twice.Header.Add("Authorization", proof)
	many := strings.Repeat("a;", mostSignedHeaders)
	for what, request := range map[string]struct {
		head Head
		code Code
	}{
		"no header":          {Head{Method: "GET", Target: "/", Header: http.Header{}}, NoAuthorization},
		"unsigned":           {with("Authorization", "unsigned"), NoAuthorization},
		"another scheme":     {with("Authorization", "Bearer x"), Malformed},
		"a long s":           {with("Authorization", strings.Replace(proof, "S", "ſ", 1)), Malformed},
		"half a signature":   {with("Authorization", proof[:len(proof)-1]), Malformed},
		"two signatures":     {twice, Malformed},
		"a date that is not": {with("X-Sdk-Date", "20260230T000000Z"), Malformed},
		"a fraction":         {with("X-Sdk-Date", "20260101T000000.5Z"), Malformed},
		"65 signed headers":  {with("Authorization", strings.Replace(proof, "host;", many, 1)), Malformed},
		"a header twice":     {with("Authorization", strings.Replace(proof, "host;", "host;Host;", 1)), Malformed},
		"a missing header":   {with("Authorization", strings.Replace(proof, "host;", "host;x-gone;", 1)), MissingSignedHeader},
		"an unsigned date":   {with("Authorization", strings.Replace(proof, "host;x-sdk-date", "host", 1)), MissingSignedHeader},
		"an old date":        {with("X-Sdk-Date", "20251231T234459Z"), Skew},
		"another key":        {with("Authorization", strings.Replace(proof, "orders", "other", 1)), UnknownKey},
		"another date":       {with("X-Sdk-Date", "20260101T000001Z"), SignatureMismatch},
		"an unsigned body":   {announcing(UnsignedPayload), BodyUnsigned},
	} {
		_, err := verifier.Verify(context.Background(), request.head, []byte("body"))
		expect(t, what, err, request.code)
	}
}

// The announced hash is signed, and the body is hashed nevertheless.
func TestAnAnnouncedHashIsNotBelieved(t *testing.T) {
	head := Head{Method: "POST", Target: "/", Host: "h", Header: http.Header{}}
	head.Header.Set("X-Sdk-Date", "20260101T000000Z")
	head.Header.Set("X-Sdk-Content-Sha256", sha256Hex([]byte("body")))
	canonical := canonicalRequest("POST", "/", "x-sdk-date:20260101T000000Z\n", "x-sdk-date", sha256Hex([]byte("body")))
	signature := hmacHex([]byte(orders.SignSecret), []byte(stringToSign(hmacScheme.name, "20260101T000000Z", canonical)))
	head.Header.Set("Authorization", "SDK-HMAC-SHA256 Access=orders-gateway, SignedHeaders=x-sdk-date, Signature="+signature)
	verifier := newVerifier(t, Options{Keys: []Key{orders}})
	_, err := verifier.Verify(context.Background(), head, []byte("body"))
	expect(t, "the body that was signed", err, "")
	_, err = verifier.Verify(context.Background(), head, []byte("other"))
	expect(t, "another body", err, BodyHashMismatch)
}

func TestBothSecretsVerifyDuringARotation(t *testing.T) {
	next := orders
	next.SignSecret = "Another-0123456789"
	verifier := newVerifier(t, Options{Keys: []Key{orders, next}})
	for _, key := range []Key{orders, next} {
		_, err := verifier.Verify(context.Background(), signed(t, key, "GET", "/", ""), nil)
		expect(t, key.SignSecret, err, "")
	}
	_, err := newVerifier(t, Options{Keys: []Key{next}}).Verify(context.Background(), signed(t, orders, "GET", "/", ""), nil)
	expect(t, "the old secret after it", err, SignatureMismatch)
}

func TestASecretOfOneSchemeIsNotUsedForAnother(t *testing.T) {
	asBasic := orders
	asBasic.Type = Basic
	_, err := newVerifier(t, Options{Keys: []Key{orders}}).Verify(context.Background(), signed(t, asBasic, "GET", "/", ""), nil)
	expect(t, "an hmac secret as a password", err, UnknownKey)
}

func TestARequestCountsOnceWithAReplayStore(t *testing.T) {
	verifier := newVerifier(t, Options{Keys: []Key{orders}, ReplayStore: &MemoryReplayStore{}})
	head := signed(t, orders, "GET", "/", "")
	_, err := verifier.Verify(context.Background(), head, nil)
	expect(t, "the first", err, "")
	head.Header.Set("Authorization", strings.ReplaceAll(head.Header.Get("Authorization"), "Signature="+signatureOf(head), "Signature="+strings.ToUpper(signatureOf(head))))
	_, err = verifier.Verify(context.Background(), head, nil)
	expect(t, "the same in capitals", err, Replayed)
}

// A client can hold the body open until the request is too old and the store has forgotten the accepted one.
func TestARequestThatBecomesTooOldWhileItsBodyArrivesIsRefused(t *testing.T) {
	now := at
	options := Options{Keys: []Key{orders}, ReplayStore: &MemoryReplayStore{}, Now: func() time.Time { return now }}
	verifier := newVerifier(t, options)
	head := signed(t, orders, "POST", "/", "body")
	_, err := verifier.Verify(context.Background(), head, []byte("body"))
	expect(t, "the first", err, "")
	now = at.Add(DefaultSkew)
	again, refusal := verifier.begin(context.Background(), head)
	if refusal != nil {
		t.Fatal(refusal)
	}
	now = at.Add(DefaultSkew + time.Minute)
	_, err = verifier.Verify(context.Background(), Head{Method: "GET", Target: "/other", Host: head.Host, Header: signedAt(t, now)}, nil)
	expect(t, "another, for which the store is swept", err, "")
	if _, refusal = again.finish(context.Background(), []byte("body")); refusal == nil || refusal.Code != Skew {
		t.Errorf("the repeated one: %v", refusal)
	}
}

func signedAt(t testing.TB, now time.Time) http.Header {
	t.Helper()
	headers, err := Sign(Head{Method: "GET", Target: "/other", Host: "backend.internal"}, nil, orders, now)
	if err != nil {
		t.Fatal(err)
	}
	return headers
}

// storeThat calls a function before it answers.
type storeThat func()

func (s storeThat) Remember(context.Context, string, time.Time, time.Time) (bool, error) {
	s()
	return true, nil
}

func TestTheReplayStoreGetsTheTimeAfterTheBodyAndMayNotTakeTooLong(t *testing.T) {
	now := at
	var given time.Time
	store := &recordingStore{&given}
	verifier := newVerifier(t, Options{Keys: []Key{orders}, ReplayStore: store, Now: func() time.Time { return now }})
	begun, refusal := verifier.begin(context.Background(), signed(t, orders, "GET", "/", ""))
	if refusal != nil {
		t.Fatal(refusal)
	}
	now = at.Add(time.Minute)
	if _, refusal = begun.finish(context.Background(), nil); refusal != nil || !given.Equal(now) {
		t.Error(refusal, given)
	}
	now = at
	slow := storeThat(func() { now = at.Add(DefaultSkew + time.Second) })
	verifier = newVerifier(t, Options{Keys: []Key{orders}, ReplayStore: slow, Now: func() time.Time { return now }})
	_, err := verifier.Verify(context.Background(), signed(t, orders, "GET", "/", ""), nil)
	expect(t, "the store answered after the end of the request", err, Skew)
}

type recordingStore struct{ now *time.Time }

func (s *recordingStore) Remember(_ context.Context, _ string, _, now time.Time) (bool, error) {
	*s.now = now
	return true, nil
}

func TestAKeyIsLookedUpAgainAfterTheBodyAndAfterTheReplayStore(t *testing.T) {
	next, renamed := orders, orders
	next.SignSecret = "Another-0123456789"
	renamed.ID, renamed.Type = "renamed", HMAC
	for what, each := range map[string]struct {
		later []Key
		err   error
		code  Code
	}{
		"the same":       {[]Key{next, orders}, nil, ""},
		"renamed":        {[]Key{renamed}, nil, ""},
		"deleted":        {nil, nil, UnknownKey},
		"another secret": {[]Key{next}, nil, SignatureMismatch},
		"no answer":      {nil, errors.New("no database"), KeysUnavailable},
	} {
		now := []Key{orders}
		var failure error
		change := func() { now, failure = each.later, each.err }
		lookup := func(context.Context, string, string) ([]Key, error) { return now, failure }
		begun, refusal := newVerifier(t, Options{Lookup: lookup}).begin(context.Background(), signed(t, orders, "GET", "/", ""))
		if refusal != nil {
			t.Fatal(refusal)
		}
		change()
		_, refusal = begun.finish(context.Background(), nil)
		expectRefusal(t, what+" while the body arrives", refusal, each.code)

		now, failure = []Key{orders}, nil
		verifier := newVerifier(t, Options{Lookup: lookup, ReplayStore: storeThat(change)})
		_, err := verifier.Verify(context.Background(), signed(t, orders, "GET", "/", ""), nil)
		expect(t, what+" while the store answers", err, each.code)
	}
	// A request that is refused before it reaches the store can be repeated.
	now, asked := []Key{orders}, false
	lookup := func(context.Context, string, string) ([]Key, error) { return now, nil }
	verifier := newVerifier(t, Options{Lookup: lookup, ReplayStore: storeThat(func() { asked = true })})
	begun, refusal := verifier.begin(context.Background(), signed(t, orders, "GET", "/", ""))
	if refusal != nil {
		t.Fatal(refusal)
	}
	now = nil
	if _, refusal = begun.finish(context.Background(), nil); refusal == nil || asked {
		t.Error(refusal, asked)
	}
}

func expectRefusal(t *testing.T, what string, refusal *Refusal, code Code) {
	t.Helper()
	if refusal != nil && refusal.Code != code || refusal == nil && code != "" {
		t.Errorf("%s: %v, expected %q", what, refusal, code)
	}
}

func TestATargetThatAnApplicationReadsDifferentlyIsMalformed(t *testing.T) {
	verifier := newVerifier(t, Options{Keys: []Key{orders}})
	for _, target := range []string{"/a#b?c=1", "/a?b#c", "/#", "http://h#/admin", "/a\tb", "/a b", "/a?b\x00", "/a\x7f", "/a\r\n", "\t/a", "/a\x1f"} {
		if _, err := Sign(Head{Method: "GET", Target: target, Host: "h"}, nil, orders, at); err == nil {
			t.Errorf("%q is signed", target)
		}
		head := signed(t, orders, "GET", "/", "")
		lines := "host:" + head.Host + "\nx-sdk-date:20260101T000000Z\n"
		canonical := canonicalRequest("GET", target, lines, "host;x-sdk-date", sha256Hex(nil))
		signature := hmacHex([]byte(orders.SignSecret), []byte(stringToSign(hmacScheme.name, "20260101T000000Z", canonical)))
		head.Target = target
		head.Header.Set("Authorization", strings.ReplaceAll(head.Header.Get("Authorization"), signatureOf(head), signature))
		_, err := verifier.Verify(context.Background(), head, nil)
		expect(t, target, err, Malformed)
		head.Header.Set("Authorization", "Basic dXNlcjpwYXNzd29yZA==")
		_, err = verifier.Verify(context.Background(), head, nil)
		expect(t, "Basic, "+target, err, Malformed)
	}
	for _, target := range []string{"/a%23b?c=1", "/a!~", "/\xe9", "http://h?a", "*"} {
		_, err := verifier.Verify(context.Background(), signed(t, orders, "GET", target, ""), nil)
		expect(t, target, err, "")
	}
	if path, _ := splitTarget("http://h#/admin"); path != "#/admin" {
		t.Error(path)
	}
}

// A map that net/http did not fill may contain a name in upper and in lower case.
func TestAHeaderThatIsThereInTwoCasesIsRepeated(t *testing.T) {
	head := signed(t, orders, "GET", "/", "")
	head.Header["authorization"] = []string{head.Header.Get("Authorization")}
	_, err := newVerifier(t, Options{Keys: []Key{orders}}).Verify(context.Background(), head, nil)
	expect(t, "two signatures", err, Malformed)
	value, _ := Head{Header: http.Header{"X-A": {"1", "2"}, "x-a": {"4"}, "x-A": {"3"}, "X-B": {"5"}}}.headers().value("x-a")
	if value != "1, 2, 3, 4" {
		t.Error(value)
	}
}

func TestTheHintOfAFarDateIsExact(t *testing.T) {
	for date, hint := range map[string]string{
		"99991231T235959Z": "X-Sdk-Date is 251635075199 s away from the clock here",
		"01000101T000000Z": "X-Sdk-Date is 60778684800 s away from the clock here",
		"20251231T233000Z": "X-Sdk-Date is 1800 s away from the clock here",
	} {
		head := signed(t, orders, "GET", "/", "")
		head.Header.Set("X-Sdk-Date", date)
		_, err := newVerifier(t, Options{Keys: []Key{orders}}).Verify(context.Background(), head, nil)
		var refusal *Refusal
		if !errors.As(err, &refusal) || refusal.Code != Skew || refusal.Hint != hint {
			t.Error(date, err)
		}
	}
}

func signatureOf(head Head) string {
	_, signature, _ := strings.Cut(head.Header.Get("Authorization"), "Signature=")
	return signature
}

func TestAFullReplayStoreRefusesAndForgetsWhatIsTooOld(t *testing.T) {
	store := &MemoryReplayStore{Limit: 2}
	remember := func(id string, now time.Time) bool {
		fresh, _ := store.Remember(context.Background(), id, at.Add(time.Minute), now)
		return fresh
	}
	if !remember("a", at) || !remember("b", at) || remember("c", at) || remember("a", at) {
		t.Error("the store does not hold two")
	}
	if !remember("c", at.Add(2*time.Minute)) {
		t.Error("the store does not forget")
	}
}

type failingStore struct{}

func (failingStore) Remember(context.Context, string, time.Time, time.Time) (bool, error) {
	return true, errors.New("no store")
}

func TestAFailureRefuses(t *testing.T) {
	head := signed(t, orders, "GET", "/", "")
	_, err := newVerifier(t, Options{Keys: []Key{orders}, ReplayStore: failingStore{}}).Verify(context.Background(), head, nil)
	expect(t, "a replay store that fails", err, StoreUnavailable)
	lookup := func(context.Context, string, string) ([]Key, error) { return []Key{orders}, errors.New("no database") }
	_, err = newVerifier(t, Options{Lookup: lookup}).Verify(context.Background(), head, nil)
	expect(t, "a look-up that fails", err, KeysUnavailable)
	found := func(_ context.Context, id, scheme string) ([]Key, error) {
		if id != "orders-gateway" || scheme != "SDK-HMAC-SHA256" {
			t.Errorf("looked up %s, %s", id, scheme)
		}
		return []Key{{Type: PublicKey, SignKey: "broken"}, orders}, nil
	}
	_, err = newVerifier(t, Options{Lookup: found}).Verify(context.Background(), head, nil)
	expect(t, "an unusable key beside the right one", err, "")
}

func TestOptionsThatCannotWorkAreErrors(t *testing.T) {
	for what, options := range map[string]Options{
		"no keys":            {},
		"two sources":        {Keys: []Key{orders}, Service: &Service{URL: "https://s", InstanceID: "i", Token: "t", Name: "n"}},
		"a key without type": {Keys: []Key{{Type: "x", SignKey: "a", SignSecret: "b"}}},
		"a short rsa key":    {Keys: []Key{{Type: PublicKey, SignKey: "AAAA"}}},
		"an aes key":         {Keys: []Key{{Type: AES, Algorithm: AES128CFB, SignKey: "short", SignSecret: "Vb3_Nk8!Hc6@Wd1#"}}},
		"a negative skew":    {Keys: []Key{orders}, Skew: -1},
		"a token in clear":   {Service: &Service{URL: "http://signet.internal", InstanceID: "i", Token: "t", Name: "n"}},
	} {
		if _, err := NewVerifier(options); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}

func TestNoSecretIsPrintedWhateverTheFormat(t *testing.T) {
	const secret = "whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldY"
	options := Options{Keys: []Key{orders}}
	service := Service{Token: "sgw_secret"}
	webhooks := WebhookOptions{Dialect: XWebhook, Secrets: []string{secret}}
	receiver, err := NewWebhookVerifier(webhooks)
	if err != nil {
		t.Fatal(err)
	}
	lookup := func(context.Context, string, string) ([]Key, error) { return []Key{orders}, nil }
	lookedUp := newVerifier(t, Options{Lookup: lookup})
	if _, err := lookedUp.Verify(context.Background(), signed(t, orders, "GET", "/", ""), nil); err != nil {
		t.Fatal(err)
	}
	verifier := newVerifier(t, options)
	values := []any{options, orders, &orders, service, &service, Options{Service: &service}, verifier, *verifier, lookedUp, webhooks, &webhooks, receiver, *receiver}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X", "% x", "%t", "%c", "%U"} {
		for _, value := range values {
			text := fmt.Sprintf(format, value)
			for _, each := range []string{orders.SignSecret, service.Token, secret} {
				// Fields of bytes and of other types are printed in other forms.
				for _, form := range []string{each, fmt.Sprintf("%x", each), fmt.Sprintf("%X", each), fmt.Sprintf("% x", each), fmt.Sprint([]byte(each)), fmt.Sprintf("%#v", []byte(each))} {
					if strings.Contains(text, strings.Trim(form, "[]")) {
						t.Errorf("%s of a %T: %s", format, value, text)
					}
				}
			}
		}
	}
	for _, nothing := range []any{(*Verifier)(nil), (*WebhookVerifier)(nil), (*Key)(nil), (*Service)(nil), (*WebhookOptions)(nil)} {
		if text := fmt.Sprintf("%v", nothing); text != "<nil>" {
			t.Error(text)
		}
	}
}

func TestExplainNamesTheFirstDifference(t *testing.T) {
	head := signed(t, orders, "GET", "/a?b=1", "")
	here, err := CanonicalRequest(head, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	for signedText, part := range map[string]string{
		strings.Replace(here, "/a/", "/x/", 1):                    "uri",
		strings.Replace(here, "host:backend", "host:other", 1):    "header host",
		strings.Replace(here, sha256Hex(nil), UnsignedPayload, 1): "payload",
	} {
		if difference := Explain(here, signedText); difference == nil || difference.Part != part {
			t.Errorf("%+v is not %s", difference, part)
		}
	}
	if Explain(here, here) != nil {
		t.Error("equal requests differ")
	}
}

func TestNoRequestPanics(t *testing.T) {
	verifier := newVerifier(t, Options{Keys: []Key{orders, {Type: Basic, SignKey: "user", SignSecret: "password"}}})
	texts := []string{"", " ", "%", "\xff", "a=b", "SDK-HMAC-SHA256", "Basic =", "Basic Og==", "é中\x00", "*", "http://h", strings.Repeat("%", 9999)}
	for _, a := range texts {
		for _, b := range texts {
			head := signed(t, orders, "GET", "/", "")
			head.Method, head.Target = a, b
			_, _ = verifier.Verify(context.Background(), head, nil)
			head.Header.Set("Authorization", a+b)
			_, err := verifier.Verify(context.Background(), head, nil)
			if err == nil {
				t.Errorf("%q is accepted", a+b)
			}
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	verifier := newVerifier(b, Options{Keys: []Key{orders}})
	head := signed(b, orders, "POST", "/v1/orders?b=2&a=1", `{"a":1}`)
	for i := 0; i < b.N; i++ {
		if _, err := verifier.Verify(context.Background(), head, []byte(`{"a":1}`)); err != nil {
			b.Fatal(err)
		}
	}
}
