//go:build !linux

package servers

import "time"

// CPU is not known here.
func (s *Server) CPU() time.Duration { return 0 }

// RSS is not known here.
func (s *Server) RSS() int64 { return 0 }
