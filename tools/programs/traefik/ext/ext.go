// Package ext is what a build of Traefik adds to its dynamic configuration: this one adds nothing.
package ext

// HTTP would be further sections beside routers, services and middlewares.
type HTTP struct{}

// Router would be further settings of a router.
type Router struct{}
