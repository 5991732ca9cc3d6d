// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/url"
	"time"

	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
)

// root is an authority of the judge's own.
type root struct {
	key         *ecdsa.PrivateKey
	certificate *x509.Certificate
}

type rootWanted struct {
	Name   string `json:"name"`
	Domain string `json:"domain"`
}

// root makes an authority; its certificate is the answer, as PEM.
func (j *judge) root(wanted rootWanted) (any, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{CommonName: "judge " + wanted.Name},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		URIs:                  []*url.URL{{Scheme: "spiffe", Host: wanted.Domain}},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	j.roots.put(wanted.Name, &root{key, made})
	return tree{"pem": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))}, nil
}

// leafWanted is a certificate, good or bad.
type leafWanted struct {
	Root string `json:"root"`
	// URIs are its SANs: one SPIFFE ID in a good one.
	URIs []string `json:"uris"`
	// StartMs and EndMs from now; 0 is a minute ago, in an hour.
	StartMs int `json:"startMs"`
	EndMs   int `json:"endMs"`
	// Authority puts the CA's mark on it, which a leaf must not have.
	Authority bool `json:"authority"`
}

func (j *judge) leaf(wanted leafWanted) (*x509svid.SVID, error) {
	by, err := j.roots.get(wanted.Root)
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{CommonName: "judged"},
		NotBefore:             fromNow(wanted.StartMs, -time.Minute),
		NotAfter:              fromNow(wanted.EndMs, time.Hour),
		IsCA:                  wanted.Authority,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, one := range wanted.URIs {
		uri, err := url.Parse(one)
		if err != nil {
			return nil, err
		}
		template.URIs = append(template.URIs, uri)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.certificate, &key.PublicKey, by.key)
	if err != nil {
		return nil, err
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	// Bad ones have no valid ID, or none at all.
	id, _ := x509svid.IDFromCert(made)
	return &x509svid.SVID{ID: id, Certificates: []*x509.Certificate{made}, PrivateKey: key}, nil
}

type forgeWanted struct {
	leafWanted
	Name string `json:"name"`
	// Trust names the roots it believes, by domain; those of an identity where that is said.
	Trust map[string][]string `json:"trust"`
	As    string              `json:"as"`
}

// forge makes an identity without asking anybody.
func (j *judge) forge(wanted forgeWanted) (any, error) {
	svid, err := j.leaf(wanted.leafWanted)
	if err != nil {
		return nil, err
	}
	if wanted.As != "" {
		like, err := j.identities.get(wanted.As)
		if err != nil {
			return nil, err
		}
		j.identities.put(wanted.Name, &identity{svid, like.bundles})
		return nil, nil
	}
	set, err := j.trust(wanted.Trust)
	if err != nil {
		return nil, err
	}
	j.identities.put(wanted.Name, &identity{svid, set})
	return nil, nil
}

func (j *judge) trust(wanted map[string][]string) (*x509bundle.Set, error) {
	set := x509bundle.NewSet()
	for domain, names := range wanted {
		of, err := spiffeid.TrustDomainFromString(domain)
		if err != nil {
			return nil, err
		}
		bundle := x509bundle.New(of)
		for _, name := range names {
			by, err := j.roots.get(name)
			if err != nil {
				return nil, err
			}
			bundle.AddX509Authority(by.certificate)
		}
		set.Add(bundle)
	}
	return set, nil
}

func fromNow(ms int, otherwise time.Duration) time.Time {
	if ms == 0 {
		return time.Now().Add(otherwise)
	}
	return time.Now().Add(time.Duration(ms) * time.Millisecond)
}

func serial() *big.Int {
	made, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))
	if err != nil {
		panic(err)
	}
	return made
}
