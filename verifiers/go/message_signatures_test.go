package signet

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"testing"
	"time"
)

// The vectors of appendix B of RFC 9421.
func TestRFC9421(t *testing.T) {
	var file struct {
		Keys map[string]struct {
			Algorithm string `json:"signAlgorithm"`
			Key       string `json:"signKey"`
			Secret    string `json:"signSecret"`
		} `json:"keys"`
		Signatures []struct {
			Name, Key, Method, Target, Base string
			Headers                         [][2]string
		} `json:"signatures"`
	}
	bytes, err := os.ReadFile("../../test/vectors/rfc9421.json")
	if err != nil {
		t.Skip("the vectors are in the repository of Signet only")
	}
	if err := json.Unmarshal(bytes, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Signatures) != 3 {
		t.Fatal("there are three vectors")
	}
	for _, each := range file.Signatures {
		given := file.Keys[each.Key]
		key := Key{Type: HTTPMessageSignatures, Algorithm: given.Algorithm, SignKey: given.Key, SignSecret: given.Secret}
		loaded, err := load(key)
		if err != nil {
			t.Fatal(err)
		}
		header := http.Header{}
		for _, pair := range each.Headers {
			header.Add(pair[0], pair[1])
		}
		head := Head{Method: each.Method, Target: each.Target, Header: header}.headers()
		host, _ := head.value("host")
		text, _ := head.value("signature-input")
		inputs, ok := parseDictionary(text)
		if !ok {
			t.Fatal(text)
		}
		var components []component
		for _, one := range inputs[0].items {
			value, derived := derivedComponent(one.bare.value, each.Method, host, each.Target)
			if !derived {
				value, _ = head.value(one.bare.value)
			}
			components = append(components, component{one.bare.value, value})
		}
		base := signatureBase(components, signatureParameters(components, inputs[0].parameters))
		if base != each.Base {
			t.Errorf("%s: the base is %q", each.Name, base)
		}
		text, _ = head.value("signature")
		signatures, _ := parseDictionary(text)
		signature := signatures[0].bare.value
		signed, err := loaded.sign(base)
		if err != nil || signed != signature || !loaded.verify(base, signature) || loaded.verify(base+" ", signature) {
			t.Errorf("%s: the signature is %s, %v", each.Name, signed, err)
		}
		// It covers less than the policy, and has no tag of ours.
		verifier := MustVerifier(Options{Keys: []Key{key}, Now: func() time.Time { return time.Unix(1618884473, 0) }})
		_, err = verifier.Verify(context.Background(), Head{Method: each.Method, Target: each.Target, Header: header}, nil)
		if refusal, ok := err.(*Refusal); !ok || refusal.Code != NoAuthorization {
			t.Errorf("%s: %v", each.Name, err)
		}
	}
}

func TestMessageSignatureWithoutItsPrivateHalf(t *testing.T) {
	pair := Key{
		Type: HTTPMessageSignatures, Algorithm: Ed25519,
		SignKey:    "MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=",
		SignSecret: "MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF",
	}
	head := Head{Method: "POST", Target: "/a?b", Host: "Backend.internal:80"}
	headers, err := Sign(head, []byte("body"), pair, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	head.Header = headers
	public := Key{Type: HTTPMessageSignatures, Algorithm: Ed25519, SignKey: pair.SignKey}
	verifier := MustVerifier(Options{Keys: []Key{public}})
	verified, err := verifier.Verify(context.Background(), head, []byte("body"))
	if err != nil || !verified.BodySigned || len(verified.SignedHeaders) != 5 {
		t.Error(verified, err)
	}
	_, err = verifier.Verify(context.Background(), head, []byte("another"))
	if refusal, ok := err.(*Refusal); !ok || refusal.Code != BodyHashMismatch {
		t.Error(err)
	}
	if _, err := Sign(head, nil, public, time.Now()); err == nil {
		t.Error("a public half signs")
	}
}
