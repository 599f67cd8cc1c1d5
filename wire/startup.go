package wire

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgproto3/v2"

	"streamdb/internal/sqlerr"
)

// Codes that come in place of a protocol version.
const (
	cancelCode = 1234<<16 | 5678
	sslCode    = 1234<<16 | 5679
	gssCode    = 1234<<16 | 5680
)

// startup speaks with the client until it has a session; false: it has none,
// and was told why where it listens.
func (c *conn) startup() bool {
	c.nc.SetReadDeadline(time.Now().Add(c.srv.startupTimeout()))
	code, body, err := c.startupPacket()
	if err != nil {
		var violation *sqlerr.Error
		if errors.As(err, &violation) {
			c.fatal(violation)
			c.linger()
		}
		return false
	}
	switch {
	case code == cancelCode:
		f := fields{b: body}
		pid, secret := f.uint32(), f.uint32()
		if f.end() == nil {
			c.srv.cancel(pid, secret)
		}
		return false
	case code>>16 != 3:
		return c.fatal(sqlerr.New(sqlerr.FeatureNotSupported, "unsupported frontend protocol %d.%d: server supports 3.0 to 3.0", code>>16, code&0xffff))
	}
	info, unknown, err := c.startupParams(body)
	if err != nil {
		return c.fatal(c.shown(c.ctx, err))
	}
	if code != 3<<16 || len(unknown) > 0 {
		c.negotiate(unknown)
	}
	if c.srv.closing.Load() {
		return c.fatal(errShutdown())
	}
	if c.srv.full() {
		return c.fatal(sqlerr.New(sqlerr.TooManyConnections, "sorry, too many clients already"))
	}
	return c.connect(info)
}

// connect opens the session and greets.
func (c *conn) connect(info ConnInfo) bool {
	ctx, cancel := context.WithTimeout(c.ctx, c.srv.startupTimeout())
	defer cancel()
	var params map[string]string
	err := c.guard(func() (err error) {
		if c.session, err = c.srv.Handler.Connect(ctx, info); err == nil {
			params = c.session.Params()
		}
		return err
	})
	if err != nil {
		if c.session != nil {
			c.guard(func() error { c.session.Close(); return nil })
		}
		return c.fatal(c.shown(c.ctx, err))
	}
	c.log = c.log.With("pid", c.pid)
	c.log.Debug("connection opened", "user", info.User, "database", info.Database, "application", info.Application, "remote", info.Remote)
	c.statements, c.portals = map[string]*statement{}, map[string]*portal{}
	c.nc.SetReadDeadline(time.Time{}) // before ready: a closing server is noticed in step
	c.out.send(&pgproto3.AuthenticationOk{})
	c.sendParams(params)
	c.out.send(&pgproto3.BackendKeyData{ProcessID: c.pid, SecretKey: c.secret})
	c.ready()
	return true
}

// startupPacket reads the first packet that is no request for encryption.
func (c *conn) startupPacket() (code uint32, body []byte, err error) {
	for range 3 { // SSL, GSS, startup
		var head [4]byte
		if _, err := io.ReadFull(c.in.br, head[:]); err != nil {
			return 0, nil, err
		}
		n := binary.BigEndian.Uint32(head[:])
		if n < 8 || n > maxStartup {
			return 0, nil, sqlerr.New(sqlerr.ProtocolViolation, "invalid length of startup packet")
		}
		if body, err = c.in.body(int(n) - 4); err != nil {
			return 0, nil, err
		}
		code = binary.BigEndian.Uint32(body)
		body = body[4:]
		switch code {
		case sslCode:
			err = c.offerTLS()
		case gssCode:
			_, err = c.nc.Write([]byte{'N'})
		default:
			return code, body, nil
		}
		if err != nil {
			return 0, nil, err
		}
	}
	return 0, nil, sqlerr.New(sqlerr.ProtocolViolation, "too many requests for encryption")
}

