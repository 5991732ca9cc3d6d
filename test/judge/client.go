// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/edwarnicke/grpcfd"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// client is one channel to one of wanwire's servers.
type client struct {
	who  *identity
	conn *grpc.ClientConn
}

type dialWanted struct {
	Name     string `json:"name"`
	Identity string `json:"identity"`
	// URL is `unix:///path` or `tcp://ip:port`.
	URL string `json:"url"`
}

// dial makes a channel; it connects with its first call.
func (j *judge) dial(wanted dialWanted) (any, error) {
	who, err := j.identities.get(wanted.Identity)
	if err != nil {
		return nil, err
	}
	config := tlsconfig.MTLSClientConfig(who.svid, who.bundles, tlsconfig.AuthorizeAny())
	config.MinVersion = tls.VersionTLS12
	conn, err := grpc.NewClient(target(wanted.URL),
		grpc.WithTransportCredentials(grpcfd.TransportCredentials(credentials.NewTLS(config))))
	if err != nil {
		return nil, err
	}
	j.clients.put(wanted.Name, &client{who, conn})
	return nil, nil
}

type callWanted struct {
	Client  string          `json:"client"`
	Method  string          `json:"method"`
	Message json.RawMessage `json:"message"`
	// Files go with the call, by their paths.
	Files []string `json:"files"`
	// Fetch takes the descriptors that the answer names: the mechanism's namespace, a found endpoint's socket.
	Fetch bool `json:"fetch"`
	// Token replaces the honest one; an empty text sends none.
	Token *string `json:"token"`
	// Path is the registry's `path` metadata; not sent where it is not said.
	Path *string `json:"path"`
	// Count and TimeoutMs end a stream, whichever comes first.
	Count     int `json:"count"`
	TimeoutMs int `json:"timeoutMs"`
}

// call is one RPC; the answer has the message, the peer's ID and what there is to say of its token.
func (j *judge) call(wanted callWanted) (any, error) {
	method, to, request, err := j.prepare(wanted)
	if err != nil {
		return nil, err
	}
	ctx, cancel := wanted.context()
	defer cancel()
	var header metadata.MD
	other := &peer.Peer{}
	reply := dynamicpb.NewMessage(method.Output())
	options, files := wanted.options(to)
	options = append(options, grpc.Header(&header), grpc.Peer(other))
	if err := to.conn.Invoke(ctx, wanted.Method, request, reply, options...); err != nil {
		return nil, err
	}
	made, err := toTree(reply)
	if err != nil {
		return nil, err
	}
	shown, err := certificate(other)
	if err != nil {
		return nil, err
	}
	id, err := x509svid.IDFromCert(shown)
	if err != nil {
		return nil, err
	}
	said := tree{"message": made, "peer": id.String(), "path": header.Get("path")}
	if method.FullName() == "networkservice.NetworkService.Request" {
		said["verdict"] = to.verdict(made, shown)
	}
	if wanted.Fetch {
		said["fetched"], err = fetch(ctx, files, made)
	}
	return said, err
}

