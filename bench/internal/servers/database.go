package servers

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"
)

// Database is one of the databases that are compared, with one connection to it.
type Database interface {
	Name() string
	Exec(sql string) error
	// Fill appends rows to a table: lines of values with tabs between them, which
	// have neither tabs nor backslashes.
	Fill(table string, rows io.Reader) error
	// Query gives the rows as text, NULL as nil, and the CPU time that the database
	// says it took, or 0: then CPU is asked before and after.
	Query(sql string) (rows [][]*string, took time.Duration, err error)
	CPU() time.Duration
	Close()
}

// socket is a server that speaks the Postgres protocol.
type socket struct {
	*Server
	title string
	conn  *pgx.Conn
}

// Dial connects to a server, which is the Database's from then on.
func Dial(title string, s *Server) (Database, error) {
	conn, err := s.Connect(context.Background())
	if err != nil {
		s.Stop()
		return nil, err
	}
	return &socket{s, title, conn}, nil
}

func (s *socket) Name() string { return s.title }

func (s *socket) Exec(sql string) error {
	if _, err := s.conn.Exec(context.Background(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
		return fmt.Errorf("%s: %.200s: %w", s.title, sql, err)
	}
	return nil
}

func (s *socket) Fill(table string, rows io.Reader) error {
	_, err := s.conn.PgConn().CopyFrom(context.Background(), rows, "COPY "+table+" FROM STDIN")
	return err
}

func (s *socket) Query(sql string) (rows [][]*string, took time.Duration, err error) {
	results, err := s.conn.PgConn().Exec(context.Background(), sql).ReadAll()
	if err != nil {
		return nil, 0, err
	}
	for _, r := range results {
		for _, row := range r.Rows {
			text := make([]*string, len(row))
			for i, v := range row {
				if v != nil {
					s := string(v)
					text[i] = &s
				}
			}
			rows = append(rows, text)
		}
	}
	return rows, 0, nil
}

func (s *socket) Close() {
	s.conn.Close(context.Background())
	s.Stop()
}
