// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/ecdsa"
	"time"

	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

// identity is who the judge says it is, and whom it believes.
type identity struct {
	svid    x509svid.Source
	bundles x509bundle.Source
}

type identityWanted struct {
	Name string `json:"name"`
	// Socket is a Workload API's, `unix:///path`.
	Socket    string `json:"socket"`
	TimeoutMs int    `json:"timeoutMs"`
}

// identity asks a Workload API, or says what it has been told since.
func (j *judge) identity(wanted identityWanted) (any, error) {
	found, err := j.identities.get(wanted.Name)
	if err != nil {
		ctx, cancel := within(wanted.TimeoutMs)
		defer cancel()
		source, err := workloadapi.NewX509Source(ctx,
			workloadapi.WithClientOptions(workloadapi.WithAddr(wanted.Socket)))
		if err != nil {
			return nil, err
		}
		found = &identity{source, source}
		j.identities.put(wanted.Name, found)
	}
	svid, err := found.svid.GetX509SVID()
	if err != nil {
		return nil, err
	}
	own, err := found.bundles.GetX509BundleForTrustDomain(svid.ID.TrustDomain())
	if err != nil {
		return nil, err
	}
	_, _, verified := x509svid.Verify(svid.Certificates, found.bundles)
	leaf := svid.Certificates[0]
	_, ec := svid.PrivateKey.(*ecdsa.PrivateKey)
	return tree{
		"id":         svid.ID.String(),
		"roots":      len(own.X509Authorities()),
		"chain":      len(svid.Certificates),
		"verifies":   verified == nil,
		"elliptic":   ec,
		"uris":       len(leaf.URIs),
		"serial":     leaf.SerialNumber.String(),
		"notAfterMs": leaf.NotAfter.UnixMilli(),
		"lifetimeMs": leaf.NotAfter.Sub(leaf.NotBefore).Milliseconds(),
	}, nil
}

// bundle of a domain, where this identity believes it.
func (i *identity) bundle(domain string) (*x509bundle.Bundle, error) {
	of, err := spiffeid.TrustDomainFromString(domain)
	if err != nil {
		return nil, err
	}
	return i.bundles.GetX509BundleForTrustDomain(of)
}

// within is a context of that many milliseconds; 0 is ten seconds.
func within(ms int) (context.Context, context.CancelFunc) {
	if ms == 0 {
		ms = 10_000
	}
	return context.WithTimeout(context.Background(), time.Duration(ms)*time.Millisecond)
}
