// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
)

type knockWanted struct {
	URL      string `json:"url"`
	Identity string `json:"identity"`
	// How: `plain` (HTTP/2 without TLS), `silent` (nothing at all), `half` (half a ClientHello), `anonymous`
	// (no certificate), `no-alpn`, `old` (TLS 1.1), or `tls`, which is what it ought to be.
	How       string `json:"how"`
	TimeoutMs int    `json:"timeoutMs"`
	// Times over, each on a connection of its own; 0 is once.
	Times int `json:"times"`
}

// knock opens a connection in some way and says how it was received: `open` (still, when the time was up),
// `accepted`, `closed`, or what TLS has said; and after how long the last one ended.
func (j *judge) knock(wanted knockWanted) (any, error) {
	var outcome, shown string
	began := time.Now()
	for range max(1, wanted.Times) {
		network, address := listenOn(wanted.URL)
		conn, err := net.Dial(network, address)
		if err != nil {
			return nil, err
		}
		began = time.Now()
		outcome, shown, err = j.knockOn(conn, wanted)
		_ = conn.Close()
		if err != nil {
			return nil, err
		}
	}
	return tree{"outcome": outcome, "serial": shown, "afterMs": time.Since(began).Milliseconds()}, nil
}

// knockOn also gives the serial number of the certificate that it was shown.
func (j *judge) knockOn(conn net.Conn, wanted knockWanted) (outcome, shown string, err error) {
	ms := wanted.TimeoutMs
	if ms == 0 {
		ms = 10_000
	}
	if err := conn.SetDeadline(time.Now().Add(time.Duration(ms) * time.Millisecond)); err != nil {
		return "", "", err
	}
	first := map[string]string{
		"silent": "",
		"plain":  preface,
		// A record that announces 512 bytes and brings five.
		"half": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03",
	}
	if bytes, ok := first[wanted.How]; ok {
		return listen(conn, bytes), "", nil
	}
	who, err := j.identities.get(wanted.Identity)
	if err != nil {
		return "", "", err
	}
	config := tlsconfig.MTLSClientConfig(who.svid, who.bundles, tlsconfig.AuthorizeAny())
	config.NextProtos = []string{"h2"}
	config.MinVersion = tls.VersionTLS12
	switch wanted.How {
	case "anonymous":
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return &tls.Certificate{}, nil
		}
	case "no-alpn":
		config.NextProtos = nil
	case "old":
		config.MinVersion, config.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	}
	secure := tls.Client(conn, config)
	if err := secure.Handshake(); err != nil {
		return err.Error(), "", nil
	}
	shown = secure.ConnectionState().PeerCertificates[0].SerialNumber.String()
	// With TLS 1.3 a server refuses a certificate after the client's side is through.
	return listen(secure, preface), shown, nil
}

// preface is HTTP/2's, with empty settings.
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"

// listen says something and waits for a first byte.
func listen(conn net.Conn, bytes string) string {
	if _, err := conn.Write([]byte(bytes)); err != nil {
		return err.Error()
	}
	var byte1 [1]byte
	_, err := conn.Read(byte1[:])
	var late net.Error
	switch {
	case err == nil:
		return "accepted"
	case errors.Is(err, io.EOF):
		return "closed"
	case errors.As(err, &late) && late.Timeout():
		return "open"
	}
	return err.Error()
}
