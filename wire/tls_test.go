package wire

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func selfSigned(t *testing.T) *tls.Config {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

func TestTLS(t *testing.T) {
	db := newFakeDB()
	_, addr := startServer(t, db, func(s *Server) { s.TLS = selfSigned(t) })
	ctx := context.Background()
	c, err := pgx.Connect(ctx, "postgres://me@"+addr+"/dev?sslmode=require")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	if _, encrypted := c.PgConn().Conn().(*tls.Conn); !encrypted {
		t.Error("the connection is not encrypted")
	}
	for range 2 { // the watch's deadline does not spoil the stream
		if _, err := c.Exec(ctx, "nap"); err != nil {
			t.Fatal(err)
		}
	}
	if r := c.PgConn().ExecParams(ctx, "rows 5000", nil, nil, nil, nil).Read(); r.Err != nil || len(r.Rows) != 5000 {
		t.Error(r.Err, len(r.Rows))
	}
	done := make(chan error, 1)
	go func() {
		_, err := c.Exec(ctx, "sleep")
		done <- err
	}()
	<-db.sleeping
	if err := c.PgConn().CancelRequest(ctx); err != nil {
		t.Error(err)
	}
	if err := <-done; code(err) != "57014" {
		t.Error(err)
	}

	// What comes unencrypted behind the request is not taken for encrypted.
	r := rawDial(t, addr)
	r.nc.Write([]byte("\x00\x00\x00\x08\x04\xd2\x16\x2f\x00\x00\x00\x12\x00\x03\x00\x00user\x00me\x00\x00"))
	if got := r.untilReady(); got != "FATAL:08P01 closed" {
		t.Error(got)
	}
	// Without a certificate the answer is no.
	_, plain := startServer(t, newFakeDB(), nil)
	if _, err := pgconn.Connect(ctx, "postgres://me@"+plain+"/dev?sslmode=require"); err == nil {
		t.Error("TLS without a certificate")
	}
}
