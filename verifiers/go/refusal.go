package signet

// Code says why a request was refused. The first nine are those of every Signet verifier (docs/signing.md).
type Code string

const (
	NoAuthorization     Code = "no_authorization"
	Malformed           Code = "malformed"
	UnknownKey          Code = "unknown_key"
	Skew                Code = "skew"
	MissingSignedHeader Code = "missing_signed_header"
	BodyHashMismatch    Code = "body_hash_mismatch"
	SignatureMismatch   Code = "signature_mismatch"
	BodyUnsigned        Code = "body_unsigned"
	Replayed            Code = "replayed"

	// NoSignature is the code of a webhook without a signature header.
	NoSignature Code = "no_signature"

	// TooLarge: the body is longer than the limit. The middleware answers 413.
	TooLarge Code = "too_large"
	// KeysUnavailable: there are no keys, or they are too old. The middleware answers 503.
	KeysUnavailable Code = "keys_unavailable"
	// StoreUnavailable: the replay store failed. The middleware answers 503.
	StoreUnavailable Code = "store_unavailable"
)

// Refusal is the error of a refused request. The hint helps to configure the sender and never contains a secret.
type Refusal struct {
	Code Code   `json:"code"`
	Hint string `json:"hint"`
}

func (r *Refusal) Error() string { return string(r.Code) + ": " + r.Hint }

func refuse(code Code, hint string) *Refusal { return &Refusal{Code: code, Hint: hint} }
