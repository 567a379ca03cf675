package signet

import (
	"encoding/base64"
	"errors"
	"net/http"
	"time"
)

// Sign returns the headers that a gateway sets: Authorization and, but for Basic keys, X-Sdk-Date; for HTTPMessageSignatures keys Signature-Input,
// Signature and Content-Digest. It signs method, target, host and the body. Remove a client's own headers of all these names, and its
// X-Sdk-Content-Sha256.
func Sign(head Head, body []byte, key Key, now time.Time) (http.Header, error) {
	loaded, err := load(key)
	if err != nil {
		return nil, err
	}
	headers := http.Header{}
	if !loaded.scheme.covers {
		secret, err := loaded.sign("")
		if err != nil {
			return nil, err
		}
		headers.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(loaded.accessID+":"+secret)))
		return headers, nil
	}
	if !isVisible(head.Method) || !isVisible(head.Host) {
		return nil, errors.New("signet: method and host are visible ASCII without spaces")
	}
	if !isTarget(head.Target) {
		return nil, errors.New("signet: a request target has no #, space or control character: encode it")
	}
	if messageSchemeNamed(loaded.scheme.name) == loaded.scheme {
		return signMessage(head, body, loaded, now)
	}
	const signedHeaders = "host;x-sdk-date"
	date := now.UTC().Format(dateLayout)
	lines := "host:" + head.Host + "\nx-sdk-date:" + date + "\n"
	canonical := canonicalRequest(head.Method, wireText(head.Target), lines, signedHeaders, sha256Hex(body))
	signature, err := loaded.sign(stringToSign(loaded.scheme.name, date, canonical))
	if err != nil {
		return nil, err
	}
	headers.Set("Authorization", loaded.scheme.name+" Access="+loaded.accessID+", SignedHeaders="+signedHeaders+", Signature="+signature)
	headers.Set("X-Sdk-Date", date)
	return headers, nil
}

func isVisible(text string) bool {
	for i := 0; i < len(text); i++ {
		if text[i] < '!' || text[i] > '~' {
			return false
		}
	}
	return text != ""
}
