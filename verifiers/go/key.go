package signet

import (
	"crypto"
	"crypto/aes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// ErrUnusableKey is an invalid key: wrong length, not an RSA key, halves that do not match. The message never contains the key.
var ErrUnusableKey = errors.New("signet: unusable key")

func unusable(why string) error { return fmt.Errorf("%w: %s", ErrUnusableKey, why) }

// SignType is the kind of a key.
type SignType string

const (
	HMAC      SignType = "hmac"
	Basic     SignType = "basic"
	AES       SignType = "aes"
	PublicKey SignType = "public_key"
	// HTTPMessageSignatures is RFC 9421.
	HTTPMessageSignatures SignType = "http-message-signatures"
)

// Ciphers of AES keys.
const (
	AES128CFB = "aes-128-cfb"
	AES256CFB = "aes-256-cfb"
)

// Key is a signature key as the control plane returns it.
type Key struct {
	// ID is reported by verifications. Default: the id in the Authorization header.
	ID string
	// Type of the key. Default: HMAC.
	Type SignType
	// Algorithm is the cipher of an AES key, or the algorithm of an HTTPMessageSignatures key.
	Algorithm string
	// SignKey is the contract's sign_key.
	SignKey string
	// SignSecret is the contract's sign_secret. Verifiers leave it out for PublicKey and Ed25519.
	SignSecret string
}

// String keeps the key out of logs.
func (k Key) String() string { return "signet.Key{" + k.ID + "}" }

// Format keeps the key out of logs, whatever the verb. Package fmt does not ask a Key in an unexported field of another struct.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// loadedKey is a parsed key.
type loadedKey struct {
	scheme   *scheme
	keyID    string
	accessID string
	// of is the key that was parsed.
	of Key
	// sign fails for a key that can only verify.
	sign func(stringToSign string) (string, error)
	// verify takes constant time.
	verify func(stringToSign, signature string) bool
}

// gone is the refusal of a key that is not among the current keys.
func (k *loadedKey) gone(found []*loadedKey) *Refusal {
	for _, each := range found {
		if each.scheme == k.scheme && each.accessID == k.accessID {
			return mismatch
		}
	}
	return unknownKey
}

// scheme is the signature scheme of one kind of key.
type scheme struct {
	// name is the first word of the Authorization header, and of the string to sign.
	name string
	// covers says whether there is a string to sign. Basic sends the secret instead.
	covers bool
	load   func(key Key) (*loadedKey, error)
}

var (
	hmacScheme      = &scheme{"SDK-HMAC-SHA256", true, loadHMAC}
	basicScheme     = &scheme{"Basic", false, loadBasic}
	aes128Scheme    = &scheme{"SIGNET-AES-128-CFB-MAC", true, func(key Key) (*loadedKey, error) { return loadAES(key, 16) }}
	aes256Scheme    = &scheme{"SIGNET-AES-256-CFB-MAC", true, func(key Key) (*loadedKey, error) { return loadAES(key, 32) }}
	publicKeyScheme = &scheme{"SIGNET-RSA-PSS-SHA256", true, loadPublicKey}
)

var schemes = []*scheme{hmacScheme, basicScheme, aes128Scheme, aes256Scheme, publicKeyScheme}

func schemeNamed(name string) *scheme {
	for _, each := range schemes {
		if sameFold(each.name, name) {
			return each
		}
	}
	return nil
}

func schemeOf(key Key) *scheme {
	switch {
	case key.Type == HMAC || key.Type == "":
		return hmacScheme
	case key.Type == Basic:
		return basicScheme
	case key.Type == PublicKey:
		return publicKeyScheme
	case key.Type == AES && key.Algorithm == AES128CFB:
		return aes128Scheme
	case key.Type == AES && key.Algorithm == AES256CFB:
		return aes256Scheme
	case key.Type == HTTPMessageSignatures:
		return messageSchemeNamed(key.Algorithm)
	}
	return nil
}

// load parses a key. Errors never contain the key.
func load(key Key) (*loadedKey, error) {
	scheme := schemeOf(key)
	if scheme == nil || key.SignKey == "" {
		return nil, unusable("a key has a type, its algorithm and a sign key")
	}
	loaded, err := scheme.load(key)
	if err != nil {
		return nil, err
	}
	loaded.scheme = scheme
	loaded.of = key
	loaded.keyID = key.ID
	if loaded.keyID == "" {
		loaded.keyID = loaded.accessID
	}
	return loaded, nil
}

func loadHMAC(key Key) (*loadedKey, error) {
	if key.SignSecret == "" {
		return nil, unusable("an hmac key has a secret")
	}
	secret := []byte(key.SignSecret)
	sum := func(stringToSign string) string { return hmacHex(secret, []byte(stringToSign)) }
	return symmetric(key.SignKey, sum), nil
}

func symmetric(accessID string, sum func(string) string) *loadedKey {
	return &loadedKey{
		accessID: accessID,
		sign:     func(stringToSign string) (string, error) { return sum(stringToSign), nil },
		verify:   func(stringToSign, signature string) bool { return sameHex(signature, sum(stringToSign)) },
	}
}

func loadBasic(key Key) (*loadedKey, error) {
	if key.SignSecret == "" {
		return nil, unusable("a basic key has a secret")
	}
	return &loadedKey{
		accessID: key.SignKey,
		sign:     func(string) (string, error) { return key.SignSecret, nil },
		verify:   func(_, signature string) bool { return sameText(signature, key.SignSecret) },
	}, nil
}

// loadAES makes a MAC from AES-CFB with the key's fixed vector. It encrypts the SHA-256 and one block of zeros, and only the last block is
// sent. That block is E(second block), so the result is a CBC-MAC of three blocks (docs/signing.md).
func loadAES(key Key, keyLength int) (*loadedKey, error) {
	keyBytes, vector := []byte(key.SignKey), []byte(key.SignSecret)
	if len(keyBytes) != keyLength {
		return nil, unusable("the key of " + key.Algorithm + " has another length")
	}
	if len(vector) != aes.BlockSize {
		return nil, unusable("the secret of an aes key, its vector, has 16 bytes")
	}
	cipher, err := aes.NewCipher(keyBytes)
	if err != nil {
		return nil, unusable("the aes key is not usable")
	}
	sum := func(stringToSign string) string {
		digest := sha256.Sum256([]byte(stringToSign))
		var block [aes.BlockSize]byte
		copy(block[:], vector)
		for i := 0; i < 3; i++ {
			cipher.Encrypt(block[:], block[:])
			if i < 2 {
				for at := range block {
					block[at] ^= digest[i*aes.BlockSize+at]
				}
			}
		}
		return hex.EncodeToString(block[:])
	}
	// The sign key is secret, so the header has a value derived from both halves.
	return symmetric(hmacHex(keyBytes, append([]byte("signet aes key id\n"), vector...))[:32], sum), nil
}

const (
	leastRSABits = 2048
	saltBytes    = 32
)

// loadPublicKey reads SPKI and PKCS#8 in base64 DER: RSASSA-PSS with SHA-256, MGF1-SHA-256 and a salt of 32 bytes.
func loadPublicKey(key Key) (*loadedKey, error) {
	parsed, err := x509.ParsePKIXPublicKey(lenientBase64(key.SignKey))
	if err != nil {
		return nil, unusable("the sign key of a public_key pair is base64 DER")
	}
	public, ok := parsed.(*rsa.PublicKey)
	if !ok {
		return nil, unusable("the sign key of a public_key pair is an RSA key")
	}
	if public.N.BitLen() < leastRSABits {
		return nil, unusable("an RSA key has at least 2048 bits")
	}
	var private *rsa.PrivateKey
	if key.SignSecret != "" {
		parsed, err := x509.ParsePKCS8PrivateKey(lenientBase64(key.SignSecret))
		if err != nil {
			return nil, unusable("the secret of a public_key pair is base64 DER")
		}
		if private, ok = parsed.(*rsa.PrivateKey); !ok || !private.PublicKey.Equal(public) {
			return nil, unusable("the halves of this public_key pair do not belong together")
		}
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, unusable("the sign key of a public_key pair is not usable")
	}
	options := &rsa.PSSOptions{SaltLength: saltBytes, Hash: crypto.SHA256}
	return &loadedKey{
		accessID: sha256Hex(der)[:32],
		sign: func(stringToSign string) (string, error) {
			if private == nil {
				return "", unusable("this key has no private half, it can only verify")
			}
			digest := sha256.Sum256([]byte(stringToSign))
			signature, err := rsa.SignPSS(rand.Reader, private, crypto.SHA256, digest[:], options)
			return hex.EncodeToString(signature), err
		},
		verify: func(stringToSign, signature string) bool {
			given, err := hex.DecodeString(signature)
			digest := sha256.Sum256([]byte(stringToSign))
			return err == nil && rsa.VerifyPSS(public, crypto.SHA256, digest[:], given, options) == nil
		},
	}, nil
}

func hmacBytes(key, message []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(message)
	return mac.Sum(nil)
}

func hmacHex(key, message []byte) string { return hex.EncodeToString(hmacBytes(key, message)) }

// sameText compares in constant time. Hashing hides the length of the secret.
func sameText(given, expected string) bool {
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(expected))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// sameHex compares signatures of either case in constant time. Their length is public.
func sameHex(given, expected string) bool {
	return subtle.ConstantTimeCompare([]byte(strings.ToLower(given)), []byte(expected)) == 1
}

// strictBase64 reads padded base64 of the standard alphabet with unused bits of zero, so that each value has exactly one text.
func strictBase64(text string) ([]byte, bool) {
	decoded, err := base64.StdEncoding.Strict().DecodeString(text)
	return decoded, err == nil && !hasLineBreak(text)
}

var notBase64 = regexp.MustCompile(`[^A-Za-z0-9+/]`)

// lenientBase64 reads keys: both alphabets, with or without padding, as the reference implementation does.
func lenientBase64(text string) []byte {
	text, _, _ = strings.Cut(text, "=")
	text = notBase64.ReplaceAllString(strings.NewReplacer("-", "+", "_", "/").Replace(text), "")
	if len(text)%4 == 1 {
		text = text[:len(text)-1]
	}
	decoded, _ := base64.RawStdEncoding.DecodeString(text)
	return decoded
}
