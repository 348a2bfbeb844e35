// Package main is a registry of images that forgets all when it ends.
//
// Tests push to it what they sign. It serves the referrers of an image, by which its signatures are
// found.
package main

import (
	"log"
	"net/http"
	"os"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
)

func main() {
	address := ":5000"
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	server := &http.Server{
		Addr:              address,
		Handler:           registry.New(registry.WithReferrersSupport(true)),
		ReadHeaderTimeout: 5 * time.Second,
	}
	log.Fatal(server.ListenAndServe())
}
