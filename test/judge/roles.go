// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/edwarnicke/grpcfd"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// answer plays the endpoint and the registry, as far as a peer can tell.
func (s *server) answer(call *incoming, reply func(tree) error, stream grpc.ServerStream) error {
	switch string(call.method.Name()) {
	case "Request":
		answer, err := s.request(call)
		if err != nil {
			return err
		}
		return reply(answer)
	case "Close":
		path := branch(call.message, "path")
		s.forget(ownID(path))
		return reply(tree{})
	case "MonitorConnections":
		if err := reply(tree{"type": "INITIAL_STATE_TRANSFER", "connections": s.connections()}); err != nil {
			return err
		}
		<-call.ctx.Done()
		return nil
	case "Register", "Unregister":
		answer, err := s.register(call, stream)
		if err != nil {
			return err
		}
		return reply(answer)
	case "Find":
		return s.find(call, reply)
	case "Check":
		return reply(tree{"status": "SERVING"})
	}
	return fmt.Errorf("the judge has no %s", call.method.FullName())
}

// request answers as an endpoint does: tokens and own segment, addresses, mechanism, its namespace.
func (s *server) request(call *incoming) (tree, error) {
	connection := branch(call.message, "connection")
	path := branch(connection, "path")
	at := number(path, "index")
	segments := list(path, "pathSegments")
	if at >= len(segments) {
		return nil, errors.New("the caller has no segment")
	}
	segments = segments[:at+1]
	segments[at]["token"], segments[at]["expires"] = call.token, call.expires
	own, expires, err := honest{s.who.svid}.token(call.peer)
	if err != nil {
		return nil, err
	}
	if s.wanted.Token != "" {
		own = s.wanted.Token
	} else if err := checkChain(append(segments, tree{"token": own})); err != nil {
		s.complain(err)
	}
	id := fmt.Sprintf("%s-%s", s.wanted.Segment, text(segments[at], "id"))
	segments = append(segments, tree{
		"name": s.wanted.Segment, "id": id, "token": own, "expires": expires.UTC().Format(time.RFC3339Nano),
	})
	path["pathSegments"] = segments
	connection["mechanism"], err = s.mechanism(call, connection)
	if err != nil {
		return nil, err
	}
	if s.wanted.Source != "" {
		ip := branch(branch(connection, "context"), "ipContext")
		ip["srcIpAddrs"], ip["dstIpAddrs"] = []any{s.wanted.Source}, []any{s.wanted.Target}
		ip["srcRoutes"], ip["dstRoutes"] = []any{tree{"prefix": s.wanted.Target}}, []any{tree{"prefix": s.wanted.Source}}
	}
	s.lock.Lock()
	s.held[id] = connection
	s.lock.Unlock()
	return connection, nil
}

// complain adds to the last call's verdict.
func (s *server) complain(err error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	last := s.calls[len(s.calls)-1]
	last["verdict"] = text(last, "verdict") + " chain: " + err.Error()
}

// mechanism is the kernel's, with its own namespace, which goes along beneath TLS.
func (s *server) mechanism(call *incoming, connection tree) (tree, error) {
	chosen, ok := connection["mechanism"].(tree)
	for _, one := range list(call.message, "mechanismPreferences") {
		if !ok && text(one, "type") == "KERNEL" {
			chosen, ok = one, true
		}
	}
	if !ok {
		return nil, errors.New("no KERNEL among the preferences")
	}
	if s.wanted.Namespace == "" {
		return chosen, nil
	}
	name, err := inode(s.wanted.Namespace)
	if err != nil {
		return nil, err
	}
	parameters := branch(chosen, "parameters")
	parameters["inodeURL"] = name
	if text(parameters, "name") == "" {
		parameters["name"] = "judged"
	}
	if sender, ok := grpcfd.FromContext(call.ctx); ok && !s.wanted.Mute {
		sender.SendFilename(s.wanted.Namespace)
	}
	return chosen, nil
}

// step is a segment of the registry's path.
type step struct {
	Token string `json:"token"`
}

// steps is the registry's path, as the Go SDK writes it.
type steps struct {
	Index        int
	PathSegments []step
}

// register keeps an entry and answers with its path, as NSM's registries do.
func (s *server) register(call *incoming, stream grpc.ServerStream) (tree, error) {
	if len(call.segments) != 1 {
		return nil, errors.New("no path in the metadata")
	}
	var path steps
	if err := json.Unmarshal([]byte(call.segments[0]), &path); err != nil {
		return nil, err
	}
	own, expires, err := honest{s.who.svid}.token(call.peer)
	if err != nil {
		return nil, err
	}
	path.PathSegments = append(path.PathSegments[:min(path.Index, len(path.PathSegments))], step{call.token}, step{own})
	text, err := json.Marshal(path)
	if err != nil {
		return nil, err
	}
	if err := stream.SendHeader(metadata.Pairs("path", string(text))); err != nil {
		return nil, err
	}
	if call.method.Name() == "Unregister" {
		s.forget(entryKey(call))
		return tree{}, nil
	}
	if call.method.Parent().Name() == "NetworkServiceEndpointRegistry" {
		if latest := time.Now().Add(time.Minute); latest.Before(expires) {
			expires = latest
		}
		call.message["expirationTime"] = expires.UTC().Format(time.RFC3339Nano)
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	s.held[entryKey(call)] = call.message
	return call.message, nil
}

func entryKey(call *incoming) string {
	return string(call.method.Parent().Name()) + " " + text(call.message, "name")
}

// find tells the entry of the name that is asked for, and goes on for who watches.
func (s *server) find(call *incoming, reply func(tree) error) error {
	field := "networkService"
	if call.method.Parent().Name() == "NetworkServiceEndpointRegistry" {
		field = "networkServiceEndpoint"
	}
	name := text(branch(call.message, field), "name")
	s.lock.Lock()
	found, ok := s.held[string(call.method.Parent().Name())+" "+name]
	s.lock.Unlock()
	if ok {
		if err := reply(tree{field: found}); err != nil {
			return err
		}
	}
	if watch, _ := call.message["watch"].(bool); watch {
		<-call.ctx.Done()
	}
	return nil
}

func (s *server) connections() tree {
	s.lock.Lock()
	defer s.lock.Unlock()
	all := tree{}
	for key, one := range s.held {
		if _, ok := one["mechanism"]; ok {
			all[key] = one
		}
	}
	return all
}

func (s *server) forget(key string) {
	s.lock.Lock()
	defer s.lock.Unlock()
	delete(s.held, key)
}

// ownID is the connection's ID here: of the segment after the caller's.
func ownID(path tree) string {
	segments := list(path, "pathSegments")
	if at := number(path, "index") + 1; at < len(segments) {
		return text(segments[at], "id")
	}
	return ""
}
