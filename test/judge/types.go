// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// types are NSM's messages and methods, as our own .proto files have them: no code is generated.
type types struct {
	files *protoregistry.Files
}

func readTypes(path string) (*types, error) {
	bytes, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	set := &descriptorpb.FileDescriptorSet{}
	if err := proto.Unmarshal(bytes, set); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	files, err := protodesc.NewFiles(set)
	return &types{files}, err
}

// method finds `/package.Service/Method`.
func (t *types) method(path string) (protoreflect.MethodDescriptor, error) {
	name := strings.ReplaceAll(strings.TrimPrefix(path, "/"), "/", ".")
	found, err := t.files.FindDescriptorByName(protoreflect.FullName(name))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	method, ok := found.(protoreflect.MethodDescriptor)
	if !ok {
		return nil, fmt.Errorf("%s is no method", path)
	}
	return method, nil
}

// message makes one of a type out of JSON; none is an empty one.
func (t *types) message(of protoreflect.MessageDescriptor, text json.RawMessage) (*dynamicpb.Message, error) {
	made := dynamicpb.NewMessage(of)
	if len(text) == 0 {
		return made, nil
	}
	options := protojson.UnmarshalOptions{Resolver: dynamicpb.NewTypes(t.files)}
	return made, options.Unmarshal(text, made)
}

// tree is a message as maps, lists and text: what protojson makes of it.
type tree = map[string]any

func toTree(message proto.Message) (tree, error) {
	text, err := protojson.Marshal(message)
	if err != nil {
		return nil, err
	}
	var made tree
	return made, json.Unmarshal(text, &made)
}

func (t *types) fromTree(of protoreflect.MessageDescriptor, from any) (*dynamicpb.Message, error) {
	text, err := json.Marshal(from)
	if err != nil {
		return nil, err
	}
	return t.message(of, text)
}

// branch is a field that is a message; made where it is not there.
func branch(of tree, field string) tree {
	found, ok := of[field].(tree)
	if !ok {
		found = tree{}
		of[field] = found
	}
	return found
}

// text is a field that is a string.
func text(of tree, field string) string {
	found, _ := of[field].(string)
	return found
}

// list is a repeated field of messages.
func list(of tree, field string) []tree {
	var made []tree
	all, _ := of[field].([]any)
	for _, one := range all {
		if found, ok := one.(tree); ok {
			made = append(made, found)
		}
	}
	return made
}

// number is a field that is a number; 0 where it is not there.
func number(of tree, field string) int {
	found, _ := of[field].(float64)
	return int(found)
}
