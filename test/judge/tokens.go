// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
)

const (
	tokenKey   = "nsm-client-token"
	expiresKey = "nsm-client-token-expires"
)

type mintWanted struct {
	Identity string `json:"identity"`
	// Subject is the identity's own where it is not said.
	Subject string `json:"subject"`
	// Audience is put into the token as it stands.
	Audience json.RawMessage `json:"audience"`
	// LifetimeMs may be negative; 0 leaves `exp` out.
	LifetimeMs int `json:"lifetimeMs"`
	// Sign is `own`, `stranger` (another key), `none` or `hs256` (with the public key as the secret).
	Sign string `json:"sign"`
}

// mint makes a token, good or bad, as it is told.
func (j *judge) mint(wanted mintWanted) (any, error) {
	who, err := j.identities.get(wanted.Identity)
	if err != nil {
		return nil, err
	}
	svid, err := who.svid.GetX509SVID()
	if err != nil {
		return nil, err
	}
	claims := jwt.MapClaims{"sub": svid.ID.String()}
	if wanted.Subject != "" {
		claims["sub"] = wanted.Subject
	}
	if len(wanted.Audience) > 0 {
		claims["aud"] = wanted.Audience
	}
	if wanted.LifetimeMs != 0 {
		claims["exp"] = time.Now().Add(time.Duration(wanted.LifetimeMs) * time.Millisecond).Unix()
	}
	switch wanted.Sign {
	case "none":
		return jwt.NewWithClaims(jwt.SigningMethodNone, claims).SignedString(jwt.UnsafeAllowNoneSignatureType)
	case "hs256":
		public, err := x509.MarshalPKIXPublicKey(svid.PrivateKey.Public())
		if err != nil {
			return nil, err
		}
		return jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(public)
	case "stranger":
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		return jwt.NewWithClaims(jwt.SigningMethodES256, claims).SignedString(key)
	}
	return jwt.NewWithClaims(jwt.SigningMethodES256, claims).SignedString(svid.PrivateKey)
}

// honest gives each call a token as the Go SDK does: for the peer of its connection.
type honest struct{ source x509svid.Source }

func (h honest) RequireTransportSecurity() bool { return true }

func (h honest) GetRequestMetadata(ctx context.Context, _ ...string) (map[string]string, error) {
	of, _ := peer.FromContext(ctx)
	other, err := certificate(of)
	if err != nil {
		return nil, err
	}
	made, expires, err := h.token(other)
	if err != nil {
		return nil, err
	}
	return map[string]string{tokenKey: made, expiresKey: expires.Format(time.RFC3339Nano)}, nil
}

func (h honest) token(other *x509.Certificate) (string, time.Time, error) {
	svid, err := h.source.GetX509SVID()
	if err != nil {
		return "", time.Time{}, err
	}
	audience, err := x509svid.IDFromCert(other)
	if err != nil {
		return "", time.Time{}, err
	}
	expires := time.Now().Add(10 * time.Minute)
	for _, end := range []time.Time{svid.Certificates[0].NotAfter, other.NotAfter} {
		if end.Before(expires) {
			expires = end
		}
	}
	claims := jwt.RegisteredClaims{
		Subject:   svid.ID.String(),
		Audience:  jwt.ClaimStrings{audience.String()},
		ExpiresAt: jwt.NewNumericDate(expires),
	}
	made, err := jwt.NewWithClaims(jwt.SigningMethodES256, claims).SignedString(svid.PrivateKey)
	return made, expires, err
}

// given is a token as the test wrote it; none is sent where it is empty.
type given struct{ text string }

func (g given) RequireTransportSecurity() bool { return true }

func (g given) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	if g.text == "" {
		return map[string]string{}, nil
	}
	expires := time.Now().Add(10 * time.Minute)
	return map[string]string{tokenKey: g.text, expiresKey: expires.Format(time.RFC3339Nano)}, nil
}

// certificate is what the other end of a connection has shown.
func certificate(of *peer.Peer) (*x509.Certificate, error) {
	if of == nil {
		return nil, errors.New("no peer")
	}
	info, ok := of.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.PeerCertificates) == 0 {
		return nil, errors.New("the peer has shown no certificate")
	}
	return info.State.PeerCertificates[0], nil
}

// checkToken wants what NSM's rules want of a neighbour's token: ES256 by its certificate's key,
// `sub` its ID, `aud` an array that holds ours, `exp` to come and not beyond its certificate.
func checkToken(token string, from *x509.Certificate, audience string) error {
	return checkTokenWith(token, from.PublicKey, func(claims jwt.MapClaims) error {
		id, err := x509svid.IDFromCert(from)
		if err != nil {
			return err
		}
		if subject, _ := claims.GetSubject(); subject != id.String() {
			return fmt.Errorf("sub is %q, the peer is %s", subject, id)
		}
		if expires, err := claims.GetExpirationTime(); err != nil || expires.After(from.NotAfter) {
			return fmt.Errorf("exp is %v, the certificate ends at %s", expires, from.NotAfter)
		}
		heard, ok := claims["aud"].([]any)
		if !ok {
			return fmt.Errorf("aud is no array but %v", claims["aud"])
		}
		if !slices.Contains(heard, any(audience)) {
			return fmt.Errorf("aud is %v, want %s", heard, audience)
		}
		return nil
	})
}

func checkTokenWith(token string, key crypto.PublicKey, more func(jwt.MapClaims) error) error {
	claims := jwt.MapClaims{}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"ES256"}), jwt.WithExpirationRequired())
	if _, err := parser.ParseWithClaims(token, claims, func(*jwt.Token) (any, error) { return key, nil }); err != nil {
		return err
	}
	return more(claims)
}

// checkSignature wants a token by that certificate's key, whomever it is for.
func checkSignature(token string, from *x509.Certificate) error {
	return checkTokenWith(token, from.PublicKey, func(jwt.MapClaims) error { return nil })
}

// checkChain wants each token's audience to hold the next one's subject, and none to have expired.
func checkChain(segments []tree) error {
	var before []any
	for at, segment := range segments {
		claims := jwt.MapClaims{}
		if _, _, err := jwt.NewParser().ParseUnverified(text(segment, "token"), claims); err != nil {
			return fmt.Errorf("segment %d (%s): %w", at, text(segment, "name"), err)
		}
		if expires, err := claims.GetExpirationTime(); err != nil || expires == nil || expires.Before(time.Now()) {
			return fmt.Errorf("segment %d (%s) has expired: %v", at, text(segment, "name"), expires)
		}
		if at > 0 && !slices.Contains(before, claims["sub"]) {
			return fmt.Errorf("segment %d is by %v, the one before it is for %v", at, claims["sub"], before)
		}
		before, _ = claims["aud"].([]any)
	}
	return nil
}
