package main

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestDebug(t *testing.T) {
	at, stop, err := serveDebug("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.Get("http://" + at.String() + "/debug/pprof/goroutine?debug=1")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(answer.Body)
	answer.Body.Close()
	if !strings.Contains(string(body), "TestDebug") {
		t.Errorf("a profile of goroutines without this one: %s", body)
	}
	stop()
	if _, err := http.Get("http://" + at.String() + "/debug/pprof/"); err == nil {
		t.Error("answers after it was stopped")
	}
	if _, _, err := serveDebug("0.0.0.0:0"); err == nil {
		t.Error("gives profiles to other machines")
	}
}
