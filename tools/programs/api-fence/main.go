// Package main stands between a controller and the API server, in the controller's own pod.
//
// It alone has the account's token, so a program that strangers talk to needs none. And it asks for
// less than the controller does: a list of some kinds in all namespaces becomes one of a single
// namespace, so that the account need not be allowed to read, say, every Secret. What is allowed is
// for the roles of the account to say; this only asks for no more than that.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const core = "/api/v1/"

func main() {
	at := flag.String("listen", "127.0.0.1:8001", "address to answer at")
	server := flag.String("server", inCluster(), "URL of the API server")
	folder := flag.String("credentials", "/var/run/secrets/kubernetes.io/serviceaccount",
		"folder of token and ca.crt")
	namespace := flag.String("namespace", "", "where the kinds of --kinds are asked for")
	kinds := flag.String("kinds", "configmaps,secrets", "kinds of the core group, by their plural")
	flag.Parse()

	target, err := url.Parse(*server)
	if err != nil || target.Host == "" || *namespace == "" {
		log.Fatalf("a server and a namespace are needed: server %q, namespace %q", *server, *namespace)
	}
	transport, err := trusting(filepath.Join(*folder, "ca.crt"))
	if err != nil {
		log.Fatal(err)
	}
	token := filepath.Join(*folder, "token")
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Path = narrowed(r.In.URL.Path, *namespace, strings.Split(*kinds, ","))
			r.Out.URL.RawPath = ""
			r.SetURL(target)
			// Read each time: the kubelet writes a new one before the old one is over.
			said, err := os.ReadFile(token)
			if err != nil {
				log.Print(err)
			}
			r.Out.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(said)))
		},
		// What is watched has to come through as it comes.
		FlushInterval: -1,
		Transport:     transport,
	}
	log.Printf("%s: %s, and %s of %s alone", *at, target, *kinds, *namespace)
	answering := &http.Server{Addr: *at, Handler: proxy, ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(answering.ListenAndServe())
}

// narrowed returns the path of a list in one namespace for that of a list in all of them.
func narrowed(path, namespace string, kinds []string) string {
	if kind, listed := strings.CutPrefix(path, core); listed && slices.Contains(kinds, kind) {
		return core + "namespaces/" + namespace + "/" + kind
	}
	return path
}

// inCluster returns the address that every pod is told.
func inCluster() string {
	host, port := os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT")
	if host == "" {
		return ""
	}
	return "https://" + net.JoinHostPort(host, port)
}

// trusting returns a transport that believes certificates of the cluster's authority.
func trusting(file string) (*http.Transport, error) {
	authority, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	known := x509.NewCertPool()
	if !known.AppendCertsFromPEM(authority) {
		return nil, errors.New(file + " holds no certificate")
	}
	return &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: known, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2: true,
		// A server that went without a word is found out, and what is watched is asked for anew.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second},
	}, nil
}
