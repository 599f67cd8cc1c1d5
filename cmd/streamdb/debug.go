package main

import (
	"errors"
	"net"
	"net/http"
	"net/http/pprof"
)

// serveDebug answers profiles of the running process under /debug/pprof/ on
// loopback until stop is called; it returns the address that it got.
func serveDebug(address string) (addr net.Addr, stop func(), err error) {
	at, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, nil, err
	}
	if !at.IP.IsLoopback() {
		return nil, nil, errors.New("profiles are only given on loopback: name an address as 127.0.0.1:6060")
	}
	ln, err := net.ListenTCP("tcp", at)
	if err != nil {
		return nil, nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index) // and all profiles by their names
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	server := &http.Server{Handler: mux}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(ln) // ends with stop
	}()
	return ln.Addr(), func() { server.Close(); <-done }, nil
}
