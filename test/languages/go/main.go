// Runs the Go verifier for go.spec.ts: `judge` gives a verdict for each vector of stdin, `sign` signs what stdin asks for, `serve` is a backend
// whose keys come from a service.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	signet "signet-signing"
)

// key is written like the reference implementation's KeyMaterial.
type key struct {
	ID            string `json:"id"`
	SignType      string `json:"signType"`
	SignAlgorithm string `json:"signAlgorithm"`
	SignKey       string `json:"signKey"`
	SignSecret    string `json:"signSecret"`
}

func (k key) material() signet.Key {
	return signet.Key{ID: k.ID, Type: signet.SignType(k.SignType), Algorithm: k.SignAlgorithm, SignKey: k.SignKey, SignSecret: k.SignSecret}
}

type request struct {
	Method  string      `json:"method"`
	Target  string      `json:"target"`
	Headers [][2]string `json:"headers"`
	Body    []byte      `json:"body"`
}

func (r request) header() http.Header {
	header := http.Header{}
	for _, pair := range r.Headers {
		header.Add(pair[0], pair[1])
	}
	return header
}

func (r request) head() signet.Head {
	return signet.Head{Method: r.Method, Target: r.Target, Header: r.header()}
}

type vector struct {
	ID      string          `json:"id"`
	Kind    string          `json:"kind"`
	Dialect signet.Dialect  `json:"dialect"`
	Keys    json.RawMessage `json:"keys"`
	Now     int64           `json:"now"`
	Options struct {
		SkewSeconds          int64  `json:"skewSeconds"`
		ToleranceSeconds     int64  `json:"toleranceSeconds"`
		AllowUnsignedPayload bool   `json:"allowUnsignedPayload"`
		SignatureHeader      string `json:"signatureHeader"`
	} `json:"options"`
	Before  []request `json:"before"`
	Request request   `json:"request"`
}

type answer struct {
	ID       string `json:"id"`
	Code     string `json:"code,omitempty"`
	Hint     string `json:"hint,omitempty"`
	Verified any    `json:"verified,omitempty"`
}

func main() {
	switch os.Args[1] {
	case "judge":
		run(judge)
	case "sign":
		run(sign)
	case "serve":
		serve()
	}
}

// run answers each item of a JSON list.
func run[In, Out any](each func(In) Out) {
	var items []In
	check(json.NewDecoder(os.Stdin).Decode(&items))
	answers := make([]Out, 0, len(items))
	for _, item := range items {
		answers = append(answers, each(item))
	}
	check(json.NewEncoder(os.Stdout).Encode(answers))
}

func judge(v vector) answer {
	now := func() time.Time { return time.Unix(v.Now, 0) }
	var verified any
	var err error
	if v.Kind == "webhook" {
		verified, err = judgeWebhook(v, now)
	} else {
		verified, err = judgeGateway(v, now)
	}
	if refusal, ok := err.(*signet.Refusal); ok {
		return answer{ID: v.ID, Code: string(refusal.Code), Hint: refusal.Hint}
	}
	if err != nil {
		return answer{ID: v.ID, Code: "unusable_key", Hint: err.Error()}
	}
	return answer{ID: v.ID, Verified: verified}
}

func judgeWebhook(v vector, now func() time.Time) (any, error) {
	var secrets []string
	check(json.Unmarshal(v.Keys, &secrets))
	options := signet.WebhookOptions{Dialect: v.Dialect, Secrets: secrets, Now: now, Tolerance: time.Duration(v.Options.ToleranceSeconds) * time.Second}
	return signet.VerifyWebhook(v.Request.header(), v.Request.Body, options)
}

// judgeGateway gives the keys by a look-up, which passes over unusable ones.
func judgeGateway(v vector, now func() time.Time) (any, error) {
	var keys []key
	check(json.Unmarshal(v.Keys, &keys))
	verifier, err := signet.NewVerifier(signet.Options{
		Lookup: func(context.Context, string, string) ([]signet.Key, error) {
			var found []signet.Key
			for _, each := range keys {
				found = append(found, each.material())
			}
			return found, nil
		},
		Now:                  now,
		Skew:                 time.Duration(v.Options.SkewSeconds) * time.Second,
		AllowUnsignedPayload: v.Options.AllowUnsignedPayload,
		SignatureHeader:      v.Options.SignatureHeader,
		ReplayStore:          &signet.MemoryReplayStore{},
	})
	check(err)
	for _, before := range v.Before {
		_, err := verifier.Verify(context.Background(), before.head(), before.Body)
		check(err)
	}
	return verifier.Verify(context.Background(), v.Request.head(), v.Request.Body)
}

type toSign struct {
	Key     *key           `json:"key"`
	Method  string         `json:"method"`
	Target  string         `json:"target"`
	Host    string         `json:"host"`
	Body    []byte         `json:"body"`
	Now     int64          `json:"now"`
	Dialect signet.Dialect `json:"dialect"`
	Secrets []string       `json:"secrets"`
	ID      string         `json:"id"`
}

func sign(it toSign) http.Header {
	if it.Key == nil {
		headers, err := signet.SignWebhook(it.Dialect, it.Secrets, it.ID, it.Now, it.Body)
		check(err)
		return headers
	}
	head := signet.Head{Method: it.Method, Target: it.Target, Host: it.Host}
	headers, err := signet.Sign(head, it.Body, it.Key.material(), time.Unix(it.Now, 0))
	check(err)
	return headers
}

// serve listens on PORT once its keys have arrived, and leaves when it is told to end.
func serve() {
	told, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	verifier, err := signet.NewVerifier(signet.Options{
		Service: &signet.Service{URL: os.Getenv("SERVICE_URL"), InstanceID: os.Getenv("INSTANCE_ID"), Token: os.Getenv("TOKEN"), Name: "orders-backend"},
		HTTP:    signet.HTTPOptions{ReportOnly: os.Getenv("REPORT_ONLY") != ""},
	})
	check(err)
	check(verifier.WaitReady(told))
	app := func(w http.ResponseWriter, r *http.Request) {
		signature, _ := signet.SignatureOf(r)
		body, err := io.ReadAll(r.Body)
		check(err)
		fmt.Fprintf(w, "signed with %s: %s", signature.KeyID, body)
	}
	go func() {
		log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), verifier.Wrap(http.HandlerFunc(app))))
	}()
	<-told.Done()
	verifier.Close()
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
