// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/edwarnicke/grpcfd"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// server is one of NSM's servers: an endpoint, and a registry that remembers what it is told.
type server struct {
	who   *identity
	types *types
	// As the order has it.
	wanted serveWanted
	grpc   *grpc.Server

	lock  sync.Mutex
	calls []tree
	// from is the last connection on which a call came.
	from grpcfd.FDRecver
	// held are connections and registered endpoints and services, by their names.
	held map[string]tree
}

type serveWanted struct {
	Name     string `json:"name"`
	Identity string `json:"identity"`
	// URL to listen on: `unix:///path` or `tcp://ip:port`.
	URL string `json:"url"`
	// Segment is its name in a path.
	Segment string `json:"segment"`
	// Namespace is the file of its network namespace; sent with each answer to a Request.
	Namespace string `json:"namespace"`
	// Mute keeps the descriptor back.
	Mute bool `json:"mute"`
	// Token stands in its segment in place of an honest one.
	Token string `json:"token"`
	// Source and Target are the two addresses of a wire, `ip/32`; none are given where they are empty.
	Source string `json:"source"`
	Target string `json:"target"`
}

// serve listens until it is stopped.
func (j *judge) serve(wanted serveWanted) (any, error) {
	who, err := j.identities.get(wanted.Identity)
	if err != nil {
		return nil, err
	}
	network, address := listenOn(wanted.URL)
	listener, err := net.Listen(network, address)
	if err != nil {
		return nil, err
	}
	config := tlsconfig.MTLSServerConfig(who.svid, who.bundles, tlsconfig.AuthorizeAny())
	config.MinVersion = tls.VersionTLS12
	made := &server{who: who, types: j.types, wanted: wanted, held: map[string]tree{}}
	made.grpc = grpc.NewServer(
		grpc.Creds(grpcfd.TransportCredentials(credentials.NewTLS(config))),
		grpc.UnknownServiceHandler(made.handle))
	go func() { _ = made.grpc.Serve(listener) }()
	j.servers.put(wanted.Name, made)
	return tree{"address": listener.Addr().String()}, nil
}

func (j *judge) stop(wanted named) (any, error) {
	of, err := j.servers.take(wanted.Name)
	if err != nil {
		return nil, err
	}
	of.grpc.Stop()
	return nil, nil
}

// seen is what has come since it was last asked, in order.
func (j *judge) seen(wanted named) (any, error) {
	of, err := j.servers.get(wanted.Name)
	if err != nil {
		return nil, err
	}
	of.lock.Lock()
	defer of.lock.Unlock()
	calls := of.calls
	of.calls = nil
	if calls == nil {
		calls = []tree{}
	}
	return calls, nil
}

// incoming is one call as its handler sees it.
type incoming struct {
	ctx      context.Context
	method   protoreflect.MethodDescriptor
	message  tree
	peer     *x509.Certificate
	token    string
	expires  string
	segments []string
}

func (s *server) handle(_ any, stream grpc.ServerStream) error {
	ctx := stream.Context()
	path, _ := grpc.MethodFromServerStream(stream)
	method, err := s.types.method(path)
	if err != nil {
		return err
	}
	request := dynamicpb.NewMessage(method.Input())
	if err := stream.RecvMsg(request); err != nil {
		return err
	}
	message, err := toTree(request)
	if err != nil {
		return err
	}
	call, err := s.note(ctx, method, message)
	if err != nil {
		return err
	}
	reply := func(value tree) error {
		made, err := s.types.fromTree(method.Output(), value)
		if err != nil {
			return err
		}
		return stream.SendMsg(made)
	}
	return s.answer(call, reply, stream)
}

// note checks the token of a call and remembers it.
func (s *server) note(ctx context.Context, method protoreflect.MethodDescriptor, message tree) (*incoming, error) {
	of, _ := peer.FromContext(ctx)
	shown, err := certificate(of)
	if err != nil {
		return nil, err
	}
	id, err := x509svid.IDFromCert(shown)
	if err != nil {
		return nil, err
	}
	own, err := s.who.svid.GetX509SVID()
	if err != nil {
		return nil, err
	}
	headers, _ := metadata.FromIncomingContext(ctx)
	call := &incoming{ctx: ctx, method: method, message: message, peer: shown}
	call.token, call.expires, call.segments = first(headers, tokenKey), first(headers, expiresKey), headers.Get("path")
	verdict := checkToken(call.token, shown, own.ID.String())
	if verdict == nil {
		_, verdict = time.Parse(time.RFC3339Nano, call.expires)
	}
	said := tree{
		"method":  string(method.FullName()),
		"message": message,
		"peer":    id.String(),
		"serial":  shown.SerialNumber.String(),
		"path":    call.segments,
		"verdict": said(verdict),
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	s.from, _ = grpcfd.FromPeer(of)
	s.calls = append(s.calls, said)
	return call, nil
}

func said(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func first(of metadata.MD, key string) string {
	if found := of.Get(key); len(found) == 1 {
		return found[0]
	}
	return ""
}

type takeWanted struct {
	Server    string `json:"server"`
	URL       string `json:"url"`
	TimeoutMs int    `json:"timeoutMs"`
}

// take waits for a descriptor on the connection of the last call, and says what it leads to.
func (j *judge) take(wanted takeWanted) (any, error) {
	of, err := j.servers.get(wanted.Server)
	if err != nil {
		return nil, err
	}
	of.lock.Lock()
	from := of.from
	of.lock.Unlock()
	if from == nil {
		return nil, errors.New("no call has come over a unix socket")
	}
	ctx, cancel := within(wanted.TimeoutMs)
	defer cancel()
	file, err := received(ctx, from, wanted.URL)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	leads, err := os.Readlink(file.Name())
	return tree{"leadsTo": leads}, err
}

func listenOn(from string) (network, address string) {
	parsed, err := url.Parse(from)
	if err != nil || parsed.Scheme != "unix" {
		return "tcp", parsed.Host
	}
	return "unix", parsed.Path
}

// target is a URL of NSM's as grpc-go dials it.
func target(from string) string {
	network, address := listenOn(from)
	if network == "unix" {
		return "unix:" + address
	}
	return "passthrough:///" + address
}
