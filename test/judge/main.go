// SPDX-License-Identifier: Apache-2.0

// Judge speaks to wanwire's processes with the libraries that NSM itself uses:
// go-spiffe for identity and TLS, grpcfd for descriptors, golang-jwt for tokens,
// grpc-go for the rest. A test drives it: one order a line on the standard input,
// `{"id":1,"op":"dial",...}`, one answer a line on the standard output,
// `{"id":1,"value":...}` or `{"id":1,"error":{"code":"...","message":"..."}}`.
// Orders run side by side, so answers may come in another order. It ends with its input.
//
// Usage: judge DESCRIPTORS, where DESCRIPTORS is what `buf build` makes of api/proto.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sync"

	"google.golang.org/grpc/status"
)

// order is one line of input; its arguments stand beside the operation's name.
type order struct {
	ID int    `json:"id"`
	Op string `json:"op"`
}

type failure struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

type answer struct {
	ID    int      `json:"id"`
	Value any      `json:"value,omitempty"`
	Error *failure `json:"error,omitempty"`
}

// judge is what one run holds, each kind by the name that the test gave it.
type judge struct {
	types      *types
	identities shelf[*identity]
	clients    shelf[*client]
	servers    shelf[*server]
	agents     shelf[*agent]
	roots      shelf[*root]
}

type operation func(*judge, json.RawMessage) (any, error)

var operations = map[string]operation{
	"identity": with((*judge).identity),
	"dial":     with((*judge).dial),
	"call":     with((*judge).call),
	"stream":   with((*judge).stream),
	"hangup":   with((*judge).hangup),
	"take":     with((*judge).take),
	"mint":     with((*judge).mint),
	"serve":    with((*judge).serve),
	"seen":     with((*judge).seen),
	"stop":     with((*judge).stop),
	"root":     with((*judge).root),
	"forge":    with((*judge).forge),
	"agent":    with((*judge).agent),
	"issue":    with((*judge).issue),
	"knock":    with((*judge).knock),
}

// with reads an operation's arguments; one that it does not know is a mistake.
func with[A any](do func(*judge, A) (any, error)) operation {
	return func(j *judge, text json.RawMessage) (any, error) {
		var wanted A
		if err := json.Unmarshal(text, &wanted); err != nil {
			return nil, err
		}
		return do(j, wanted)
	}
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: judge DESCRIPTORS")
		os.Exit(2)
	}
	known, err := readTypes(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "judge:", err)
		os.Exit(1)
	}
	j := &judge{types: known}
	var say sync.Mutex
	out := json.NewEncoder(os.Stdout)
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<24)
	for in.Scan() {
		line := append(json.RawMessage(nil), in.Bytes()...)
		go func() {
			reply := j.obey(line)
			say.Lock()
			defer say.Unlock()
			if err := out.Encode(reply); err != nil {
				os.Exit(1)
			}
		}()
	}
}

func (j *judge) obey(line json.RawMessage) answer {
	var one order
	if err := json.Unmarshal(line, &one); err != nil {
		return answer{Error: &failure{"Malformed", err.Error()}}
	}
	do, ok := operations[one.Op]
	if !ok {
		return answer{ID: one.ID, Error: &failure{"Malformed", "no operation " + one.Op}}
	}
	value, err := do(j, line)
	if err != nil {
		said := status.Convert(err)
		return answer{ID: one.ID, Value: value, Error: &failure{said.Code().String(), said.Message()}}
	}
	return answer{ID: one.ID, Value: value}
}

// shelf holds things by name.
type shelf[T any] struct {
	lock   sync.Mutex
	things map[string]T
}

func (s *shelf[T]) put(name string, thing T) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.things == nil {
		s.things = map[string]T{}
	}
	s.things[name] = thing
}

func (s *shelf[T]) get(name string) (T, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	thing, ok := s.things[name]
	if !ok {
		return thing, fmt.Errorf("there is no %T named %q", thing, name)
	}
	return thing, nil
}

func (s *shelf[T]) take(name string) (T, error) {
	thing, err := s.get(name)
	s.lock.Lock()
	defer s.lock.Unlock()
	delete(s.things, name)
	return thing, err
}