// verdict on an answer's path, as NSM's rules for clients would have it: empty is good.
func (c *client) verdict(connection tree, shown *x509.Certificate) string {
	path := branch(connection, "path")
	segments := list(path, "pathSegments")
	if err := checkChain(segments); err != nil {
		return err.Error()
	}
	next := number(path, "index") + 1
	if next >= len(segments) {
		return "the path ends with the client"
	}
	svid, err := c.who.svid.GetX509SVID()
	if err != nil {
		return err.Error()
	}
	// What the next hop has passed on is for its own next one: only the last hop's own token is for us.
	if next == len(segments)-1 {
		err = checkToken(text(segments[next], "token"), shown, svid.ID.String())
	} else {
		err = checkSignature(text(segments[next], "token"), shown)
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// stream reads a server's stream to its count, its time or its end.
func (j *judge) stream(wanted callWanted) (any, error) {
	method, to, request, err := j.prepare(wanted)
	if err != nil {
		return nil, err
	}
	ctx, cancel := wanted.context()
	defer cancel()
	options, files := wanted.options(to)
	stream, err := to.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, wanted.Method, options...)
	if err != nil {
		return nil, err
	}
	if err := stream.SendMsg(request); err != nil {
		return nil, err
	}
	if err := stream.CloseSend(); err != nil {
		return nil, err
	}
	heard := []tree{}
	for wanted.Count == 0 || len(heard) < wanted.Count {
		message := dynamicpb.NewMessage(method.Output())
		if err := stream.RecvMsg(message); err != nil {
			// The server knows the time there is, too, and may be the first to say that it is over.
			if errors.Is(err, io.EOF) || ctx.Err() != nil || status.Code(err) == codes.DeadlineExceeded {
				break
			}
			return heard, err
		}
		made, err := toTree(message)
		if err != nil {
			return heard, err
		}
		if wanted.Fetch {
			if made["fetched"], err = fetch(ctx, files, made); err != nil {
				return heard, err
			}
		}
		heard = append(heard, made)
	}
	return heard, nil
}

func (j *judge) prepare(wanted callWanted) (protoreflect.MethodDescriptor, *client, *dynamicpb.Message, error) {
	to, err := j.clients.get(wanted.Client)
	if err != nil {
		return nil, nil, nil, err
	}
	method, err := j.types.method(wanted.Method)
	if err != nil {
		return nil, nil, nil, err
	}
	request, err := j.types.message(method.Input(), wanted.Message)
	return method, to, request, err
}

func (w callWanted) context() (context.Context, context.CancelFunc) {
	ctx, cancel := within(w.TimeoutMs)
	if w.Path != nil {
		ctx = metadata.AppendToOutgoingContext(ctx, "path", *w.Path)
	}
	return ctx, cancel
}

// options carry the token and, as the Go SDK does it, the files: by the call's own credentials.
func (w callWanted) options(to *client) ([]grpc.CallOption, grpcfd.FDTransceiver) {
	var bearer credentials.PerRPCCredentials = honest{to.who.svid}
	if w.Token != nil {
		bearer = given{*w.Token}
	}
	wrapped := grpcfd.PerRPCCredentials(bearer)
	files, _ := grpcfd.FromPerRPCCredentials(wrapped)
	for _, file := range w.Files {
		files.SendFilename(file)
	}
	return []grpc.CallOption{grpc.PerRPCCredentials(wrapped)}, files
}

// fetch takes what an answer names and says which files came: each by its inode.
func fetch(ctx context.Context, from grpcfd.FDRecver, message tree) ([]string, error) {
	came := []string{}
	for _, url := range []string{
		text(branch(branch(message, "mechanism"), "parameters"), "inodeURL"),
		text(branch(message, "networkServiceEndpoint"), "url"),
		text(message, "url"),
	} {
		if !strings.HasPrefix(url, "inode:") {
			continue
		}
		file, err := received(ctx, from, url)
		if err != nil {
			return came, err
		}
		name, err := inode(file.Name())
		_ = file.Close()
		if err != nil {
			return came, err
		}
		came = append(came, name)
	}
	return came, nil
}

func received(ctx context.Context, from grpcfd.FDRecver, url string) (*os.File, error) {
	files, err := from.RecvFileByURL(url)
	if err != nil {
		return nil, err
	}
	select {
	case file := <-files:
		if file == nil {
			return nil, fmt.Errorf("%s: the connection ended", url)
		}
		return file, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("%s did not come: %w", url, ctx.Err())
	}
}

// inode is a file's name on the wire.
func inode(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "", errors.New("no inode")
	}
	return fmt.Sprintf("inode://%d/%d", stat.Dev, stat.Ino), nil
}

type named struct {
	Name string `json:"name"`
}

func (j *judge) hangup(wanted named) (any, error) {
	of, err := j.clients.take(wanted.Name)
	if err != nil {
		return nil, err
	}
	return nil, of.conn.Close()
}