func (c *conn) offerTLS() error {
	if _, encrypted := c.nc.(*tls.Conn); encrypted || c.srv.TLS == nil {
		_, err := c.nc.Write([]byte{'N'})
		return err
	}
	// What came before the handshake would be taken for encrypted (CVE-2021-23222).
	if c.in.br.Buffered() > 0 {
		return sqlerr.New(sqlerr.ProtocolViolation, "received unencrypted data after SSL request")
	}
	if _, err := c.nc.Write([]byte{'S'}); err != nil {
		return err
	}
	t := tls.Server(c.nc, c.srv.TLS)
	if err := t.Handshake(); err != nil {
		return err
	}
	c.attach(t)
	return nil
}

// startupParams reads the startup message's parameters. unknown are the
// protocol options, of which there are none that the server knows.
func (c *conn) startupParams(body []byte) (info ConnInfo, unknown []string, err error) {
	info = ConnInfo{Options: map[string]string{}, Remote: c.nc.RemoteAddr().String(), PID: c.pid}
	f := fields{b: body}
	for {
		name := f.text()
		if name == "" {
			break
		}
		value := f.text()
		if err := errors.Join(checkText(name), checkText(value)); err != nil {
			return info, nil, err
		}
		switch {
		case name == "user":
			info.User = value
		case name == "database":
			info.Database = value
		case name == "application_name":
			info.Application = value
		case name == "options":
			if err := commandLine(value, info.Options); err != nil {
				return info, nil, err
			}
		case name == "replication":
			if !slices.Contains([]string{"false", "off", "no", "0"}, strings.ToLower(value)) {
				return info, nil, sqlerr.Unsupported("replication")
			}
		case strings.HasPrefix(name, "_pq_."):
			unknown = append(unknown, name)
		default:
			info.Options[name] = value
		}
	}
	if f.end() != nil {
		return info, nil, sqlerr.New(sqlerr.ProtocolViolation, "invalid startup packet layout: expected terminator as last byte")
	}
	if info.User == "" {
		return info, nil, sqlerr.New(sqlerr.InvalidAuthorizationSpec, "no PostgreSQL user name specified in startup packet")
	}
	if info.Database == "" {
		info.Database = info.User
	}
	if name := "application_name"; info.Application == "" {
		info.Application = info.Options[name]
		delete(info.Options, name)
	}
	return info, unknown, nil
}

// commandLine reads the options parameter, which holds settings as arguments of
// Postgres's own command line: -c name=value, -cname=value or --name=value,
// with backslashes before blanks in values.
func commandLine(s string, into map[string]string) error {
	args := splitArgs(s)
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		var setting string
		switch {
		case arg == "-c" && len(args) > 0:
			setting, args = args[0], args[1:]
		case strings.HasPrefix(arg, "--"):
			setting = arg[2:]
		case strings.HasPrefix(arg, "-c"):
			setting = arg[2:]
		}
		name, value, ok := strings.Cut(setting, "=")
		if !ok || name == "" {
			return sqlerr.New(sqlerr.SyntaxError, "invalid command-line argument for server process: %s", arg)
		}
		into[strings.ReplaceAll(name, "-", "_")] = value
	}
	return nil
}

func splitArgs(s string) []string {
	var args []string
	var word []byte
	in := false
	for i := 0; i < len(s); i++ {
		switch ch := s[i]; {
		case ch == ' ' || ch >= '\t' && ch <= '\r':
			if in {
				args = append(args, string(word))
			}
			word, in = nil, false
			continue
		case ch == '\\' && i+1 < len(s):
			i++
		}
		word, in = append(word, s[i]), true
	}
	if in {
		args = append(args, string(word))
	}
	return args
}

// negotiate answers a client that asks for more than protocol 3.0.
func (c *conn) negotiate(unknown []string) {
	body := binary.BigEndian.AppendUint32(nil, 3<<16)
	body = binary.BigEndian.AppendUint32(body, uint32(len(unknown)))
	for _, name := range slices.Sorted(slices.Values(unknown)) {
		body = append(append(body, name...), 0)
	}
	c.out.sendRaw('v', body...)
}
