// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/x509"
	"net"
	"slices"
	"sync"

	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/proto/spiffe/workload"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// agent is a Workload API by go-spiffe's own messages: what it gives, our client must take.
type agent struct {
	workload.UnimplementedSpiffeWorkloadAPIServer
	grpc *grpc.Server

	lock     sync.Mutex
	response *workload.X509SVIDResponse
	// changed is closed when there is another response.
	changed chan struct{}
	// watchers is how many streams are open.
	watchers int
}

type agentWanted struct {
	Name   string `json:"name"`
	Socket string `json:"socket"`
	// Stop ends it, and its streams.
	Stop bool `json:"stop"`
}

// agent listens; it has nothing to give before `issue`. Of one that runs it tells how many ask it.
func (j *judge) agent(wanted agentWanted) (any, error) {
	if wanted.Stop {
		of, err := j.agents.take(wanted.Name)
		if err != nil {
			return nil, err
		}
		of.grpc.Stop()
		return nil, nil
	}
	if of, err := j.agents.get(wanted.Name); err == nil {
		of.lock.Lock()
		defer of.lock.Unlock()
		return tree{"watchers": of.watchers}, nil
	}
	_, address := listenOn(wanted.Socket)
	listener, err := net.Listen("unix", address)
	if err != nil {
		return nil, err
	}
	made := &agent{grpc: grpc.NewServer(), changed: make(chan struct{})}
	workload.RegisterSpiffeWorkloadAPIServer(made.grpc, made)
	go func() { _ = made.grpc.Serve(listener) }()
	j.agents.put(wanted.Name, made)
	return tree{"watchers": 0}, nil
}

type issueWanted struct {
	leafWanted
	Agent string `json:"agent"`
	// Trust names the roots of each domain; the SVID's own is among them.
	Trust map[string][]string `json:"trust"`
}

// issue gives everybody who asks that agent a new SVID, now.
func (j *judge) issue(wanted issueWanted) (any, error) {
	of, err := j.agents.get(wanted.Agent)
	if err != nil {
		return nil, err
	}
	svid, err := j.leaf(wanted.leafWanted)
	if err != nil {
		return nil, err
	}
	bundles, err := j.trust(wanted.Trust)
	if err != nil {
		return nil, err
	}
	key, err := x509.MarshalPKCS8PrivateKey(svid.PrivateKey)
	if err != nil {
		return nil, err
	}
	own, _ := bundles.Get(svid.ID.TrustDomain())
	one := &workload.X509SVID{
		SpiffeId:    wanted.URIs[0],
		X509Svid:    svid.Certificates[0].Raw,
		X509SvidKey: key,
		Bundle:      der(own),
	}
	response := &workload.X509SVIDResponse{Svids: []*workload.X509SVID{one}, FederatedBundles: map[string][]byte{}}
	for _, bundle := range bundles.Bundles() {
		if bundle != own {
			response.FederatedBundles[bundle.TrustDomain().IDString()] = der(bundle)
		}
	}
	of.lock.Lock()
	defer of.lock.Unlock()
	of.response = response
	close(of.changed)
	of.changed = make(chan struct{})
	return tree{"serial": svid.Certificates[0].SerialNumber.String()}, nil
}

func der(bundle *x509bundle.Bundle) []byte {
	if bundle == nil {
		return nil
	}
	var made [][]byte
	for _, one := range bundle.X509Authorities() {
		made = append(made, one.Raw)
	}
	return slices.Concat(made...)
}

// FetchX509SVID streams what has been issued, as an agent of SPIRE does.
func (a *agent) FetchX509SVID(_ *workload.X509SVIDRequest, stream grpc.ServerStreamingServer[workload.X509SVIDResponse]) error {
	headers, _ := metadata.FromIncomingContext(stream.Context())
	if first(headers, "workload.spiffe.io") != "true" {
		return status.Error(codes.InvalidArgument, "security header missing from request")
	}
	a.watch(1)
	defer a.watch(-1)
	var sent []byte
	for {
		a.lock.Lock()
		response, changed := a.response, a.changed
		a.lock.Unlock()
		switch {
		case response == nil && sent == nil:
			return status.Error(codes.PermissionDenied, "no identity issued")
		case response != nil && !bytes.Equal(sent, response.Svids[0].X509Svid):
			if err := stream.Send(response); err != nil {
				return err
			}
			sent = response.Svids[0].X509Svid
		}
		select {
		case <-changed:
		case <-stream.Context().Done():
			return nil
		}
	}
}

func (a *agent) watch(more int) {
	a.lock.Lock()
	defer a.lock.Unlock()
	a.watchers += more
}
